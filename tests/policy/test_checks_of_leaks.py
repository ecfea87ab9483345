"""No file and no log holds a customer: the search finds each break and its own plants, and nothing else (RR-4, LM-3)."""

import json
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from strongroom.formats import probe_words
from strongroom.formats.log_lines import strange
from strongroom.formats.parts import Part
from strongroom.rehearsal.sabotage import leaking
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from tests.house.running import House
from tests.policy.looking import look, verdict, verdicts

BREAKS = [s for s in leaking.SABOTAGE if "log" not in s.breaks]
"""Those that need no running website; logs have tests of their own."""


@pytest.fixture(scope="module")
def probed(house: House) -> Iterator[House]:
    """A house with a probe, an order, and the worker's log, into which this process writes as the worker would."""
    from strongroom.policy.retention_and_recovery import probe

    probe.keep()
    with one_user(house), house.shop() as shop:
        shop.place(1)
        shop.receive()
        yield house


@contextmanager
def one_user(house: House) -> Iterator[None]:
    """As where one user runs everything, so that this process searches itself; the inspector's search has its own tests."""
    description = house.rehearsal.folders.data / "installation.json"
    before = description.read_bytes()
    description.write_bytes(json.dumps(json.loads(before) | {"grade": "single-user"}).encode())
    try:
        yield
    finally:
        description.write_bytes(before)


@contextmanager
def own_log(probed: House) -> Iterator[Path]:
    """This process's standard error is the worker's log, as the supervisor makes it."""
    from strongroom.website.log import ValuelessFormatter

    path, before = probed.rehearsal.folders.logs / "worker.log", os.dup(2)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    handler, log = logging.StreamHandler(os.fdopen(descriptor, "w")), logging.getLogger("strongroom.leaks")
    handler.setFormatter(ValuelessFormatter())
    log.addHandler(handler)
    os.dup2(descriptor, 2)
    try:
        yield path
    finally:
        os.dup2(before, 2)
        os.close(before)
        log.removeHandler(handler)
        handler.stream.close()
        path.unlink()


def name_of_the_probe() -> str:
    from strongroom.policy.retention_and_recovery import probe

    return probe_words.fields(probe.known()[0])[Part.RECIPIENT]["name"].text()


@pytest.mark.parametrize("sabotage", BREAKS, ids=lambda s: f"{s.clause}: {s.breaks}")
def test_a_break_is_found_and_after_its_mending_nothing(probed: House, sabotage: Sabotage) -> None:
    with sabotage.act(Target(probed.rehearsal)):
        broken = verdict(probed, "RR-4.scan")
        assert broken.outcome == "fail", broken
        assert name_of_the_probe().lower() not in broken.reason.lower()
    mended = verdict(probed, "RR-4.scan")
    assert mended.outcome == "pass", mended


def test_the_search_finds_what_it_put_into_the_databases_own_log_of_changes(probed: House) -> None:
    told = verdict(probed, "RR-4.scan")
    assert told.outcome == "pass"
    assert told.seen["positive_control_found"] == told.seen["positive_control_planted"]
    assert int(told.seen["positive_control_planted"]) > 45


def test_a_search_that_misses_one_of_its_plants_is_unknown_whatever_it_found(probed: House) -> None:
    """The clock of the machine's files is not asked: a mark that lies nowhere is missed."""
    from strongroom.policy.retention_and_recovery.checks.leaking import _by_a_child

    asked = {"refs": [uuid.uuid4().hex], "control": uuid.uuid4().hex, "marks": {"changes": "/nowhere"}}
    told = _by_a_child(look(probed), asked, logs_only=True)
    assert told.outcome == "unknown"
    assert "missed 1" in told.reason


def test_a_word_of_a_probe_that_was_forgotten_long_ago_is_found_too(probed: House) -> None:
    from strongroom.policy.retention_and_recovery import probe

    with own_log(probed) as log:
        before = name_of_the_probe()
        probed.step(8 * 86_400)
        assert probe.keep()
        assert name_of_the_probe() != before
        with log.open("a") as file:
            file.write(f"2026-01-01T00:00:00Z WARNING strongroom.worker: lost {before}\n")
        assert verdict(probed, "LM-3.scan").outcome == "fail"


def test_a_log_with_the_probes_name_is_found_and_the_word_put_there_is_no_leak(probed: House) -> None:
    with own_log(probed) as log:
        told = verdicts(probed, "LM-3")
        assert {v.outcome.value for v in told.values()} == {"pass"}, told
        assert "must find this word of nobody" in log.read_text()
        with log.open("a") as file:
            file.write(f"2026-01-01T00:00:00Z WARNING strongroom.worker: lost {name_of_the_probe().upper()}\n")
        told = verdicts(probed, "LM-3")
        assert (told["LM-3.scan"].outcome, told["LM-3.lines"].outcome) == ("fail", "pass")


def test_a_line_of_no_programs_shape_is_seen_without_knowing_the_customer(probed: House) -> None:
    with own_log(probed) as log:
        log.write_text("2026-01-01T00:00:00Z WARNING strongroom.worker: well\nMabel Quill, 12 Harbour Road\n")
        told = verdict(probed, "LM-3.lines")
        assert told.outcome == "fail"
        assert "worker.log" in told.reason and "first is 2" in told.reason and "Mabel" not in told.reason


@pytest.mark.parametrize(
    ("program", "line"),
    [
        ("worker", "2026-01-01T00:00:00Z WARNING strongroom.worker: mail to mabel@example.org failed"),
        ("worker", "2026-01-01T00:00:00Z WARNING strongroom.worker: called +44 7700 900123"),
        ("worker", "2026-01-01T00:00:00Z WARNING strongroom.worker: order 203-1234567-7654321"),
        ("worker", "2026-01-01T00:00:00Z WARNING strongroom.worker: Zoë"),
        ("worker", "2026-01-01T00:00:00Z WARNING strongroom.worker: " + "x" * 3000),
        ("worker", "django.db.utils.IntegrityError: duplicate key value violates unique constraint"),
        ("website", "{'name': 'Mabel Quill'}"),
        ("postgres", "2026-01-01 00:00:00.000 UTC [12] DETAIL:  Key (name)=(Mabel Quill) already exists."),
        ("postgres", "2026-01-01 00:00:00.000 UTC [12] STATEMENT:  SELECT 'Mabel Quill'"),
        ("postgres", "\tcontinued"),
        ("printer", "mabel@example.org"),
    ],
)
def test_a_line_that_could_hold_somebody_is_strange(program: str, line: str) -> None:
    assert list(strange(program, f"\n{line}\n".encode())) == [2]


@pytest.mark.parametrize(
    ("program", "line"),
    [
        ("worker", "2026-01-01T00:00:00Z WARNING strongroom.worker: _print_due not finished: OperationalError"),
        ("website", "  django.db.utils.OperationalError"),
        ("website", "    /usr/lib/python3/django/db/backends/base.py:105 _execute"),
        ("website", "[INFO] Started worker-1"),
        ("keybroker", "keybroker: memory is not locked as a whole; only key pages are"),
        ("postgres", "2026-01-01 00:00:00.000 UTC [12] LOG:  database system is ready to accept connections"),
        ("worker", ""),
    ],
)
def test_a_line_that_our_programs_write_is_not(program: str, line: str) -> None:
    assert list(strange(program, line.encode())) == []


def execute(statement: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return cursor.fetchone() if cursor.description else None


def test_the_journal_holds_facts_and_a_column_for_words_is_seen(probed: House) -> None:
    assert verdict(probed, "LM-3.facts").outcome == "pass"
    with Target(probed.rehearsal).as_role("owner") as sql:
        sql.execute("ALTER TABLE entry ADD COLUMN remarks text")
        try:
            assert verdict(probed, "LM-3.facts").outcome == "fail"
        finally:
            sql.execute("ALTER TABLE entry DROP COLUMN remarks")


@pytest.mark.parametrize("words", [b"Mabel Quill", b"\x01\x0cMabel Quill, 12 Harbour Road SN8"])
def test_words_in_an_entry_are_seen(probed: House, words: bytes) -> None:
    """Behind its facts, and as a fact that says it is a hash."""
    id_ = uuid.uuid4()
    with Target(probed.rehearsal).unguarded() as sql:
        sql.execute(
            'INSERT INTO entry SELECT account_id, %s, kind, outcome, at, subject, "by",'
            " CASE WHEN %s THEN substring(payload FOR 68) ELSE payload END || %s, salt FROM entry"
            " ORDER BY at DESC LIMIT 1",
            [id_, words[0] == 1, words],
        )
        try:
            told = verdict(probed, "LM-3.facts")
        finally:
            sql.execute("DELETE FROM entry WHERE id = %s", [id_])
    assert (told.outcome, told.seen["wrong"]) == ("fail", 1)


def test_without_a_probe_nothing_is_shown(probed: House) -> None:
    from strongroom.policy.retention_and_recovery.checks.leaking import no_file_holds_the_probe

    with Target(probed.rehearsal).unguarded() as sql:
        sql.execute("CREATE TEMPORARY TABLE aside AS SELECT * FROM amazon_order WHERE account_id = -1")
        sql.execute("DELETE FROM amazon_order WHERE account_id = -1")
        try:
            assert no_file_holds_the_probe(look(probed)).outcome == "unknown"
        finally:
            sql.execute("INSERT INTO amazon_order SELECT * FROM aside")


def test_the_demos_number_of_leaks_is_what_the_last_search_found(probed: House) -> None:
    from strongroom.policy.obligations.runner import Runner
    from strongroom.rehearsal.demo import found_by_the_last_search
    from strongroom.website.wiring import controls

    check = controls().check("RR-4.scan")
    (base64,) = (s for s in leaking.SABOTAGE if "base64" in s.breaks)
    with base64.act(Target(probed.rehearsal)):
        Runner([check], lambda: look(probed)).run(check)
        told = found_by_the_last_search(probed.rehearsal)
    assert told is not None and told["outcome"] == "fail" and int(told["found"]) >= 4
    Runner([check], lambda: look(probed)).run(check)
    told = found_by_the_last_search(probed.rehearsal)
    assert told is not None and (told["outcome"], told["found"]) == ("pass", 0)
    assert told["positive_control_found"] == told["positive_control_planted"]


def test_the_searches_are_due_well_before_their_proof_is_too_old(probed: House) -> None:
    from strongroom.website.wiring import controls

    for id_ in ("RR-4.scan", "LM-3.scan"):
        assert controls().check(id_).interval == timedelta(hours=24) * 0.7
