"""The website's part of revealing and searching, one after another as one worker thread of it does."""

import time
import uuid
from typing import Any

from django.db import connection

from strongroom.formats.parts import Purpose
from strongroom.formats.search import SearchField
from strongroom.formats.secret import Secret
from strongroom.policy.encryption_and_storage.actions import FOUND, find, open_for


def open_parts(account: int, orders: list[str], by: str) -> dict[str, Any]:
    """Open each order's recipient for a question about delivery: entry committed, leaf durable, fields in hand."""
    actor, taken, began = bytes.fromhex(by), [], time.monotonic()
    for order in orders:
        at = time.perf_counter()
        opened = open_for(account=account, order=uuid.UUID(order), purpose=Purpose.DELIVERY, by=actor)
        taken.append(time.perf_counter() - at)
        assert opened.fields["name"]  # noqa: S101 - else nothing is measured
    return {"began": began, "ended": time.monotonic(), "taken": taken}


def commit(count: int) -> dict[str, Any]:
    """So many small durable commits: one row each."""
    taken, began = [], time.monotonic()
    with connection.cursor() as cursor:
        for _ in range(count):
            at = time.perf_counter()
            cursor.execute("INSERT INTO bench.commits (payload) VALUES (%s)", [bytes(100)])
            taken.append(time.perf_counter() - at)
    return {"began": began, "ended": time.monotonic(), "taken": taken}


def statement() -> str:
    """What a search by e-mail asks of the database: living days and their index values, account, how many at most."""
    return FOUND[SearchField.EMAIL]


def search(account: int, values: list[str], by: str) -> dict[str, Any]:
    """Look for each e-mail address: entry committed, index values asked for, rows found, verified by the broker."""
    actor, taken, found = bytes.fromhex(by), [], 0
    for value in values:
        at = time.perf_counter()
        found += len(find(account=account, field=SearchField.EMAIL, value=Secret(value), by=actor))
        taken.append(time.perf_counter() - at)
    return {"taken": taken, "found": found}
