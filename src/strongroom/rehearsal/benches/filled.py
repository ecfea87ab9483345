"""A rehearsal with many rows: what stands in it is multiplied inside the database, with new references."""

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

COLUMNS: Final = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position
"""
RECEIVED: Final = "now_of.at - (n / 100) * interval '4 minutes'"
OPEN: Final = "n % 10000 < 100"
FRESH_ORDER: Final = {
    "ref": "gen_random_uuid()",
    "order_id": "lpad((n / 10000000)::text, 3, '9') || '-' || lpad((n % 10000000)::text, 7, '0') || '-0000001'",
    "order_hash": "sha256(('order ' || n)::bytea)",
    "wave": "NULL",
    "received_at": RECEIVED,
    "placed_at": f"{RECEIVED} - interval '5 minutes'",
    "ship_by": f"{RECEIVED} + interval '2 days'",
    "fulfilled_by": "'MERCHANT'",
    "state": f"CASE WHEN {OPEN} THEN 'to ship' ELSE 'fulfilled' END",
    "status": f"CASE WHEN {OPEN} THEN 'UNSHIPPED' ELSE 'SHIPPED' END",
    "fulfilled_at": f"CASE WHEN {OPEN} THEN NULL ELSE {RECEIVED} + interval '1 day' END",
    "done_on": f"CASE WHEN {OPEN} THEN NULL ELSE {RECEIVED} + interval '1 day' END",
    "erased_at": "NULL",
    "cancelled_at": "NULL",
}
"""As a shop of some size has them: received a hundred at a time, one in a hundred still to ship, by whole answers."""
FRESH_OBLIGATION: Final = {
    "id": "gen_random_uuid()",
    "subject": "gen_random_uuid()",
    "opened_at": "now_of.at - interval '1 day'",
    "due_at": "now_of.at + n * interval '1 second' + interval '10 days'",
    "first_due_at": "now_of.at + n * interval '1 second' + interval '10 days'",
    "next_at": "now_of.at + n * interval '1 second' + interval '9 days'",
    "warned_at": "NULL",
    "breached_at": "NULL",
    "satisfied_at": "NULL",
    "withdrawn_at": "NULL",
    "approval": "NULL",
    "evidence": "NULL",
}
FRESH_RUN: Final = {
    "id": "gen_random_uuid()",
    "began_at": "source.began_at - (n % 900) * interval '1 day' - n * interval '1 millisecond'",
    "ended_at": "source.began_at - (n % 900) * interval '1 day' - n * interval '1 millisecond' + interval '40 ms'",
}


def fill(connection: psycopg.Connection[Any], *, orders: int, obligations: int, runs: int, after: int = 0) -> None:
    """Add so many rows, where `after` orders were added before, at the moment `now_of` of the newest run.

    In a superuser's session, triggers asleep.
    """
    connection.execute("SET session_replication_role = replica")
    connection.execute("CREATE OR REPLACE TEMP VIEW now_of AS SELECT max(began_at) AS at FROM run")
    _multiply(connection, "amazon_order", orders, FRESH_ORDER, "account_id > 0", after)
    kinds = "kind IN ('answer alarm', 'explain opening', 'forget other data', 'forget cancelled')"
    _multiply(connection, "obligation", obligations, FRESH_OBLIGATION, kinds)
    _multiply(connection, "run", runs, FRESH_RUN, "ended_at IS NOT NULL")
    connection.execute("SET session_replication_role = origin")
    connection.execute("VACUUM ANALYZE amazon_order, obligation, run")


def _multiply(
    connection: psycopg.Connection[Any], table: str, count: int, fresh: Mapping[str, str], which: str, after: int = 0
) -> None:
    """`count` rows like those that stand there, taken in turn."""
    columns = [name for (name,) in connection.execute(COLUMNS, [table])]
    chosen = [sql.SQL(fresh[name]) if name in fresh else sql.Identifier("source", name) for name in columns]
    statement = sql.SQL(
        "WITH source AS (SELECT row_number() OVER () AS turn, count(*) OVER () AS many, t.* FROM {table} t"
        " WHERE {which}) INSERT INTO {table} ({columns}) SELECT {chosen}"
        " FROM generate_series({first}, {last}) AS n JOIN source ON source.turn = 1 + n % source.many CROSS JOIN now_of"
    ).format(
        table=sql.Identifier(table), first=sql.Literal(after + 1), last=sql.Literal(after + count),
        which=sql.SQL(which),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)), chosen=sql.SQL(", ").join(chosen),
    )  # fmt: skip
    connection.execute(statement)
