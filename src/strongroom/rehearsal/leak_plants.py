"""Plants in a rehearsal's database: a row, a packed value, a value in pieces, the log of changes, a line of its log."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from strongroom.policy.retention_and_recovery.leaks.plants import Control, Plant

SCHEMA = sql.Identifier("leak_control")


def in_the_database(admin: psycopg.Connection[Any], cluster: Path) -> Plant:
    """A schema of its own, dropped afterwards. What stays in dead pages are random words."""

    @contextlib.contextmanager
    def plant(control: Control) -> Iterator[None]:
        admin.execute(sql.SQL("CREATE SCHEMA {}").format(SCHEMA))
        try:
            _tables(admin)
            _rows(admin, control, cluster)
            admin.execute("CHECKPOINT")
            yield
        finally:
            admin.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(SCHEMA))

    return plant


def in_the_cache(admin: psycopg.Connection[Any]) -> Plant:
    """A row where the website keeps what it need not compute twice; also for a live installation."""

    @contextlib.contextmanager
    def plant(control: Control) -> Iterator[None]:
        key = f"leak-control-{control.secret.bytes()[:4].hex()}"
        text = control.new("cache", "utf-8", "table public.cache").text()
        admin.execute("INSERT INTO cache (cache_key, value, expires) VALUES (%s, %s, '2100-01-01')", [key, text])
        try:
            yield
        finally:
            admin.execute("DELETE FROM cache WHERE cache_key = %s", [key])

    return plant


def in_the_servers_log(admin: psycopg.Connection[Any], log: Path) -> Plant:
    """What must never happen: a value in a statement that fails. The line stays; its words are nobody's."""

    @contextlib.contextmanager
    def plant(control: Control) -> Iterator[None]:
        text = control.new("servers log", "utf-8", str(log)).text()
        with contextlib.suppress(psycopg.errors.InvalidTextRepresentation):
            admin.execute(sql.SQL("SELECT {}::int").format(sql.Literal(text)))
        yield

    return plant


def _tables(admin: psycopg.Connection[Any]) -> None:
    for table, storage in (("plain", "plain"), ("packed", "main"), ("pieces", "external"), ("both", "extended")):
        name = sql.Identifier("leak_control", table)
        admin.execute(sql.SQL("CREATE TABLE {} (word text)").format(name))
        admin.execute(sql.SQL("ALTER TABLE {} ALTER word SET STORAGE {}").format(name, sql.SQL(storage)))


def _rows(admin: psycopg.Connection[Any], control: Control, cluster: Path) -> None:
    dice = Random(control.secret.bytes())  # noqa: S311 - filler round a plant
    words = " ".join(dice.choice(("one", "two", "three", "four")) for _ in range(900))
    noise = "".join(dice.choice("abcdefghijklmnop") for _ in range(9000))
    for table, before, after, trail in (
        ("plain", "", "", ""),
        ("packed", words, "", "!pglz"),
        ("pieces", "x" * 1985, "y" * 2000, "!toast"),
        ("both", noise, "", "!toast"),
    ):
        name, label = sql.Identifier("leak_control", table), f"database {table}"
        file = cluster / _file(admin, table, toast=trail == "!toast")
        text = control.new(
            label, "utf-8", f"{file}{trail}", str(cluster / "pg_wal"), f"table leak_control.{table}"
        ).text()
        admin.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(name), [before + text + after])


def _file(admin: psycopg.Connection[Any], table: str, *, toast: bool) -> str:
    which = "reltoastrelid" if toast else "oid"
    row = admin.execute(
        sql.SQL("SELECT pg_relation_filepath({}) FROM pg_class WHERE oid = %s::regclass").format(sql.SQL(which)),
        [f"leak_control.{table}"],
    ).fetchone()
    return str(row[0]) if row else ""
