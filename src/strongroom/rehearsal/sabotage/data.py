"""Sabotage of what is stored: past the gateway, without a class, in the wrong place, without its origin (DF, RR-1)."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from strongroom.rehearsal.sabotage.breaking import Sabotage, Target

SOMEBODY: Final = "Mabel Quill, 12 Harbour Road"
ORDER: Final = "SELECT account_id, ref FROM amazon_order WHERE account_id > 0 ORDER BY received_at LIMIT 1"


@contextlib.contextmanager
def past_the_gateway(target: Target) -> Iterator[None]:
    """An order that no page of Amazon's brought; it names the call of another, so every key is satisfied."""
    ref = uuid.uuid4()
    with target.unguarded() as sql:
        copy_order(sql, ref, "received_at")
        try:
            yield
        finally:
            sql.execute("DELETE FROM amazon_order WHERE ref = %s", [ref])


@contextlib.contextmanager
def by_another_call(target: Target) -> Iterator[None]:
    """An order that traces to a call which told of no orders."""
    with target.unguarded() as sql:
        account, ref, was = _one(sql, "SELECT account_id, ref, call FROM amazon_order WHERE account_id > 0 LIMIT 1")
        (other,) = _one(
            sql, "SELECT id FROM api_call WHERE account_id = %s AND operation = 'token' LIMIT 1", account
        )  # fmt: skip
        change = "UPDATE amazon_order SET call = %s WHERE account_id = %s AND ref = %s"
        sql.execute(change, [other, account, ref])
        try:
            yield
        finally:
            sql.execute(change, [was, account, ref])


@contextlib.contextmanager
def a_column_by_hand(target: Target) -> Iterator[None]:
    """A column that somebody added as the tables' owner, and classified nowhere."""
    with target.as_role("owner") as sql:
        sql.execute("ALTER TABLE amazon_order ADD COLUMN remarks text")
        try:
            yield
        finally:
            sql.execute("ALTER TABLE amazon_order DROP COLUMN remarks")


def _write(table: str, key: str, column: str, text: str) -> Any:
    """A text in a column that is not for it. key: what tells the account's rows apart."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        with target.unguarded() as sql:
            account, which, was = _one(
                sql,
                f"SELECT account_id, {key}, {column} FROM {table} WHERE account_id > 0 LIMIT 1",  # noqa: S608
            )
            change = f"UPDATE {table} SET {column} = %s WHERE account_id = %s AND {key} = %s"  # noqa: S608
            sql.execute(change, [text, account, which])
            try:
                yield
            finally:
                sql.execute(change, [was, account, which])

    return act


in_a_plain_column: Final = _write("amazon_order", "ref", "service", SOMEBODY)
in_a_title: Final = _write("stock", "sku", "title", f"for {SOMEBODY}")


@contextlib.contextmanager
def of_an_order_amazon_ships(target: Target) -> Iterator[None]:
    """A sealed row of an order that is not the merchant's to ship."""
    with target.unguarded() as sql:
        account, ref, was = _one(
            sql, "SELECT o.account_id, o.ref, o.fulfilled_by FROM amazon_order o JOIN sealed s"
            " ON s.account_id = o.account_id AND s.order_ref = o.ref WHERE o.account_id > 0 LIMIT 1",
        )  # fmt: skip
        change = "UPDATE amazon_order SET fulfilled_by = %s WHERE account_id = %s AND ref = %s"
        sql.execute(change, ["AMAZON", account, ref])
        try:
            yield
        finally:
            sql.execute(change, [was, account, ref])


@contextlib.contextmanager
def a_new_host(target: Target) -> Iterator[None]:
    """A link to a host that no configuration names."""
    with target.superuser() as sql:
        sql.execute(
            "INSERT INTO link (name, direction, peer, transport, carries, added_at, threat) SELECT 'export', 'out',"
            " 'files.example.net:443', 'TLS 1.3', 'personal data', added_at, threat FROM link LIMIT 1"
        )
        try:
            yield
        finally:
            sql.execute("ALTER TABLE link DISABLE TRIGGER link_is_not_deleted")
            sql.execute("DELETE FROM link WHERE name = 'export'")
            sql.execute("ALTER TABLE link ENABLE TRIGGER link_is_not_deleted")


@contextlib.contextmanager
def origin_changed(target: Target) -> Iterator[None]:
    """The origin's constraint dropped, and an order that says it came from elsewhere."""
    with dropped(target, "amazon_order", "order_has_its_origin"), target.unguarded() as sql:
        account, ref = _one(sql, ORDER)
        change = "UPDATE amazon_order SET origin = %s WHERE account_id = %s AND ref = %s"
        sql.execute(change, ["import", account, ref])
        try:
            yield
        finally:
            sql.execute(change, ["amazon", account, ref])


@contextlib.contextmanager
def lines_of_no_order(target: Target) -> Iterator[None]:
    """The key that leads from item lines to their order is gone."""
    with dropped(target, "order_item", "order_item_is_of_an_order"):
        yield


@contextlib.contextmanager
def dropped(target: Target, table: str, constraint: str) -> Iterator[None]:
    """A constraint of a table, dropped by its owner; put back as it was."""
    with target.as_role("owner") as sql:
        (said,) = _one(
            sql, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s AND conrelid = %s::regclass",
            constraint, table,
        )  # fmt: skip
        sql.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        try:
            yield
        finally:
            sql.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {said}")


def copy_order(sql: psycopg.Connection[Any], ref: uuid.UUID, done_on: str) -> None:
    """A forgotten order beside another: its reference is new, it was done at `done_on` (SQL), it holds nothing."""
    columns = [
        name
        for (name,) in sql.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'amazon_order'::regclass AND attnum > 0"
            " AND NOT attisdropped"
        ).fetchall()
    ]
    new = {
        "ref": "%(ref)s::uuid", "order_hash": "decode(repeat(replace(%(ref)s::text, '-', ''), 2), 'hex')",
        "order_id": "NULL", "state": "'fulfilled'", "sealed_version": "NULL", "fulfilled_at": done_on,
        "cancelled_at": "NULL", "erased_at": done_on, "done_on": done_on,
    }  # fmt: skip
    values = ", ".join(new.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    sql.execute(
        f"INSERT INTO amazon_order ({names}) SELECT {values} FROM amazon_order WHERE account_id > 0 LIMIT 1",  # noqa: S608
        {"ref": str(ref)},
    )


def _one(sql: psycopg.Connection[Any], query: str, *values: Any) -> tuple[Any, ...]:
    """The one row that a rehearsal with a few days of business has."""
    row: tuple[Any, ...] | None = sql.execute(query, list(values)).fetchone()
    if row is None:
        raise LookupError("the rehearsal has nothing to break here yet")
    return row


SABOTAGE: Final[tuple[Sabotage, ...]] = (
    Sabotage("DF-1", "An order is written past the gateway", past_the_gateway),
    Sabotage("DF-1", "An order names a call that told of no orders", by_another_call),
    Sabotage("DF-2", "A column is added by hand", a_column_by_hand),
    Sabotage("DF-3", "A name and an address stand in a plain column", in_a_plain_column),
    Sabotage("DF-3", "An address stands in a title", in_a_title),
    Sabotage("RR-1", "Personal data is held of an order that Amazon ships", of_an_order_amazon_ships),
    Sabotage("RR-1", "A link leads to a host that no configuration names", a_new_host),
    Sabotage("AZ-12", "An order's origin is changed past its constraint", origin_changed),
    Sabotage("AZ-12", "The key from item lines to their order is dropped", lines_of_no_order),
)
