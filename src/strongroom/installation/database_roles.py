"""Database roles: an owner that no running process holds, and one role a process, each with its own password."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from strongroom.installation.folders import Folders
from strongroom.installation.postgres import new_password
from strongroom.installation.problems import CannotStart

DATABASE: Final = "strongroom"
ROLES: Final = ("owner", "web", "worker", "auditor", "backup")
TIMEOUTS: Final = {
    "owner": {"lock_timeout": "60s", "idle_in_transaction_session_timeout": "300s"},
    "web": {"statement_timeout": "10s", "lock_timeout": "4s", "idle_in_transaction_session_timeout": "30s"},
    "worker": {"statement_timeout": "120s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "120s"},
    "auditor": {
        "statement_timeout": "60s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s",
        "default_transaction_read_only": "on",
    },
    "backup": {
        "lock_timeout": "60s", "idle_in_transaction_session_timeout": "300s", "default_transaction_read_only": "on",
    },
}  # fmt: skip
"""Nobody waits for ever or keeps others waiting. Owner and backup may work long: no limit for their statements."""
RIGHTS: Final = {
    "rolsuper": "SUPERUSER", "rolcreatedb": "CREATEDB", "rolcreaterole": "CREATEROLE",
    "rolreplication": "REPLICATION", "rolbypassrls": "BYPASSRLS",
}  # fmt: skip


def role_name(role: str) -> str:
    return f"strongroom_{role}"


def make(admin: Mapping[str, Any], folders: Folders, database: str = DATABASE, *, whole_server: bool = False) -> None:
    """Make or renew roles, passwords and the database; idempotent. `admin` connects as who may do so.

    `whole_server`: it is ours alone, so other databases are closed to our roles too. Raises `CannotStart`.
    """
    passwords = {role: _password(folders, role) for role in ROLES}
    try:
        with psycopg.connect(**admin, autocommit=True) as connection:
            for role in ROLES:
                _make_role(connection, role, passwords[role])
            _refuse_power(connection)
            with _as_owner(connection):
                _make_database(connection, database)
                _close_database(connection, database)
            if whole_server:
                for other in ("postgres", "template1"):
                    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(other)))
            with _as_owner(connection), psycopg.connect(**{**admin, "dbname": database}, autocommit=True) as inside:
                _close_schema(inside)
    except psycopg.errors.InsufficientPrivilege as why:
        raise CannotStart(
            f"The database's administrator may not do what an installation needs: {why.diag.message_primary}.",
            "Give that user CREATEROLE and CREATEDB, or name a superuser as [database] admin_user.",
        ) from None


def connect_as(admin: Mapping[str, Any], folders: Folders, role: str, database: str = DATABASE) -> dict[str, Any]:
    """psycopg's parameters for one of our roles on the same server."""
    password = folders.credential(f"database-{role}").text()
    return {**admin, "user": role_name(role), "password": password, "dbname": database}


@contextlib.contextmanager
def _as_owner(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """While inside, an administrator who is no superuser is a member of our owner; after it no longer is.

    Such a one may make roles but does not thereby become them, and only its members may hand an owner a database.
    """
    owner = sql.Identifier(role_name("owner"))
    row = connection.execute(
        "SELECT rolsuper OR pg_has_role(current_user, %s, 'USAGE') FROM pg_roles WHERE rolname = current_user",
        [role_name("owner")],
    ).fetchone()
    if row != (False,):
        yield
        return
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    try:
        yield
    finally:
        connection.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(owner))


def _make_role(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    name = sql.Identifier(role_name(role))
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role_name(role)]).fetchone():
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(name)
        )
    # The password is sent as its scram verifier, so the server's log could not show it whatever its settings.
    verifier = connection.pgconn.encrypt_password(password.encode(), role_name(role).encode(), b"scram-sha-256")
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier.decode())))
    for setting, value in TIMEOUTS[role].items():
        connection.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
        )


def _refuse_power(connection: psycopg.Connection[Any]) -> None:
    """Roles that were there before may have been given more than ours have. Somebody meant it: not silently undone."""
    names = [role_name(role) for role in ROLES]
    rights = sql.SQL(", ").join(sql.Identifier(column) for column in RIGHTS)
    rows = connection.execute(
        sql.SQL("SELECT rolname, {} FROM pg_roles WHERE rolname = ANY (%s)").format(rights), [names]
    ).fetchall()
    found = [f"{name} has {right}" for name, *has in rows for right, on in zip(RIGHTS.values(), has, strict=True) if on]
    members = connection.execute(
        "SELECT m.rolname, g.rolname FROM pg_auth_members JOIN pg_roles m ON m.oid = member"
        " JOIN pg_roles g ON g.oid = roleid WHERE m.rolname = ANY (%s)",
        [names],
    ).fetchall()
    found += [f"{name} is a member of {group}" for name, group in members]
    if found:
        raise CannotStart(
            f"Roles of this installation may do more than they should: {'; '.join(found)}.",
            "Take it from them with ALTER ROLE or REVOKE, then start again.",
        )


def _make_database(connection: psycopg.Connection[Any], database: str) -> None:
    """UTF-8, plain byte order: the same on every machine, whatever its libraries (no index breaks by an upgrade)."""
    row = connection.execute(
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    if row is None:
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'"
            ).format(sql.Identifier(database), sql.Identifier(role_name("owner")))
        )
    elif row != (role_name("owner"), "UTF8"):
        raise CannotStart(
            f"The database {database} belongs to {row[0]} in {row[1]}; it must belong to {role_name('owner')} in UTF8.",
            "Name another with [database] name, which is then made.",
        )


def _close_database(connection: psycopg.Connection[Any], database: str) -> None:
    name = sql.Identifier(database)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in ROLES[1:]:
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(role_name(role))))


def _close_schema(connection: psycopg.Connection[Any]) -> None:
    connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(role_name("owner"))))
    connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for role in ROLES[1:]:
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role_name(role))))


def _password(folders: Folders, role: str) -> str:
    name = f"database-{role}"
    if not folders.has_credential(name):
        folders.keep_credential(name, new_password())
    return folders.credential(name).text()
