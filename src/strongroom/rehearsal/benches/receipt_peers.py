"""Who else could write a shop's orders: plain COPY of our own rows, Django with encrypted fields, pgcrypto.

Each writes a round in one durable transaction, in as few statements as it can: its best, not its usual.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, Self

import psycopg
from psycopg import sql

from strongroom.marketplace.records import OrderRecord
from strongroom.rehearsal.benches import django_peer
from strongroom.rehearsal.benches.house import SCRATCH, Side
from strongroom.rehearsal.benches.shop import Shop, read
from strongroom.rehearsal.installation import Rehearsal

Connection = psycopg.Connection[Any]
WHICH: Final = {
    "amazon_order": "amazon_order t WHERE t.account_id = {account} AND t.call = ANY ({calls})",
    "order_item": "order_item t JOIN amazon_order o ON o.account_id = t.account_id AND o.ref = t.order_ref"
    " WHERE o.account_id = {account} AND o.call = ANY ({calls})",
    "sealed": "sealed t JOIN amazon_order o ON o.account_id = t.account_id AND o.ref = t.order_ref"
    " WHERE o.account_id = {account} AND o.call = ANY ({calls})",
    "part": "part t JOIN amazon_order o ON o.account_id = t.account_id AND o.ref = t.order_ref"
    " WHERE o.account_id = {account} AND o.call = ANY ({calls})",
    "entry": "entry t JOIN leaf l ON l.account_id = t.account_id AND l.entry = t.id"
    " WHERE l.account_id = {account} AND l.index > {after}",
    "leaf": "leaf t WHERE t.account_id = {account} AND t.index > {after}",
}
"""All that a round writes, by table."""


class Peer(Protocol):
    """`taken`: seconds an order of each round that was measured; empty where it is not there."""

    name: str
    taken: list[float]

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def round(self, orders: int, calls: Sequence[str], *, measured: bool) -> None: ...


class Copy:
    """The limit: the rows that we just wrote, by COPY into like tables with like indexes."""

    name = "copy"

    def __init__(self, connection: Connection, account: int) -> None:
        self._connection, self._account, self._after = connection, account, -1
        self.taken: list[float] = []
        for table in WHICH:
            connection.execute(f"CREATE TABLE {SCRATCH}.{table} (LIKE public.{table} INCLUDING ALL)")
        self._after = self._last_leaf()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def round(self, orders: int, calls: Sequence[str], *, measured: bool) -> None:
        told = {table: self._rows(table, calls) for table in WHICH}
        began = time.perf_counter()
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for table, data in told.items():
                with cursor.copy(f"COPY {SCRATCH}.{table} FROM STDIN (FORMAT binary)") as into:
                    into.write(data)
        if measured:
            self.taken.append((time.perf_counter() - began) / orders)
        self._after = self._last_leaf()

    def _rows(self, table: str, calls: Sequence[str]) -> bytes:
        which = sql.SQL(WHICH[table]).format(
            account=sql.Literal(self._account), calls=sql.Literal(list(calls)) + sql.SQL("::uuid[]"),
            after=sql.Literal(self._after),
        )  # fmt: skip
        with self._connection.cursor().copy(
            sql.SQL("COPY (SELECT t.* FROM {}) TO STDOUT (FORMAT binary)").format(which)
        ) as out:
            return b"".join(bytes(piece) for piece in out)

    def _last_leaf(self) -> int:
        found = self._connection.execute(
            "SELECT coalesce(max(index), -1) FROM leaf WHERE account_id = %s", [self._account]
        ).fetchone()  # fmt: skip
        return int(found[0]) if found else -1


class DjangoFields:
    """A Django process with an encrypted-field package, its models like ours, by `bulk_create`."""

    name = "django_fernet"

    def __init__(self, rehearsal: Rehearsal, *, seed: int, start: float) -> None:
        self.taken: list[float] = []
        self._side: Side | None = None
        if importlib.util.find_spec("encrypted_fields") is None:
            return
        self._side = Side([sys.executable, "-m", django_peer.__name__])
        database = {**rehearsal.running.admin, "dbname": rehearsal.running.configuration.database.name}
        self._side.ask("begin", database=database, schema=SCRATCH, seed=seed, start=start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._side is not None:
            self._side.__exit__()

    def round(self, orders: int, calls: Sequence[str], *, measured: bool) -> None:  # noqa: ARG002 - of our rows alone
        if self._side is not None:
            taken = self._side.ask("write" if measured else "skip", orders=orders)
            self.taken += [taken / orders] if measured else []


PGCRYPTO_TABLES: Final = """
CREATE TABLE {schema}.crypto_order (
    ref uuid PRIMARY KEY, order_id text NOT NULL UNIQUE, status text NOT NULL, placed_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL, ship_by timestamptz, country text,
    {columns}
);
CREATE TABLE {schema}.crypto_item (
    order_ref uuid NOT NULL, line smallint NOT NULL, sku text, asin text, title text, quantity integer NOT NULL,
    PRIMARY KEY (order_ref, line)
)
"""


class PgCrypto:
    """PostgreSQL's own extension, `pgp_sym_encrypt` with AES-256 on each field, a thousand orders a statement."""

    name = "pgcrypto"

    def __init__(self, connection: Connection, *, seed: int, start: float) -> None:
        self.taken: list[float] = []
        self._connection, self._shop = connection, Shop(seed, start)
        self._until, self._key = datetime.fromtimestamp(start, UTC), os.urandom(24).hex()
        self._there = bool(
            connection.execute("SELECT FROM pg_available_extensions WHERE name = 'pgcrypto'").fetchone() is not None
        )
        if self._there:
            connection.execute(f"CREATE EXTENSION pgcrypto SCHEMA {SCRATCH}")
            columns = ", ".join(f"{name} bytea" for name in django_peer.PERSONAL)
            for statement in PGCRYPTO_TABLES.format(schema=SCRATCH, columns=columns).split(";"):
                connection.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def round(self, orders: int, calls: Sequence[str], *, measured: bool) -> None:  # noqa: ARG002 - of our rows alone
        if not self._there:
            return
        made = self._shop.bodies(orders)
        if not measured:
            return
        records = read(made, until=self._until).records
        began = time.perf_counter()
        self._write(records)
        self.taken.append((time.perf_counter() - began) / orders)

    def _write(self, records: Sequence[OrderRecord]) -> None:
        refs = [os.urandom(16).hex() for _ in records]
        clear = [
            (refs, "uuid"), ([r.order_id for r in records], "text"), ([r.status for r in records], "text"),
            ([r.created for r in records], "timestamptz"), ([r.updated for r in records], "timestamptz"),
            ([r.ship_by for r in records], "timestamptz"), ([r.country for r in records], "text"),
        ]  # fmt: skip
        personal = [django_peer.personal(record) for record in records]
        sealed = [([each.get(name) for each in personal], "text") for name in django_peer.PERSONAL]
        names = [f"c{n}" for n in range(len(clear))]
        hidden = [
            f"{SCRATCH}.pgp_sym_encrypt(p{n}, %(key)s, 'cipher-algo=aes256')" for n in range(len(sealed))
        ]  # fmt: skip
        arrays = ", ".join(f"%(a{n})s::{kind}[]" for n, (_, kind) in enumerate([*clear, *sealed]))
        statement = (
            f"INSERT INTO {SCRATCH}.crypto_order SELECT {', '.join([*names, *hidden])} FROM unnest({arrays})"  # noqa: S608
            f" AS n ({', '.join([*names, *(f'p{n}' for n in range(len(sealed)))])})"
        )
        values: Mapping[str, Any] = {f"a{n}": column for n, (column, _) in enumerate([*clear, *sealed])}
        items = [
            (ref, line, item.sku, item.asin, item.title, item.quantity)
            for ref, record in zip(refs, records, strict=True) for line, item in enumerate(record.items, 1)
        ]  # fmt: skip
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(statement, {**values, "key": self._key})
            with cursor.copy(f"COPY {SCRATCH}.crypto_item FROM STDIN") as into:
                for item in items:
                    into.write_row(item)
