"""Database roles: an owner that no running process holds, and one role a process, each with its own password."""

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from strongroom.installation.folders import Folders
from strongroom.installation.postgres import new_password
from strongroom.installation.problems import CannotStart

DATABASE: Final = "strongroom"
ROLES: Final = ("owner", "web", "worker", "auditor", "backup")
TIMEOUTS: Final = {
    "web": {"statement_timeout": "10s", "lock_timeout": "4s", "idle_in_transaction_session_timeout": "30s"},
    "worker": {"statement_timeout": "120s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "120s"},
    "auditor": {"statement_timeout": "60s", "default_transaction_read_only": "on"},
}


def role_name(role: str) -> str:
    return f"strongroom_{role}"


def make(admin: Mapping[str, Any], folders: Folders, database: str = DATABASE) -> None:
    """Make or renew roles, passwords and the database; idempotent. `admin` connects as who may do so."""
    passwords = {role: _password(folders, role) for role in ROLES}
    try:
        with psycopg.connect(**admin, autocommit=True) as connection:
            for role in ROLES:
                _make_role(connection, role, passwords[role])
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
            if not exists:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                        sql.Identifier(database), sql.Identifier(role_name("owner"))
                    )
                )
            _close_database(connection, database)
        with psycopg.connect(**{**admin, "dbname": database}, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(role_name("owner"))))
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            for role in ROLES[1:]:
                connection.execute(
                    sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role_name(role)))
                )
    except psycopg.errors.InsufficientPrivilege:
        raise CannotStart(
            "The database's administrator may not create roles or databases.",
            "Give that user CREATEROLE and CREATEDB, or create them as docs/decisions describe.",
        ) from None


def connect_as(admin: Mapping[str, Any], folders: Folders, role: str, database: str = DATABASE) -> dict[str, Any]:
    """psycopg's parameters for one of our roles on the same server."""
    password = folders.credential(f"database-{role}").text()
    return {**admin, "user": role_name(role), "password": password, "dbname": database}


def _make_role(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    name = sql.Identifier(role_name(role))
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role_name(role)]).fetchone():
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(name)
        )
    # The password is sent as its scram verifier, so the server's log could not show it whatever its settings.
    verifier = connection.pgconn.encrypt_password(password.encode(), role_name(role).encode(), b"scram-sha-256")
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier.decode())))
    for setting, value in TIMEOUTS.get(role, {}).items():
        connection.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
        )


def _close_database(connection: psycopg.Connection[Any], database: str) -> None:
    name = sql.Identifier(database)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in ROLES[1:]:
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(role_name(role))))


def _password(folders: Folders, role: str) -> str:
    name = f"database-{role}"
    if not folders.has_credential(name):
        folders.keep_credential(name, new_password())
    return folders.credential(name).text()
