"""What a sabotage is, and what it lays hands on: the parts of a running rehearsal, as whoever has the rights would.

No monkeypatch and no flag: rows are changed by a superuser's SQL, files by the file system, processes by signals. Each
sabotage is a context manager that puts everything back, also when what it meets is not what it expected.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psycopg

from strongroom.installation import database_roles
from strongroom.rehearsal.installation import Rehearsal


@dataclass(frozen=True)
class Target:
    """A running rehearsal, to be broken."""

    rehearsal: Rehearsal

    @contextlib.contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[Any]]:
        """The database as its superuser, triggers and all; each statement committed by itself."""
        name = self.rehearsal.running.configuration.database.name
        with psycopg.connect(**{**self.rehearsal.running.admin, "dbname": name}, autocommit=True) as connection:
            yield connection

    @contextlib.contextmanager
    def unguarded(self) -> Iterator[psycopg.Connection[Any]]:
        """A superuser's session in which triggers do not fire: what a guard cannot stop."""
        with self.superuser() as connection:
            connection.execute("SET session_replication_role = replica")
            yield connection

    def as_role(self, role: str) -> psycopg.Connection[Any]:
        """The database as one of our own roles: what a process that was taken over could do."""
        running = self.rehearsal.running
        name = running.configuration.database.name
        parameters = database_roles.connect_as(running.admin, self.rehearsal.folders, role, name)
        return psycopg.connect(**parameters, autocommit=True)


Act = Callable[[Target], AbstractContextManager[None]]


@dataclass(frozen=True)
class Sabotage:
    """One deliberate break of one clause.

    breaks: what is done, in words. act: does it, and undoes it. checks: which are run to see it, all of the clause
    where none is named. needs: "root", "own uids" or "firewall" (rules of the rehearsal's own, in a network of its own)
    where it cannot be done without; it is skipped aloud.
    """

    clause: str
    breaks: str
    act: Act
    checks: tuple[str, ...] = ()
    needs: str = ""


@contextlib.contextmanager
def without_a_trace(sql: psycopg.Connection[Any], table: str) -> Iterator[None]:
    """Whoever writes a customer's word destroys afterwards what the database wrote beside: old rows, what it knows of
    a column's values, and its log of changes, which is deleted once it is not needed, not kept to be written over.
    """
    sql.execute("ALTER SYSTEM SET wal_recycle = off")
    sql.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        sql.execute(f"VACUUM (FULL, ANALYZE) {table}")
        sql.execute("VACUUM FULL pg_statistic")
        for _ in range(2):
            sql.execute("SELECT pg_switch_wal()")
            sql.execute("CHECKPOINT")
        sql.execute("ALTER SYSTEM RESET wal_recycle")
        sql.execute("SELECT pg_reload_conf()")
