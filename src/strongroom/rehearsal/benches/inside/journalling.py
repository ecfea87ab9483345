"""The worker's part of the journal: places for entries beside whoever writes them, and entries in batches."""

import os
import threading
import time
from typing import Any, Final

from django.db import connection

from strongroom.formats import leaf
from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.logging_and_monitoring import journal

LOOK_EVERY: Final = 0.2
"""As the worker does."""
_over = threading.Event()
_threads: list[threading.Thread] = []


def begin_sequencing() -> bool:
    """From now on every entry gets its place, beside what is measured."""
    _over.clear()
    _threads.append(threading.Thread(target=_sequence, name="sequencing"))
    _threads[-1].start()
    return True


def end_sequencing() -> bool:
    _over.set()
    while _threads:
        _threads.pop().join()
    return True


def append(batch: int, batches: int) -> dict[str, Any]:
    """Entries made before, then each batch appended at the real broker: durable when it answers."""
    now = definitions.milliseconds(definitions.now())
    made = [[(leaf.encode_entry(_entry(now)), os.urandom(leaf.SALT_BYTES)) for _ in range(batch)]
            for _ in range(batches)]  # fmt: skip
    began = time.perf_counter()
    for entries in made:
        assert len(broker.append(entries)) == batch  # noqa: S101 - else nothing is measured
    return {"seconds": time.perf_counter() - began}


def _entry(at: int) -> leaf.Entry:
    """What the worker writes most: that a page of orders came."""
    return leaf.Entry(
        id=os.urandom(16), kind=Kind.PAGE_RECEIVED, outcome=Outcome.DONE, at=at, account=definitions.INSTALLATION,
        subject=leaf.NOBODY, by=Actor.RECEIPT.reference, facts={Fact.CALL: os.urandom(16), Fact.COUNT: 100},
    )  # fmt: skip


def _sequence() -> None:
    try:
        while not _over.wait(LOOK_EVERY):
            for account in journal.accounts_with_pending():
                journal.sequence(account, broker.append)
    finally:
        connection.close()
