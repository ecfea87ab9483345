"""Sabotage of forgetting: data that stays beyond its term (RR-2, RR-3)."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from strongroom.rehearsal.sabotage.breaking import Sabotage, Target


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


SABOTAGE: Final = (
    Sabotage("RR-2", "Rows of 40 days ago stay in the database", rows_that_stay),
    Sabotage("RR-3", "An order is cancelled and nothing is done", cancelled_and_nothing_done),
)
