"""Each process has a role of its own that owns nothing, and no role may do more than ours do."""

from pathlib import Path

import psycopg
import pytest

from strongroom.installation import database_roles
from strongroom.installation.database_roles import ROLES, TIMEOUTS, connect_as, role_name
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart
from tests.installation.servers import BOTH, SomebodysServer, do, one, running_server

Shared = tuple[Folders, SomebodysServer]


def test_each_role_has_a_password_of_its_own_that_no_other_role_can_use(shared: Shared) -> None:
    folders, server = shared
    passwords = {role: folders.credential(f"database-{role}").text() for role in ROLES}
    assert len(set(passwords.values())) == len(ROLES)
    assert all((folders.credentials / f"database-{role}").stat().st_mode & 0o777 == 0o600 for role in ROLES)
    web = connect_as(server.parameters, folders, "web")
    assert one(web, "SELECT current_user") == "strongroom_web"
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(**{**web, "password": passwords["worker"]})


@pytest.mark.parametrize("role", ["web", "worker", "auditor", "backup"])
def test_a_running_processs_role_owns_nothing_and_makes_nothing(shared: Shared, role: str) -> None:
    folders, server = shared
    parameters = connect_as(server.parameters, folders, role)
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
    for statement in (
        "CREATE TABLE mine (i int)", "CREATE TEMP TABLE mine (i int)", "CREATE SCHEMA mine", "CREATE ROLE other",
        "CREATE DATABASE other", "ALTER SCHEMA public OWNER TO CURRENT_USER", "SET ROLE strongroom_owner",
        "ALTER SYSTEM SET log_statement = 'all'", "SET log_min_error_statement = 'error'",
    ):  # fmt: skip
        with psycopg.connect(**parameters, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            with pytest.raises(refused):
                connection.execute(statement)
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(**{**parameters, "dbname": other})


def test_a_stranger_does_not_get_into_our_database(shared: Shared) -> None:
    _, server = shared
    do(server.parameters, "CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(**{**server.parameters, "user": "stranger", "password": "stranger", "dbname": "strongroom"})
    finally:
        do(server.parameters, "DROP ROLE stranger")


@pytest.mark.parametrize("role", ROLES)
def test_nobody_waits_for_ever(shared: Shared, role: str) -> None:
    folders, server = shared
    with psycopg.connect(**connect_as(server.parameters, folders, role)) as connection:
        for setting, value in TIMEOUTS[role].items():
            wanted = connection.execute("SELECT %s::interval", [value]).fetchone() if value[-1] == "s" else (value,)
            got = connection.execute(f"SHOW {setting}").fetchone()
            assert got is not None
            assert wanted == (
                connection.execute("SELECT %s::interval", [got[0]]).fetchone() if value[-1] == "s" else got
            )
    assert {"lock_timeout", "idle_in_transaction_session_timeout"} <= set(TIMEOUTS[role])


def test_the_owner_owns_database_and_schema_in_plain_byte_order(shared: Shared) -> None:
    folders, server = shared
    inside = {**server.parameters, "dbname": "strongroom"}
    assert (
        one(inside, "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'") == "strongroom_owner"
    )
    assert one(inside, "SELECT concat_ws(' ', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate,"
                       " datlocprovider) FROM pg_database WHERE datname = 'strongroom'") == "strongroom_owner UTF8 C c"  # fmt: skip
    assert one(connect_as(server.parameters, folders, "owner"), "SELECT 1") == 1


def test_made_again_nothing_changes_but_a_password_that_was_lost(shared: Shared) -> None:
    folders, server = shared
    (folders.credentials / "database-auditor").unlink()
    database_roles.make(server.parameters, folders, whole_server=True)
    for role in ROLES:
        assert one(connect_as(server.parameters, folders, role), "SELECT current_user") == role_name(role)


@pytest.mark.parametrize(
    ("before", "words", "after"),
    [
        ("ALTER ROLE strongroom_web SUPERUSER", "strongroom_web has SUPERUSER", "ALTER ROLE strongroom_web NOSUPERUSER"),
        ("ALTER ROLE strongroom_worker CREATEROLE", "has CREATEROLE", "ALTER ROLE strongroom_worker NOCREATEROLE"),
        ("GRANT strongroom_owner TO strongroom_web", "member of strongroom_owner", "REVOKE strongroom_owner FROM strongroom_web"),
        ("GRANT pg_read_all_data TO strongroom_auditor", "member of pg_read_all", "REVOKE pg_read_all_data FROM strongroom_auditor"),
    ],
)  # fmt: skip
def test_a_role_that_may_do_more_than_it_should_is_refused(shared: Shared, before: str, words: str, after: str) -> None:
    folders, server = shared
    do(server.parameters, before)
    try:
        with pytest.raises(CannotStart, match=words):
            database_roles.make(server.parameters, folders)
    finally:
        do(server.parameters, after)


def test_a_database_of_somebody_else_is_not_taken(shared: Shared) -> None:
    folders, server = shared
    do(server.parameters, "CREATE DATABASE theirs")
    try:
        with pytest.raises(CannotStart, match="theirs belongs to postgres"):
            database_roles.make(server.parameters, folders, "theirs")
    finally:
        do(server.parameters, "DROP DATABASE theirs")


@pytest.mark.parametrize("bindir", BOTH)
def test_an_administrator_who_is_no_superuser_can_make_it_all_and_keeps_no_way_in(
    folder: Path, bindir: Path | None
) -> None:
    with running_server(folder, bindir) as (folders, server):
        do(server.parameters, "CREATE ROLE dba LOGIN CREATEROLE CREATEDB PASSWORD 'dba'",
           "CREATE ROLE weak LOGIN PASSWORD 'weak'")  # fmt: skip
        dba = {**server.parameters, "user": "dba", "password": "dba"}
        for _ in range(2):
            database_roles.make(dba, folders, "sealed_orders")
        assert one(
            connect_as(dba, folders, "owner", "sealed_orders"), "SELECT has_schema_privilege('public', 'CREATE')"
        )
        assert one(dba, "SELECT pg_has_role('strongroom_owner', 'USAGE')") is False
        with pytest.raises(CannotStart, match="CREATEROLE"):
            database_roles.make({**server.parameters, "user": "weak", "password": "weak"}, folders, "other")
