"""Any PostgreSQL by its address: the same house on a server that somebody else runs (DESIGN 7), if it cannot leak."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.installation import database_roles, external, run_as
from strongroom.installation.binaries import find_binaries
from strongroom.installation.commands import LIVE
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart
from strongroom.installation.running import Running
from tests.installation.servers import BOTH, CANARY, DEBIAN, SomebodysServer, do, embedded, running_server

LEAKY = {
    "log_error_verbosity": "default", "log_min_messages": "debug2", "log_min_error_statement": "error",
    "log_statement": "mod", "log_min_duration_statement": "250", "log_min_duration_sample": "10",
    "log_transaction_sample_rate": "0.5", "log_parameter_max_length": "-1", "log_parameter_max_length_on_error": "64",
    "debug_print_parse": "on", "debug_print_rewritten": "on", "debug_print_plan": "on", "fsync": "off",
    "full_page_writes": "off", "synchronous_commit": "off", "password_encryption": "md5", "log_destination": "csvlog",
}  # fmt: skip


def findings(parameters: dict[str, Any]) -> dict[str, external.Finding]:
    with psycopg.connect(**parameters) as connection:
        return {found.setting: found for found in external.inspect(connection)}


def test_our_own_server_is_one_that_may_hold_our_data(shared: tuple[Folders, SomebodysServer]) -> None:
    _, server = shared
    assert external.check(server.parameters) == []


@pytest.mark.parametrize("bindir", BOTH)
def test_a_server_that_could_leak_or_lose_is_refused_by_the_name_of_every_setting(
    folder: Path, bindir: Path | None
) -> None:
    with running_server(folder, bindir, told=LEAKY) as (_, server):
        found = findings(server.parameters)
        assert set(found) == set(LEAKY)
        assert all(finding.wanted and finding.why for finding in found.values())
        with pytest.raises(CannotStart) as refused:
            external.check(server.parameters)
        assert all(f"{name} is '" in refused.value.sentence for name in LEAKY)


@pytest.mark.parametrize("kind", external.STRUCTURED)
def test_a_structured_log_repeats_values_that_terse_keeps_out(folder: Path, kind: str) -> None:
    """Why log_destination is looked at: everything else is as we want it, and yet."""
    told = {"logging_collector": "on", "log_destination": kind, "log_directory": "log"}
    with running_server(folder, told=told) as (folders, server):
        do(server.parameters, "CREATE TABLE t (name text PRIMARY KEY)")
        for _ in range(2):
            try:
                with psycopg.connect(**server.parameters) as connection:
                    connection.execute("INSERT INTO t VALUES (%s)", [CANARY])
            except psycopg.errors.UniqueViolation:
                break
        with pytest.raises(CannotStart, match="log_destination"):
            external.check(server.parameters)
    written = "".join(path.read_text() for path in (folders.postgres / "log").iterdir())
    assert f"({CANARY})" in written


def test_what_a_role_or_our_database_is_given_counts_and_what_others_have_does_not(
    shared: tuple[Folders, SomebodysServer],
) -> None:
    _, server = shared
    parameters = server.parameters
    do(parameters, "CREATE ROLE accounts", "ALTER ROLE accounts SET log_statement = 'all'")
    try:
        assert findings(parameters) == {}
        do(parameters, "ALTER ROLE strongroom_web SET log_min_error_statement = 'error'",
           "ALTER DATABASE strongroom SET session_preload_libraries = 'auto_explain'")  # fmt: skip
        assert set(findings(parameters)) == {
            "log_min_error_statement of strongroom_web", "session_preload_libraries of every role",
        }  # fmt: skip
        do(parameters, "ALTER ROLE postgres SET log_min_error_statement = 'error'")
        assert "log_min_error_statement" in findings(parameters), "the effective value of who connects"
    finally:
        do(parameters, "ALTER ROLE postgres RESET ALL", "ALTER DATABASE strongroom RESET ALL", "DROP ROLE accounts",
           "ALTER ROLE strongroom_web RESET log_min_error_statement")  # fmt: skip


def test_a_library_that_logs_statements_is_seen_also_by_who_may_not_see_the_list(folder: Path) -> None:
    with running_server(folder, DEBIAN, told={"shared_preload_libraries": "auto_explain"}) as (_, server):
        assert set(findings(server.parameters)) == {"shared_preload_libraries"}
        do(server.parameters, "CREATE ROLE dba LOGIN PASSWORD 'dba'")
        found = findings({**server.parameters, "user": "dba", "password": "dba"})
        assert [finding.value for finding in found.values()] == ["auto_explain"]


def test_missing_checksums_are_said_and_not_refused(folder: Path) -> None:
    folders, server = embedded(folder)
    subprocess.run(
        [find_binaries() / "pg_checksums", "--disable", "-D", folders.postgres], check=True, capture_output=True,
        cwd="/", **run_as.drop(run_as.unprivileged()),
    )  # fmt: skip
    server.start()
    (advised,) = external.check(server.parameters)
    assert "data_checksums is 'off'" in advised.words()
    server.stop()


def test_another_version_is_refused(shared: tuple[Folders, SomebodysServer], monkeypatch: pytest.MonkeyPatch) -> None:
    _, server = shared
    monkeypatch.setattr(external, "NEWEST", 150_000)
    with pytest.raises(CannotStart, match=r"The server is PostgreSQL 1[58]"):
        external.check(server.parameters)


@pytest.mark.parametrize(
    "link",
    [
        {"host": "db.example.org"}, {"host": "db.example.org", "sslmode": "require"}, {}, {"host": ""},
        {"host": "db.example.org", "sslmode": "verify-ca"}, {"host": "/run/db,db.example.org"},
        {"host": "/run/db", "hostaddr": "192.0.2.1"}, {"host": "@abstract"},
    ],
    ids=str,
)  # fmt: skip
def test_a_server_over_a_network_needs_its_name_checked(link: dict[str, str]) -> None:
    with pytest.raises(CannotStart, match="TLS"):
        external.check(link)


def test_a_server_that_does_not_answer_or_refuses_is_said(shared: tuple[Folders, SomebodysServer]) -> None:
    _, server = shared
    with pytest.raises(CannotStart, match="cannot be reached"):
        external.check({**server.parameters, "host": "/nonexistent"})
    with pytest.raises(CannotStart, match="authentication failed") as refused:
        external.check({**server.parameters, "password": CANARY})
    assert CANARY not in str(refused.value)


def test_a_house_on_an_external_server_has_its_schema_and_roles_there(folder: Path) -> None:
    (folder / "theirs").mkdir(mode=0o711)
    (folder / "ours").mkdir(mode=0o711)
    with running_server(folder / "theirs") as (_, server):
        folders = Folders(folder / "ours" / "data")
        folders.make()
        (folders.credentials / "database-admin").touch(mode=0o600)
        (folders.credentials / "database-admin").write_text(server.parameters["password"])
        (folders.credentials / "unlock").touch(mode=0o600)
        (folders.credentials / "unlock").write_bytes(os.urandom(32))
        folders.configuration.write_text(f'[database]\nhost = "{server.parameters["host"]}"\nname = "sealed_orders"\n')
        with Running(folders, load(folders.configuration), LIVE) as house:
            house.create_keys("--unlock-file", str(folders.credentials / "unlock"))
            house.start_database()
            house.migrate()
            house.migrate()
            known = json.loads((folders.data / "database.json").read_text())
            assert known["name"] == "sealed_orders"
            assert not folders.postgres.exists()
            with psycopg.connect(
                **database_roles.connect_as(house.admin, folders, "worker", "sealed_orders")
            ) as connection:
                assert connection.execute("SELECT mode FROM installation").fetchall() == [("live",)]
