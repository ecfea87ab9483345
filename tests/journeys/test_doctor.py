"""`strongroom doctor` on a running house: what its rows tell, locked and unlocked, and that no customer's row is read."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.test_command import strongroom


def doctor(rehearsal: Rehearsal, *which: str) -> dict[str, dict[str, Any]]:
    ran = strongroom(rehearsal, "doctor", "--json", *which)
    assert ran.returncode in (0, 3, 4), ran.stderr
    return {row["id"]: row for row in json.loads(ran.stdout)["checks"]}


@contextmanager
def owner(rehearsal: Rehearsal) -> Iterator[psycopg.Connection[Any]]:
    """The database as its own administrator has it."""
    parameters = {**rehearsal.running.admin, "dbname": rehearsal.running.configuration.database.name}
    with psycopg.connect(**parameters, autocommit=True) as connection:
        yield connection


def test_a_running_house_is_well(rehearsal: Rehearsal) -> None:
    found = doctor(rehearsal)
    wrong = {id_: row["found"] for id_, row in found.items() if row["state"] == "problem"}
    behind = {"house.promises", "house.checks", "machine.inspector"}  # the clock was moved past what they were due
    beside = {"machine.listeners"}  # servers of other tests, which run on this machine at the same time
    assert set(wrong) <= behind | beside, wrong
    for id_ in ("keys.broker", "keys.overdue", "journal.fresh", "house.schema", "house.worker", "machine.port"):
        assert found[id_]["state"] == "ok", found[id_]


def test_a_locked_broker_is_a_problem_until_the_remedy_is_followed(rehearsal: Rehearsal) -> None:
    assert strongroom(rehearsal, "keys", "seal").returncode == 0
    try:
        row = doctor(rehearsal, "keys.broker")["keys.broker"]
        assert (row["state"], row["remedies"]) == ("problem", ["strongroom keys unlock"])
    finally:
        unlock = rehearsal.folders.data / "rehearsal-unlock"
        assert strongroom(rehearsal, "keys", "unlock", "--file", str(unlock)).returncode == 0
    assert doctor(rehearsal, "keys.broker")["keys.broker"]["state"] == "ok"


PLANTED = [
    ("house.schema", "DELETE FROM django_migrations WHERE app = 'obligations' AND name LIKE '0008%'",
     "INSERT INTO django_migrations (app, name, applied) VALUES ('obligations', '0008_open_by_kind', now())"),
    ("house.printers", "UPDATE printer SET condition = 'wrong', asked_at = asked_at + interval '1 hour'",
     "UPDATE printer SET condition = 'ready', asked_at = asked_at - interval '1 hour'"),  # not asked meanwhile
]  # fmt: skip


@pytest.mark.parametrize(("id_", "plant", "mend"), PLANTED)
def test_a_fault_in_the_rows_turns_its_examination(rehearsal: Rehearsal, id_: str, plant: str, mend: str) -> None:
    with owner(rehearsal) as database:
        database.execute(plant)
        try:
            assert doctor(rehearsal, id_)[id_]["state"] == "problem"
        finally:
            database.execute(mend)
        assert doctor(rehearsal, id_)[id_]["state"] == "ok"


def test_an_inspector_that_stopped_looking_is_told(rehearsal: Rehearsal) -> None:
    path = rehearsal.folders.data / "verdicts" / "process-flags.json"
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.2)
    seen = path.stat()
    os.utime(path, (seen.st_atime - 9_000, seen.st_mtime - 9_000))
    row = doctor(rehearsal, "machine.inspector")["machine.inspector"]
    os.utime(path, (seen.st_atime, seen.st_mtime))
    assert row["state"] == "problem"
    assert re.search(r"for 15[0-9] minutes", row["found"]), row
    assert doctor(rehearsal, "machine.inspector")["machine.inspector"]["state"] == "ok"
