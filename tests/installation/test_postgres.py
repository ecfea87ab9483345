"""Our launcher: root or not, killed or not, and in words when it cannot (DESIGN 7, RR-4)."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from strongroom.installation import database_roles, external
from strongroom.installation.folders import Folders
from strongroom.installation.postgres import Embedded, find_binaries, new_password
from strongroom.installation.problems import CannotStart

DEBIAN = Path("/usr/lib/postgresql/15/bin")


def embedded(folder: Path, bindir: Path | None = None) -> tuple[Folders, Embedded]:
    folders = Folders(folder / "data")
    folders.make()
    if not folders.has_credential("database-postgres"):
        folders.keep_credential("database-postgres", new_password())
    return folders, Embedded(
        binaries=find_binaries(bindir), folder=folders.postgres, sockets=folders.run / "postgres",
        log=folders.logs / "postgres.log", password=folders.credential("database-postgres"),
    )  # fmt: skip


@contextmanager
def running(folder: Path, bindir: Path | None = None) -> Iterator[tuple[Folders, Embedded]]:
    folders, server = embedded(folder, bindir)
    server.start()
    try:
        yield folders, server
    finally:
        server.stop()


def needs_debian() -> None:
    if not (DEBIAN / "postgres").exists():
        pytest.skip("needs the package postgresql-15")


@pytest.mark.parametrize("bindir", [None, DEBIAN], ids=["wheel 18", "Debian 15"])
def test_killed_with_9_it_comes_back_with_every_acknowledged_row(folder: Path, bindir: Path | None) -> None:
    if bindir:
        needs_debian()
    with running(folder, bindir) as (_, server):
        with psycopg.connect(**server.parameters, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (i int)")
        for round_ in range(3):
            with psycopg.connect(**server.parameters, autocommit=True) as connection:
                for i in range(50):
                    connection.execute("INSERT INTO t VALUES (%s)", [i])
            assert server.process is not None
            server.process.kill()
            server.process.wait()
            server.start()
            with psycopg.connect(**server.parameters) as connection:
                assert connection.execute("SELECT count(*) FROM t").fetchone() == (50 * (round_ + 1),)


def test_a_postmaster_that_outlived_its_supervisor_is_taken_over(folder: Path) -> None:
    with running(folder) as (_, first):
        assert first.process is not None
        _, second = embedded(folder)
        second.start()
        assert first.process.wait(10) is not None
        with psycopg.connect(**second.parameters) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        second.stop()
        first.process = None


def test_nobody_without_a_password_and_nobody_over_a_network(folder: Path) -> None:
    with running(folder) as (_, server):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(**{**server.parameters, "password": "wrong"})
        with psycopg.connect(**server.parameters) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW data_checksums").fetchone() == ("on",)


def test_each_role_has_its_own_password_and_owns_nothing(folder: Path) -> None:
    with running(folder) as (folders, server):
        database_roles.make(server.parameters, folders)
        database_roles.make(server.parameters, folders)
        passwords = {folders.credential(f"database-{role}").text() for role in database_roles.ROLES}
        assert len(passwords) == len(database_roles.ROLES)
        for role in ("web", "worker", "auditor", "backup"):
            with (
                psycopg.connect(**database_roles.connect_as(server.parameters, folders, role)) as connection,
                pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
            ):
                connection.execute("CREATE TABLE mine (i int)")


def test_the_servers_log_repeats_no_value(folder: Path) -> None:
    with running(folder) as (folders, server):
        with psycopg.connect(**server.parameters, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (name text PRIMARY KEY)")
            connection.execute("INSERT INTO t VALUES ('Qx7Canary9Zz')")
            for statement in (
                "INSERT INTO t VALUES ('Qx7Canary9Zz')",
                "SELECT * FROM missing WHERE a = 'Qx7Canary9Zz'",
            ):
                with pytest.raises(psycopg.Error):
                    connection.execute(statement)
            with pytest.raises(psycopg.Error):
                connection.execute("INSERT INTO t VALUES (%s)", ["Qx7Canary9Zz"])
        log = (folders.logs / "postgres.log").read_text()
        assert "duplicate key" in log
        assert "Qx7Canary9Zz" not in log


def test_an_external_server_that_could_leak_is_refused_by_the_names_of_its_settings(folder: Path) -> None:
    with running(folder) as (_, server):
        external.check(server.parameters)
        with psycopg.connect(**server.parameters, autocommit=True) as connection:
            for setting, value in (("log_min_error_statement", "error"), ("log_error_verbosity", "verbose")):
                connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(0.3)
        with pytest.raises(CannotStart, match="log_min_error_statement") as refused:
            external.check(server.parameters)
        assert "log_error_verbosity" in refused.value.sentence


def test_an_external_server_over_a_network_needs_its_name_checked() -> None:
    for mode in ("require", "prefer", "disable", None):
        with pytest.raises(CannotStart, match="TLS"):
            external.check({"host": "db.example.org", "sslmode": mode})


def test_another_major_version_in_the_folder_is_said(folder: Path) -> None:
    with running(folder) as (folders, _):
        pass
    (folders.postgres / "PG_VERSION").write_text("14\n")
    with pytest.raises(CannotStart, match="PostgreSQL 14") as refused:
        embedded(folder)[1].start()
    assert "--pg-bindir" in refused.value.remedy


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    folders, server = embedded(folder)
    (folders.postgres / "new" / "base").mkdir(parents=True)
    (folders.postgres / "new" / "PG_VERSION").write_text("18\n")
    (folders.postgres / "global").mkdir()
    (folders.postgres / "making").touch()
    server.start()
    server.stop()


def test_a_folder_with_somebodys_files_is_left_alone(folder: Path) -> None:
    folders, server = embedded(folder)
    folders.postgres.mkdir()
    (folders.postgres / "thesis.txt").write_text("mine")
    with pytest.raises(CannotStart, match="not a whole PostgreSQL"):
        server.start()
    assert (folders.postgres / "thesis.txt").read_text() == "mine"


def test_missing_binaries_are_said(folder: Path) -> None:
    with pytest.raises(CannotStart, match="no PostgreSQL"):
        find_binaries(folder)


def test_a_full_disk_is_said(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("mounting a small disk needs root")
    small = folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=711", "tmpfs", small], check=False).returncode != 0:
        pytest.skip("this machine mounts no tmpfs")
    try:
        with pytest.raises(CannotStart, match="disk is full"):
            embedded(small)[1].start()
    finally:
        subprocess.run(["umount", small], check=True)


def test_one_supervisor_holds_a_folder(folder: Path) -> None:
    folders = Folders(folder / "data")
    folders.make()
    with folders.only_one(), pytest.raises(CannotStart, match=str(os.getpid())), Folders(folder / "data").only_one():
        pass


def test_a_long_path_gets_a_short_folder_for_its_sockets(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    for parent in (deep, deep.parent):
        parent.chmod(0o711)
    folders = Folders(deep / "data")
    folders.make()
    assert len(str(folders.run)) < 90
    folders.run.rmdir()


def test_as_root_below_a_private_folder_the_cluster_lies_where_its_user_can_reach_it(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root drops to another user")
    private = folder / "private"
    private.mkdir(mode=0o700)
    with running(private) as (folders, server):
        assert not folders.postgres.is_relative_to(private)
        assert private.stat().st_mode & 0o777 == 0o700, "nobody's folder was opened"
        with psycopg.connect(**server.parameters) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    shutil.rmtree(folders.postgres.parent)
    shutil.rmtree(folders.run)


def test_as_an_ordinary_user_it_needs_no_other(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("this is one already")
    if subprocess.run(["test", "-x", sys.executable], user="nobody", check=False).returncode != 0:
        pytest.skip(f"another user cannot reach this interpreter ({Path(sys.executable).resolve().parts[1]})")
    mine = folder / "mine"
    mine.mkdir()
    os.chown(mine, 65534, 65534)
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\nfrom tests.installation.test_postgres import running\n"
        "with running(Path(sys.argv[1])) as (_, server): print(server.process.pid)"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code, str(mine), str(root)], user="nobody", group="nogroup", cwd="/",
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_children_die_with_a_killed_supervisor(folder: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from strongroom.installation.supervisor import Process, Supervisor\n"
        "s = Supervisor(Path(sys.argv[1]))\n"
        "s.start(Process('sleeper', [sys.executable, '-c', 'import time; time.sleep(60)']))\n"
        "print(s.pid('sleeper'), flush=True)\ntime.sleep(60)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    supervisor.stdout.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and is_running(child):
        time.sleep(0.05)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_child_that_dies_is_started_again_and_gets_no_secret_of_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strongroom.installation.supervisor import Process, Supervisor

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "Qx7Canary9Zz")
    script = "import os, time; print(sorted(os.environ), flush=True); time.sleep(60)"
    supervisor = Supervisor(folder)
    supervisor.start(Process("child", [sys.executable, "-c", script]))
    first = supervisor.pid("child")
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while supervisor.pid("child") == first and time.monotonic() < deadline:
        supervisor.watch()
        time.sleep(0.02)
    assert supervisor.pid("child") != first
    time.sleep(0.3)
    supervisor.stop()
    assert "AWS_SECRET_ACCESS_KEY" not in (folder / "child.log").read_text()
