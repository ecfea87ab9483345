"""The database read as itself: every row of every table, and what the server shows of its sessions.

A second angle beside its files, where a value may lie packed in a way that we do not know.
"""

from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import sql

from strongroom.policy.retention_and_recovery.leaks.looking import NotReadable

SHOWN: Final = ("pg_stat_activity", "pg_stats", "pg_prepared_statements", "pg_cursors", "pg_settings")
_TABLES: Final = """
SELECT n.nspname, c.relname, has_table_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg_toast%%'
   OR c.relkind = 'v' AND n.nspname = 'pg_catalog' AND c.relname = ANY (%s)
ORDER BY 1, 2
"""


def rows(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """(name, bytes) of each table. The connection is in autocommit mode; a superuser's sees everything."""
    listed = connection.execute(_TABLES, [list(SHOWN)]).fetchall()
    for schema, table, readable in listed:
        name = f"table {schema}.{table}"
        yield name, _copied(connection, schema, table) if readable else _refused(name)


def _copied(connection: psycopg.Connection[Any], schema: str, table: str) -> Iterator[bytes]:
    """In binary, so that texts and bytes stand as they are; in text where a column has no binary form."""
    copy = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT {})")
    for form in ("binary", "text"):
        statement = copy.format(sql.Identifier(schema, table), sql.SQL(form))
        try:
            with connection.cursor().copy(statement) as out:
                yield from (bytes(piece) for piece in out)
        except psycopg.errors.UndefinedFunction:
            continue
        return


def _refused(name: str) -> Iterator[bytes]:
    raise NotReadable(f"this role may not read the {name}")
    yield b""
