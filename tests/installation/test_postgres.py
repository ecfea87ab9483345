"""Our launcher: root or not, killed or not, and in words when it cannot (DESIGN 7, RR-4)."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from strongroom.formats.secret import Secret
from strongroom.installation import binaries, neighbours, run_as
from strongroom.installation.binaries import find_binaries
from strongroom.installation.folders import Folders
from strongroom.installation.postgres import SETTINGS
from strongroom.installation.problems import CannotStart
from tests.installation.servers import (
    BOTH,
    CANARY,
    DEBIAN,
    SomebodysServer,
    do,
    embedded,
    is_running,
    one,
    python_for_everybody,
    running_server,
    until,
)

root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root drops to another user")


@pytest.mark.parametrize("bindir", BOTH)
def test_killed_with_9_it_comes_back_with_every_acknowledged_row(folder: Path, bindir: Path | None) -> None:
    with running_server(folder, bindir) as (_, server):
        do(server.parameters, "CREATE TABLE t (i int)")
        for round_ in range(3):
            with psycopg.connect(**server.parameters, autocommit=True) as connection:
                for i in range(50):
                    connection.execute("INSERT INTO t VALUES (%s)", [i])
            assert server.process is not None
            server.process.kill()
            server.process.wait()
            server.start()
            assert one(server.parameters, "SELECT count(*) FROM t") == 50 * (round_ + 1)


@pytest.mark.parametrize("bindir", BOTH)
def test_a_stopped_server_starts_again_with_what_it_had(folder: Path, bindir: Path | None) -> None:
    with running_server(folder, bindir) as (_, server):
        do(server.parameters, "CREATE TABLE t AS SELECT 7 AS i")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            one(server.parameters, "SELECT 1")
        server.start()
        assert one(server.parameters, "SELECT i FROM t") == 7


def test_a_postmaster_that_outlived_its_supervisor_is_taken_over(folder: Path) -> None:
    with running_server(folder) as (_, first):
        assert first.process is not None
        _, second = embedded(folder)
        second.start()
        assert first.process.wait(10) is not None
        assert one(second.parameters, "SELECT 1") == 1
        second.stop()
        first.process = None


def test_a_query_that_outlived_its_postmaster_does_not_block_the_next_start(folder: Path) -> None:
    """It holds the shared memory and does not look for its postmaster until it is done, which may take hours."""
    with running_server(folder) as (_, server), psycopg.connect(**server.parameters, autocommit=True) as connection:

        def count() -> None:
            with contextlib.suppress(psycopg.OperationalError):
                connection.execute("SELECT count(*) FROM generate_series(1, 3000000000)")

        busy = threading.Thread(target=count)
        busy.start()
        backend = connection.info.backend_pid
        busy_now = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%3000000000%%' AND pid <> pg_backend_pid()"
        until(lambda: one(server.parameters, busy_now) == 1)
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        assert is_running(backend)
        server.start()
        assert not is_running(backend)
        assert one(server.parameters, "SELECT 1") == 1
        busy.join()


def test_a_shell_that_stands_in_the_folder_is_no_postgres(folder: Path) -> None:
    with running_server(folder) as (folders, server):
        standing = subprocess.Popen(["sleep", "60"], cwd=folders.postgres)
        assert standing.pid not in neighbours.postgres_in(folders.postgres)
        server.stop()
        server.start()
        assert standing.poll() is None
        standing.kill()
        standing.wait()


def test_a_pid_that_somebody_else_has_now_does_not_keep_it_from_starting(folder: Path) -> None:
    folders, server = embedded(folder)
    server.start()
    lock = (folders.postgres / "postmaster.pid").read_text().split("\n", 1)[1]
    server.stop()
    somebody = subprocess.Popen(["sleep", "60"], **run_as.drop(run_as.unprivileged()))
    (folders.postgres / "postmaster.pid").write_text(f"{somebody.pid}\n{lock}")
    server.start()
    server.stop()
    assert somebody.poll() is None
    somebody.kill()
    somebody.wait()


@pytest.mark.parametrize("bindir", BOTH)
def test_nobody_without_a_password_and_nobody_over_a_network(folder: Path, bindir: Path | None) -> None:
    with running_server(folder, bindir, fresh=True) as (folders, server):
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(**{**server.parameters, "password": "wrong"})
        shown = {name: one(server.parameters, f"SHOW {name}") for name in ("listen_addresses", "data_checksums")}
        assert shown == {"listen_addresses": "", "data_checksums": "on"}
        assert one(server.parameters, "SELECT string_agg(concat_ws(' ', type, database, user_name, auth_method), ',')"
                                      " FROM pg_hba_file_rules") == "local {all} {all} scram-sha-256"  # fmt: skip
        assert (folders.run / "postgres").stat().st_mode & 0o777 == 0o700
        assert folders.postgres.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("told", [{}, {"log_min_error_statement": "error"}], ids=["ours", "somebody's"])
def test_the_servers_log_repeats_no_value_and_would_without_our_settings(folder: Path, told: dict[str, str]) -> None:
    with running_server(folder, told=told) as (folders, server):
        with psycopg.connect(**server.parameters, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (name text PRIMARY KEY)")
            insert = f"INSERT INTO t VALUES ('{CANARY}')"  # noqa: S608 - the literal is the point
            connection.execute(insert)
            for statement in (insert, f"SELECT * FROM missing WHERE a = '{CANARY}'"):  # noqa: S608
                with pytest.raises(psycopg.Error):
                    connection.execute(statement)
            with pytest.raises(psycopg.Error):
                connection.execute("INSERT INTO t VALUES (%s)", [CANARY])
        log = (folders.logs / "postgres.log").read_text()
        assert "duplicate key" in log
        assert (CANARY in log) == bool(told)


@pytest.mark.parametrize("bindir", BOTH)
def test_alter_system_does_not_undo_what_keeps_values_out_of_the_log(folder: Path, bindir: Path | None) -> None:
    with running_server(folder, bindir) as (folders, server):
        do(server.parameters, "ALTER SYSTEM SET log_min_error_statement = 'error'",
           "ALTER SYSTEM SET log_destination = 'csvlog'", "ALTER SYSTEM SET work_mem = '7MB'")  # fmt: skip
        with (folders.postgres / "postgresql.conf").open("a") as conf:
            conf.write("log_statement = 'all'\n")
        server.stop()
        server.start()
        with psycopg.connect(**server.parameters) as connection:
            shown = {name: (connection.execute(f"SHOW {name}").fetchone() or ("",))[0] for name in SETTINGS}
        assert shown == {**SETTINGS, "timezone": "UTC", "datestyle": "ISO, MDY"}
        assert one(server.parameters, "SHOW work_mem") == "7MB"


@pytest.mark.parametrize("wrong", ["14", "", "18 beta"])
def test_another_version_in_the_folder_is_said(folder: Path, wrong: str) -> None:
    with running_server(folder) as (folders, _):
        pass
    (folders.postgres / "PG_VERSION").write_text(wrong)
    with pytest.raises(CannotStart, match=f"PostgreSQL {wrong}") as refused:
        embedded(folder)[1].start()
    assert "--pg-bindir" in refused.value.remedy


def test_binaries_of_another_version_are_refused_by_both_versions_names(folder: Path) -> None:
    with running_server(folder):
        pass
    with pytest.raises(CannotStart, match=r"PostgreSQL 18; the binaries are of PostgreSQL 15"):
        embedded(folder, DEBIAN)[1].start()


def test_a_kill_during_initdb_leaves_a_clean_retry(folder: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.installation.servers import embedded\n"
        "embedded(Path(sys.argv[1]), fresh=True)[1].prepare()\n"
    )
    folders, server = embedded(folder, fresh=True)
    beside = folders.data / "postgres.new" / "cluster"
    killed = 0
    for wanted in ("PG_VERSION", "global/pg_control", "base/1/PG_VERSION"):
        starter = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=Path(__file__).parents[2])
        deadline = time.monotonic() + 10
        while not (beside / wanted).exists() and starter.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        starter.kill()
        starter.wait()
        killed += not folders.postgres.exists()
    assert killed >= 2
    assert beside.exists()
    server.start()
    assert one(server.parameters, "SELECT 1") == 1
    server.stop()
    assert not beside.parent.exists()


def test_a_folder_with_somebodys_files_is_left_alone(folder: Path) -> None:
    folders, server = embedded(folder, fresh=True)
    folders.postgres.mkdir()
    (folders.postgres / "thesis.txt").write_text("mine")
    with pytest.raises(CannotStart, match="not a whole PostgreSQL"):
        server.start()
    assert (folders.postgres / "thesis.txt").read_text() == "mine"


def test_an_empty_folder_made_beforehand_is_used(folder: Path) -> None:
    folders, server = embedded(folder, fresh=True)
    folders.postgres.mkdir()
    server.start()
    server.stop()


def test_a_link_in_the_databases_place_is_refused(folder: Path) -> None:
    folders, server = embedded(folder, fresh=True)
    (folder / "elsewhere").mkdir()
    folders.postgres.symlink_to(folder / "elsewhere")
    with pytest.raises(CannotStart, match="is a link"):
        server.start()


@root_only
def test_a_database_of_another_user_is_left_alone_and_its_owner_named(folder: Path) -> None:
    with running_server(folder) as (folders, _):
        pass
    os.chown(folders.postgres, 1, 1)
    with pytest.raises(CannotStart, match="belongs to the user daemon") as refused:
        embedded(folder)[1].start()
    assert "daemon" in refused.value.remedy
    assert folders.postgres.stat().st_uid == 1


@root_only
def test_root_writes_through_no_link_that_the_databases_user_planted(folder: Path) -> None:
    with running_server(folder) as (folders, server):
        pass
    roots = folder / "roots"
    roots.write_text("root's")
    owner = run_as.unprivileged()
    for name in ("strongroom.conf", "postgresql.conf", "pg_hba.conf", "postmaster.pid", "postmaster.opts"):
        subprocess.run(["ln", "-sf", roots, folders.postgres / name], check=True, **run_as.drop(owner))
    with contextlib.suppress(CannotStart):  # what the server makes of its own broken settings is not the question
        server.start()
    server.stop()
    assert roots.read_text() == "root's"
    assert roots.stat().st_uid == 0


def test_missing_broken_or_too_old_binaries_are_said(folder: Path) -> None:
    with pytest.raises(CannotStart, match="no PostgreSQL"):
        find_binaries(folder)
    for name in ("postgres", "initdb"):
        (folder / name).write_text("#!/bin/sh\necho postgres '(PostgreSQL)' 13.4\n")
    with pytest.raises(CannotStart, match="cannot be run"):
        find_binaries(folder)
    (folder / "postgres").chmod(0o755)
    with pytest.raises(CannotStart, match="PostgreSQL 13"):
        find_binaries(folder)
    (folder / "postgres").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(CannotStart, match="does not tell"):
        find_binaries(folder)


@contextlib.contextmanager
def _small_disk(folder: Path, megabytes: int):  # type: ignore[no-untyped-def]
    if os.getuid() != 0:
        pytest.skip("mounting a small disk needs root")
    small = folder / "small"
    small.mkdir()
    options = f"size={megabytes}m,mode=711"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", small], check=False).returncode != 0:
        pytest.skip("this machine mounts no tmpfs")
    try:
        yield small
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_disk_too_small_for_a_database_is_said_and_a_larger_one_is_used(folder: Path) -> None:
    with _small_disk(folder, 12) as small:
        with pytest.raises(CannotStart, match="disk is full"):
            embedded(small, fresh=True)[1].start()
        subprocess.run(["mount", "-o", "remount,size=200m", small], check=True)
        folders, server = embedded(small, fresh=True)
        server.start()
        server.stop()
        (folders.data / "ballast").touch()
        with contextlib.suppress(OSError), (folders.data / "ballast").open("wb") as ballast:
            while True:
                ballast.write(bytes(1 << 16))
        with pytest.raises(CannotStart, match="disk is full"):
            server.start()
        assert server.process is None
        (folders.data / "ballast").unlink()
        server.start()
        server.stop()


def test_a_server_that_has_another_password_is_said_at_once(folder: Path) -> None:
    with running_server(folder) as (folders, _):
        pass
    folders.keep_credential("database-postgres", Secret("another"))
    began = time.monotonic()
    with pytest.raises(CannotStart, match="refuses its own administrator"):
        embedded(folder)[1].start()
    assert time.monotonic() - began < 10
    assert not neighbours.postgres_in(folders.postgres), "what did not start does not run"


def test_a_socket_in_use_is_said_with_the_process_that_uses_it(folder: Path) -> None:
    with running_server(folder) as (folders, first):
        second = SomebodysServer(
            binaries=find_binaries(), folder=folders.data / "another", sockets=folders.run / "postgres",
            log=folders.logs / "another.log", password=folders.credential("database-postgres"),
        )  # fmt: skip
        assert first.process is not None
        with pytest.raises(CannotStart, match=rf"process {first.process.pid}\)"):
            second.start()
        assert one(first.parameters, "SELECT 1") == 1


@root_only
@pytest.mark.parametrize(("named", "words"), [("root", "refuses to run as root"), ("nosuchuser", "no user nosuchuser")])
def test_a_user_who_cannot_run_it_is_refused(monkeypatch: pytest.MonkeyPatch, named: str, words: str) -> None:
    monkeypatch.setenv("STRONGROOM_PG_USER", named)
    with pytest.raises(CannotStart, match=words):
        run_as.unprivileged()


@root_only
def test_as_root_it_runs_as_the_user_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_PG_USER", "nobody")
    with running_server(folder, fresh=True) as (_, server):
        assert server.process is not None
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert "Uid:\t65534\t65534\t65534\t65534" in status
        assert "Groups:\t \n" in status, "none of root's groups"
        assert "NoNewPrivs:\t1" in status
        assert "Max core file size        0 " in Path(f"/proc/{server.process.pid}/limits").read_text()


@root_only
def test_as_root_below_a_private_folder_the_cluster_lies_where_its_user_can_reach_it(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    with running_server(private, fresh=True) as (folders, server):
        assert not folders.postgres.is_relative_to(private)
        assert private.stat().st_mode & 0o777 == 0o700, "nobody's folder was opened"
        assert one(server.parameters, "SELECT 1") == 1
        shutil.copytree(private / "data", private / "copied", ignore=shutil.ignore_patterns("*.sock", "lock"))
        with pytest.raises(CannotStart, match="moved or copied"):
            Folders(private / "copied").make()
    shutil.rmtree(folders.postgres.parent)
    shutil.rmtree(folders.run)


@root_only
def test_as_root_binaries_in_a_private_home_are_copied_and_the_home_stays_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    wheel = find_binaries().folder.parents[1]
    shutil.copytree(wheel, home / wheel.name)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), home / f"{wheel.name}.libs")
    bindir = home / wheel.name / "pginstall18" / "bin"
    folders, server = embedded(folder, bindir)
    server.start()
    assert server.command()[0].startswith(str(folders.data / "engine"))
    assert one(server.parameters, "SELECT 1") == 1
    server.stop()
    assert home.stat().st_mode & 0o777 == 0o700
    engine = folders.data / "engine"
    assert all(p.stat().st_uid == 0 and not p.stat().st_mode & 0o022 for p in engine.rglob("*") if not p.is_symlink())
    (copy,) = engine.iterdir()
    made = copy.stat().st_mtime_ns
    again = embedded(folder, bindir)[1]
    again.prepare()
    assert copy.stat().st_mtime_ns == made, "copied once"
    os.utime(bindir / "postgres")  # a new wheel
    embedded(folder, bindir)[1].prepare()
    assert [found.name for found in engine.iterdir()] != [copy.name], "an upgraded one replaces it"


@root_only
def test_as_root_other_binaries_out_of_reach_are_said(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(CannotStart, match="cannot reach"):
        binaries.within_reach(binaries.Binaries(private, 18), run_as.unprivileged(), folder / "engine")


@pytest.mark.parametrize("bindir", BOTH)
def test_as_an_ordinary_user_it_needs_no_other(folder: Path, bindir: Path | None) -> None:
    if os.getuid() != 0:
        pytest.skip("this is one already: every other test shows it")
    python, environment = python_for_everybody()
    mine = folder / "mine"
    mine.mkdir()
    os.chown(mine, 65534, 65534)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom tests.installation.servers import one, running_server\n"
        "with running_server(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None, fresh=True) as (_, server):\n"
        "    print(os.stat(f'/proc/{server.process.pid}').st_uid, one(server.parameters, 'SELECT 1'))\n"
    )
    if bindir is not None and not bindir.exists():
        pytest.skip("needs the package postgresql-15")
    ran = subprocess.run(
        [python, "-c", code, str(mine), str(bindir or "")], user="nobody", group="nogroup", extra_groups=[], cwd="/",
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert ran.stdout.split() == ["65534", "1"], ran.stderr


@root_only
def test_somebody_elses_data_folder_is_refused(folder: Path) -> None:
    python, environment = python_for_everybody()
    folders = Folders(folder / "data")
    folders.make()
    code = "import sys\nfrom pathlib import Path\nfrom strongroom.installation.folders import Folders\nFolders(Path(sys.argv[1])).make()\n"
    ran = subprocess.run(
        [python, "-c", code, str(folders.data)], user="nobody", group="nogroup", cwd="/", capture_output=True,
        text=True, check=False, env=environment,
    )  # fmt: skip
    assert "belongs to somebody else" in ran.stderr


def test_a_server_stops_at_once_and_leaves_nothing_behind(folder: Path) -> None:
    folders, server = embedded(folder)
    server.start()
    assert server.process is not None
    pid = server.process.pid
    with psycopg.connect(**server.parameters):
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 5
    assert not is_running(pid)
    assert not neighbours.postgres_in(folders.postgres)
    assert list((folders.run / "postgres").iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
