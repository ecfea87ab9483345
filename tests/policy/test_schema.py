"""The schema's rules for growing beyond one machine, each with a planted breach (DESIGN 12)."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from strongroom.installation import database_roles
from strongroom.website.wiring import TABLES
from tests.house.running import DAY, House

Owner = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def owner(house: House) -> Iterator[Owner]:
    """The owner's connection; what a test plants is rolled back."""
    running = house.rehearsal.running
    parameters = database_roles.connect_as(running.admin, house.rehearsal.folders, "owner", "strongroom")
    with psycopg.connect(**parameters) as connection:
        yield connection
        connection.rollback()


def breaches(owner: Owner, tables: dict[str, tuple[str, ...]] = TABLES) -> set[str]:
    """Every rule that some table breaks, as `rule: table`."""
    kind = {table: name for name, listed in tables.items() for table in listed}
    found = set()
    rows = owner.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    ).fetchall()
    for (table,) in rows:
        if table not in kind:
            found.add(f"1 unlisted: {table}")
    account = [table for (table,) in rows if kind.get(str(table)) == "account"]
    for table in account:
        found |= {f"{rule}: {table}" for rule in _of_account_table(owner, str(table))}
    found |= _foreign_keys(owner, kind)
    return found


def _of_account_table(owner: Owner, table: str) -> Iterator[str]:
    column = owner.execute(
        "SELECT format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attname = 'account_id'", [table],
    ).fetchone()  # fmt: skip
    if column != ("bigint", True):
        yield "2 account_id is a bigint, not null"
        return
    unique = owner.execute(
        "SELECT i.indisprimary, a.attname, 'account_id' = ANY (SELECT x.attname FROM pg_attribute x"
        " WHERE x.attrelid = i.indrelid AND x.attnum = ANY (i.indkey)) FROM pg_index i"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = %s::regclass AND i.indisunique", [table],
    ).fetchall()  # fmt: skip
    for primary, first, holds in unique:
        if (primary and first != "account_id") or not holds:
            yield "2 account_id is in every unique key, first in the primary"
    truncate = owner.execute(
        "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgtype & 32 > 0", [table]
    ).fetchone()
    if truncate == (0,):
        yield "5 truncate is guarded"


def _foreign_keys(owner: Owner, kind: dict[str, str]) -> set[str]:
    found = set()
    rows = owner.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text, (SELECT attname FROM pg_attribute"
        " WHERE attrelid = conrelid AND attnum = conkey[1]), (SELECT attname FROM pg_attribute"
        " WHERE attrelid = confrelid AND attnum = confkey[1]) FROM pg_constraint"
        " WHERE contype = 'f' AND conparentid = 0"
    ).fetchall()
    for here, there, mine, theirs in rows:
        pair = kind.get(str(here)), kind.get(str(there))
        if pair == ("account", "account") and (mine, theirs) != ("account_id", "account_id"):
            found.add(f"3 foreign key without account_id: {here}")
        if pair in (("account", "local"), ("local", "account"), ("reference", "account")):
            found.add(f"3 foreign key from {pair[0]} to {pair[1]}: {here}")
    return found


def test_every_rule_holds(owner: Owner) -> None:
    assert breaches(owner) == set()


@pytest.mark.parametrize(
    ("planted", "breach"),
    [
        ("CREATE TABLE stray (i int)", "1 unlisted: stray"),
        ("ALTER TABLE alarm ALTER COLUMN account_id DROP NOT NULL", "2 account_id is a bigint, not null: alarm"),
        ("CREATE UNIQUE INDEX ON obligation (id)", "2 account_id is in every unique key, first in the primary: obligation"),
        ("ALTER TABLE receiver ADD FOREIGN KEY (account_id) REFERENCES person (id) NOT VALID",
         "3 foreign key from account to local: receiver"),
        ("ALTER TABLE bucket ADD COLUMN a bigint, ADD COLUMN b uuid,"
         " ADD FOREIGN KEY (a, b) REFERENCES amazon_order (account_id, ref)", "3 foreign key from local to account: bucket"),
        ("DROP TRIGGER entry_is_not_truncated ON entry", "5 truncate is guarded: entry"),
    ],
)  # fmt: skip
def test_a_planted_breach_is_found(owner: Owner, planted: str, breach: str) -> None:
    if "DROP NOT NULL" in planted:
        owner.execute("ALTER TABLE alarm DROP CONSTRAINT alarm_pkey")
    owner.execute(planted)
    assert breach in breaches(owner)


def test_postgresql_itself_takes_every_account_table_hashed_by_account(owner: Owner) -> None:
    """The shim: each account table, with all its keys, as hash partitions by account_id; a wrong key is refused."""
    for table in TABLES["account"]:
        owner.execute(f"CREATE TABLE shim_{table} (LIKE {table} INCLUDING ALL) PARTITION BY HASH (account_id)")


def test_the_shim_refuses_a_unique_key_without_the_account(owner: Owner) -> None:
    owner.execute("CREATE UNIQUE INDEX ON obligation (id)")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        owner.execute("CREATE TABLE shim (LIKE obligation INCLUDING ALL) PARTITION BY HASH (account_id)")


def test_no_statement_has_a_clock_of_its_own(owner: Owner) -> None:
    defaults = owner.execute("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef").fetchall()
    bodies = owner.execute(
        "SELECT prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE nspname = 'public'"
    ).fetchall()
    for (text,) in [*defaults, *bodies]:
        assert not re.search(
            r"\b(now|clock_timestamp|current_timestamp|statement_timestamp)\b", str(text), re.IGNORECASE
        )


SWEEPS = (
    'FROM "pending" ORDER BY', 'FROM "receiver" WHERE "receiver"."wanted_at" IS NOT NULL', 'FROM "day_key" WHERE',
    'FROM "obligation" WHERE ("obligation"."due_at" <', "FROM pg_inherits i JOIN pg_class",
)  # fmt: skip
"""Named sweeps: reads over all accounts that a page of DESIGN 12 allows, by what they look like."""


def test_every_statement_names_its_account_or_is_a_named_sweep_and_a_transaction_touches_one(house: House) -> None:
    """The statement recorder, around receipt, fulfilment, carry, forgetting and the sequencer."""
    from django.db import connection

    from strongroom.policy.encryption_and_storage import broker
    from strongroom.policy.logging_and_monitoring import journal
    from strongroom.policy.retention_and_recovery.actions import Retention

    seen: list[tuple[str, bool]] = []

    def record(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        seen.append((str(sql), connection.in_atomic_block))
        return execute(sql, params, many, context)

    with house.shop() as shop, connection.execute_wrapper(record):
        orders = shop.place(3)
        shop.receive()
        shop.does("ship", orders[0].order_id)
        shop.does("cancel", orders[1].order_id)
        for _ in range(30):
            shop.receive()
            Retention().run()
            house.step(DAY)
        for account in journal.accounts_with_pending():
            journal.sequence(account, broker.append)
    tables = "|".join(TABLES["account"])
    for sql, _ in seen:
        if not re.search(rf'(FROM|UPDATE|INTO)\s+"?({tables})"?\b', sql):
            continue
        named = (
            "account_id" in sql.split("FROM", 1)[-1] if sql.startswith(("SELECT", "DELETE")) else "account_id" in sql
        )
        swept = any(sweep in sql for sweep in SWEEPS)
        assert named or swept, sql
        if "FOR UPDATE" in sql:
            assert re.search(r'"account_id" = ', sql), sql
    assert len(seen) > 300
