"""Sabotage of forgetting: data that stays beyond its term, and a time that nobody knows (RR-2, RR-3, AZ-3)."""

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import psycopg

from strongroom.rehearsal.marketplace.faults import Fault
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from strongroom.rehearsal.sabotage.data import copy_order

YEAR: Final = 365 * 86_400.0
HEARD_WITHIN: Final = 30.0


@contextlib.contextmanager
def rows_that_stay(target: Target) -> Iterator[None]:
    """A partition from 40 days ago, with a row that nobody dropped."""
    with target.unguarded() as sql:
        row = sql.execute("SELECT max(day) FROM sealed").fetchone()
        day = row[0] - timedelta(days=40)  # type: ignore[index]
        name = f"sealed_{day:%Y%m%d}"
        until = day + timedelta(days=1)
        sql.execute(f"CREATE TABLE {name} PARTITION OF sealed FOR VALUES FROM ('{day}') TO ('{until}')")
        try:
            sql.execute(
                "INSERT INTO sealed SELECT account_id, %s, order_ref, part, write, %s, generation, bundle, body"
                " FROM sealed WHERE account_id > 0 LIMIT 1",
                [day, day],
            )
            yield
        finally:
            sql.execute(f"DROP TABLE {name}")


@contextlib.contextmanager
def cancelled_and_nothing_done(target: Target) -> Iterator[None]:
    """An order that was cancelled two days ago and still holds its sealed rows, while the worker may not erase."""
    with target.unguarded() as sql:
        row = sql.execute(
            "SELECT o.account_id, o.ref, o.cancelled_at, o.done_on, o.state FROM amazon_order o JOIN part p"
            " ON p.account_id = o.account_id AND p.order_ref = o.ref"
            " WHERE o.account_id > 0 AND o.done_on IS NULL LIMIT 1"
        ).fetchone()
        assert row is not None  # noqa: S101 - a rehearsal always has an order to ship
        account, ref, *was = row
        sql.execute("REVOKE EXECUTE ON FUNCTION erase_rows(bigint, uuid) FROM strongroom_worker")
        try:
            sql.execute(
                "UPDATE amazon_order SET cancelled_at = received_at - interval '2 days', done_on = received_at,"
                " state = 'cancelled' WHERE account_id = %s AND ref = %s", [account, ref],
            )  # fmt: skip
            yield
        finally:
            sql.execute(
                "UPDATE amazon_order SET cancelled_at = %s, done_on = %s, state = %s"
                " WHERE account_id = %s AND ref = %s",
                [*was, account, ref],
            )
            sql.execute("GRANT EXECUTE ON FUNCTION erase_rows(bigint, uuid) TO strongroom_worker")


@contextlib.contextmanager
def a_key_nobody_saw_die(target: Target) -> Iterator[None]:
    """A key of 40 days ago that sealed, and of whose death the journal says nothing."""
    with target.unguarded() as sql:
        row = sql.execute("SELECT max(at)::date - 40 FROM entry").fetchone()
        day = row[0]  # type: ignore[index]
        sql.execute("INSERT INTO day_key VALUES (1, %s, 0, %s, NULL)", [day, os.urandom(32)])
        try:
            yield
        finally:
            sql.execute("DELETE FROM day_key WHERE account_id = 1 AND day = %s", [day])


@contextlib.contextmanager
def the_clock_jumps(target: Target) -> Iterator[None]:
    """The machine's clock says next year, and Amazon, which could tell, does not answer."""
    with stopped(target, "marketplace"):
        target.rehearsal.clock.move_wall(YEAR)
        try:
            yield
        finally:
            target.rehearsal.clock.move_wall(-YEAR)


@contextlib.contextmanager
def amazon_refuses_us(target: Target) -> Iterator[None]:
    """The seller took back what we may ask: Amazon answers nobody any more."""
    control = target.rehearsal.control
    with target.superuser() as sql:
        for fault in (Fault.UNAUTHORISED, Fault.AUTHORISATION_REVOKED):
            control.do("fault", fault=fault, times=1_000_000)
        try:
            _ask_until(sql, lambda failure: failure is not None)
            yield
        finally:
            for fault in (Fault.UNAUTHORISED, Fault.AUTHORISATION_REVOKED):
                control.do("fault", fault=fault, times=0)
            _ask_until(sql, lambda failure: failure is None)


@contextlib.contextmanager
def a_tombstone_of_long_ago(target: Target) -> Iterator[None]:
    """An order that was done 19 months ago, and is still here."""
    ref = uuid.uuid4()
    with target.unguarded() as sql:
        copy_order(sql, ref, "received_at - interval '19 months'")
        try:
            yield
        finally:
            sql.execute("DELETE FROM amazon_order WHERE ref = %s", [ref])


@contextlib.contextmanager
def stopped(target: Target, name: str) -> Iterator[None]:
    """A process of the rehearsal that does nothing, without knowing."""
    pid = target.rehearsal.running.supervisor.pid(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _ask_until(sql: psycopg.Connection[Any], heard: Callable[[str | None], bool]) -> None:
    """Have the worker ask Amazon now, as a page would, until its failure is what is waited for."""
    deadline = time.monotonic() + HEARD_WITHIN
    while time.monotonic() < deadline:
        sql.execute("UPDATE receiver SET wanted_at = answered_at WHERE account_id > 0 AND wanted_at IS NULL")
        row = sql.execute("SELECT failure FROM receiver WHERE account_id > 0").fetchone()
        if row is not None and heard(row[0]):
            return
        time.sleep(0.1)


SABOTAGE: Final = (
    Sabotage("RR-2", "Rows of 40 days ago stay in the database", rows_that_stay),
    Sabotage("RR-2", "A key of 40 days ago was never seen to die", a_key_nobody_saw_die),
    Sabotage("RR-2", "The machine's clock jumps by a year", the_clock_jumps),
    Sabotage("RR-3", "An order is cancelled and nothing is done", cancelled_and_nothing_done),
    Sabotage("RR-3", "Amazon takes back the token: nobody hears of cancellations", amazon_refuses_us),
    Sabotage("AZ-3", "A tombstone of 19 months ago is still here", a_tombstone_of_long_ago),
)
