"""What the inspector sees of a running installation with own uids, and each planted fault that it must see."""

import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.formats import verdict_file
from strongroom.formats.grade import Role, grade
from strongroom.formats.verdict import Look, State, Verdict
from strongroom.installation.configuration import Backup, Configuration
from strongroom.rehearsal.installation import Rehearsal
from tests.installation.servers import until
from tests.installation.service_grade import as_uid, needs_own_uids, python, quiet_rehearsal, started, take

SLEEP = "import sys, time; print(flush=True); time.sleep(300)"


@pytest.fixture(scope="module")
def installed() -> Iterator[Rehearsal]:
    needs_own_uids()
    made = Path(tempfile.mkdtemp(prefix="sr-inspected-"))
    made.chmod(0o711)
    with quiet_rehearsal(made / "data") as running:
        yield running
    shutil.rmtree(made, ignore_errors=True)


def said(seen: Verdict) -> str:
    return " ".join(seen.problems)


def uid(installed: Rehearsal, role: Role) -> int:
    return installed.running.who.roles[role].uid


def read(installed: Rehearsal, look: Look) -> object:
    found = grade(installed.folders.data)
    return verdict_file.read(installed.folders.data / verdict_file.FOLDER, look, found.uids[Role.INSPECTOR])


def test_the_standing_inspector_writes_every_verdict_and_it_is_believed(installed: Rehearsal) -> None:
    until(lambda: all(isinstance(read(installed, look), Verdict) for look in Look), 90)
    at = {look: seen.at for look in Look if isinstance(seen := read(installed, look), Verdict)}
    assert set(at) == set(Look)
    assert all(abs(moment - installed.clock.wall() * 1000) < 120_000 for moment in at.values()), "policy time"


@pytest.mark.parametrize(
    "look", [Look.PROCESS_FLAGS, Look.FILE_MODES, Look.DATABASE_FILES, Look.MOUNTS, Look.SWAP, Look.BUILD]
)
def test_an_installation_as_it_should_be_passes(installed: Rehearsal, look: Look) -> None:
    seen = take(installed, look)
    assert (seen.problems, seen.unseen, seen.state) == ((), (), State.PASS)


def test_it_sees_every_process_with_its_user(installed: Rehearsal) -> None:
    seen = take(installed, Look.PROCESS_FLAGS)
    for role in (Role.WEB, Role.WORKER, Role.BROKER, Role.INSPECTOR, Role.DATABASE, Role.AMAZON):
        assert f"{role} uid {uid(installed, role)}" in seen.saw["processes"]  # type: ignore[operator]
    assert seen.saw["broker_network"] == "none"


def test_a_process_of_ours_that_never_asked_for_its_flags_is_seen(installed: Rehearsal) -> None:
    who = uid(installed, Role.WORKER)
    with started(["setpriv", f"--reuid={who}", f"--regid={who}", "--clear-groups", "--", *python(SLEEP)]) as planted:
        seen = take(installed, Look.PROCESS_FLAGS)
    assert f"The worker process {planted.pid} can be dumped" in said(seen)
    if "NoNewPrivs:\t0" in Path("/proc/self/status").read_text():  # else what we start cannot gain any either
        assert f"The worker process {planted.pid} may gain new rights" in said(seen)
    assert take(installed, Look.PROCESS_FLAGS).state is State.PASS


def test_a_process_of_our_uid_that_nobody_of_ours_started_is_seen(installed: Rehearsal) -> None:
    who = uid(installed, Role.BROKER)
    code = (
        "import os, sys, time\nif os.fork():\n    time.sleep(1); os._exit(0)\nos.setsid()\n"
        "if os.fork():\n    os._exit(0)\nprint(os.getpid(), flush=True)\ntime.sleep(300)"
    )
    process = subprocess.Popen(
        ["setpriv", f"--reuid={who}", f"--regid={who}", "--clear-groups", "--", *python(code)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    stray = int(process.stdout.readline())
    process.wait()
    try:
        assert f"Process {stray} runs as the broker's uid" in said(take(installed, Look.PROCESS_FLAGS))
    finally:
        os.kill(stray, 9)
        process.stdout.close()


def test_a_process_that_is_traced_is_seen(installed: Rehearsal) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs the package strace")
    pid = installed.running.supervisor.pid("worker")
    tracer = subprocess.Popen(["strace", "-qq", "-e", "none", "-p", str(pid)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: f"TracerPid:\t{tracer.pid}" in Path(f"/proc/{pid}/status").read_text())
        assert f"The worker process {pid} is being traced" in said(take(installed, Look.PROCESS_FLAGS))
    finally:
        tracer.terminate()
        tracer.wait()


def test_another_user_at_the_brokers_socket_is_refused_counted_and_told_once(installed: Rehearsal) -> None:
    before = take(installed, Look.PROCESS_FLAGS).saw["refused_strangers"]
    code = (
        "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
        "s.sendall(bytes.fromhex('0000000e00020000000101000000010' + '1'))\nprint(repr(s.recv(99)))"
    )
    for stranger in (59_999, 0, uid(installed, Role.AMAZON)):
        knocked = as_uid(stranger, python(code, str(installed.folders.peers_socket)))
        assert "b''" in knocked.stdout or "Reset" in knocked.stderr or "Broken" in knocked.stderr, knocked
    seen = take(installed, Look.PROCESS_FLAGS)
    assert seen.saw["refused_strangers"] == int(str(before)) + 3
    assert "Another user of this machine connected to the key broker" in said(seen)


def test_the_terminals_socket_is_roots_and_the_brokers_only(installed: Rehearsal) -> None:
    code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    for who in (59_999, uid(installed, Role.WEB)):
        assert "PermissionError" in as_uid(who, python(code, str(installed.folders.terminal_socket))).stderr


def test_an_extra_listener_is_seen_with_its_holder(installed: Rehearsal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as planted:
        port = planted.getsockname()[1]
        seen = take(installed, Look.LISTENERS)
    assert f"Something unlisted listens: tcp 127.0.0.1:{port}" in said(seen)
    assert f"tcp/{port}" in said(seen), "the remedy names how to list it"
    assert f":{port}" not in said(take(installed, Look.LISTENERS))


def test_ours_are_known_by_port_and_user(installed: Rehearsal) -> None:
    seen = take(installed, Look.LISTENERS)
    ours = " ".join(seen.saw["ours"])  # type: ignore[arg-type]
    assert f"tcp 127.0.0.1:{installed.running.configuration.web.port}" in ours
    assert f"unix {installed.folders.peers_socket}" in ours
    assert ".s.PGSQL.5432" in ours
    assert seen.saw["silent"] == ()


def test_a_process_of_ours_that_opens_a_port_is_seen(installed: Rehearsal) -> None:
    who = uid(installed, Role.WEB)
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(300)"
    process = subprocess.Popen(
        ["setpriv", f"--reuid={who}", f"--regid={who}", "--clear-groups", "--", *python(code)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    seen = take(installed, Look.LISTENERS)
    process.kill()
    process.wait()
    process.stdout.close()
    assert f"One of our processes listens where it should not: tcp 127.0.0.1:{port}" in said(seen)


def test_a_udp_socket_and_a_socket_in_our_folder_are_seen(installed: Rehearsal) -> None:
    path = installed.folders.data / "odd.sock"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_UNIX) as unix:
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        unix.bind(str(path))
        unix.listen()
        seen = take(installed, Look.LISTENERS)
        modes = take(installed, Look.FILE_MODES)
        path.unlink()
    assert f"Something unlisted listens: udp 127.0.0.1:{port}" in said(seen)
    assert f"An unlisted socket listens in our folders: {path}" in said(seen)
    assert f"{path} is neither a file nor a folder" in said(modes)


def test_a_world_readable_cell_is_seen(installed: Rehearsal) -> None:
    cell = next((installed.folders.keys / "cells").iterdir())
    cell.chmod(0o644)
    try:
        seen = take(installed, Look.FILE_MODES)
    finally:
        cell.chmod(0o600)
    assert f"Others may read {cell} (mode 0644). Run: chmod 0600 {cell}" in said(seen)
    assert take(installed, Look.FILE_MODES).state is State.PASS


def test_a_file_of_the_wrong_user_a_link_and_a_second_name_are_seen(installed: Rehearsal) -> None:
    data = installed.folders.data
    ring, linked, twin = data / "keys" / "ring", data / "journal" / "linked", data / "website" / "twin"
    owner = ring.stat().st_uid
    os.chown(ring, uid(installed, Role.WEB), -1)
    linked.symlink_to("/etc/passwd")
    os.link(data / "rehearsal-begin", twin)
    try:
        seen = take(installed, Look.FILE_MODES)
    finally:
        os.chown(ring, owner, -1)
        linked.unlink()
        twin.unlink()
    assert f"{ring} belongs to uid {uid(installed, Role.WEB)}, not to {owner}" in said(seen)
    assert f"{linked} is a link" in said(seen)
    assert f"{twin} has another name elsewhere" in said(seen)


def test_a_bind_mount_into_the_data_folder_is_seen(installed: Rehearsal, folder: Path) -> None:
    here = installed.folders.data / "journal"
    seen = take(installed, Look.MOUNTS, inside=f"mount --bind {folder} {here}/tile")
    assert f"Another place is mounted into the data folder: {here}/tile" in said(seen)


def test_a_mount_that_shows_the_very_place_it_covers_is_none(installed: Rehearsal) -> None:
    """As a service manager does for what a unit may write."""
    here = installed.folders.data / "journal"
    assert take(installed, Look.MOUNTS, inside=f"mount --bind {here} {here}").state is State.PASS


def test_memory_and_network_file_systems_are_told_apart(installed: Rehearsal) -> None:
    here = installed.folders.data / "journal"
    seen = take(installed, Look.MOUNTS, inside=f"mount -t tmpfs tmpfs {here}")
    assert seen.saw["journal_kind"] == "tmpfs"
    assert f"mounted into the data folder: {here} (tmpfs)" in said(seen)


def test_alter_system_a_tablespace_and_an_open_file_of_the_cluster_are_seen(installed: Rehearsal, folder: Path) -> None:
    cluster = installed.folders.postgres
    auto = cluster / "postgresql.auto.conf"
    before = auto.read_text()
    auto.write_text(before + "log_min_duration_statement = '0'\n  LOG_statement='all'\nwork_mem = '8MB'\n")
    (cluster / "pg_tblspc" / "16999").symlink_to(folder)
    (cluster / "PG_VERSION").chmod(0o644)
    try:
        seen = take(installed, Look.DATABASE_FILES)
    finally:
        auto.write_text(before)
        (cluster / "pg_tblspc" / "16999").unlink()
        (cluster / "PG_VERSION").chmod(0o600)
    assert "postgresql.auto.conf sets log_min_duration_statement" in said(seen)
    assert "postgresql.auto.conf sets log_statement" in said(seen)
    assert "work_mem" not in said(seen)
    assert "1 tablespaces" in said(seen)
    assert f"Others may reach {cluster / 'PG_VERSION'}" in said(seen)
    assert take(installed, Look.DATABASE_FILES).saw["checksums"] == 1


def test_a_ring_in_a_backup_a_cell_elsewhere_and_a_dump_are_seen(installed: Rehearsal, folder: Path) -> None:
    backups = folder / "backups"
    backups.mkdir(mode=0o755)
    installed.running.configuration = with_backups(installed, backups)
    installed.running.describe(*installed._listeners())
    keys = installed.folders.keys
    with tarfile.open(backups / "nightly.tar", "w") as archive:
        archive.add("/etc/passwd")
        archive.add(keys / "ring")
    shutil.copy(next((keys / "cells").iterdir()), folder / "notes")
    shutil.copy(installed.folders.data / "database.json", folder / "d.json")
    (folder / "dump.sql").write_text(
        "--\n-- PostgreSQL database dump\n--\n\nALTER TABLE x OWNER TO strongroom_owner;\n"
    )
    seen = take(installed, Look.OTHER_FOLDERS, search=folder)
    assert f"A copy of the key ring lies in a backup: {backups / 'nightly.tar'}" in said(seen)
    assert f"The cell of a living key lies in another folder: {folder / 'notes'}" in said(seen)
    assert f"A copy of database.json lies in another folder: {folder / 'd.json'}" in said(seen)
    assert f"A copy of the database lies in another folder: {folder / 'dump.sql'}" in said(seen)
    (folder / "dump.sql").unlink()
    again = take(installed, Look.OTHER_FOLDERS, search=folder)
    assert "dump.sql" not in said(again)
    assert "nightly.tar" in said(again)


def with_backups(installed: Rehearsal, backups: Path) -> Configuration:
    return replace(installed.running.configuration, backup=Backup((str(backups),)))


def test_another_program_than_was_started_is_seen(installed: Rehearsal) -> None:
    path = installed.folders.data / "installation.json"
    before = path.read_text()
    told = json.loads(before)
    told["build"]["sha256"] = "0" * 64
    path.write_text(json.dumps(told))
    try:
        seen = take(installed, Look.BUILD)
    finally:
        path.write_text(before)
    assert "The program's files are not those that were started" in said(seen)


def test_a_description_that_root_did_not_write_is_a_problem(installed: Rehearsal) -> None:
    path = installed.folders.data / "installation.json"
    os.chown(path, uid(installed, Role.WORKER), -1)
    try:
        seen = take(installed, Look.SWAP)
    finally:
        os.chown(path, 0, 0)
    assert "installation.json cannot be believed" in said(seen)


def test_the_worker_may_ask_for_a_look_and_others_may_not(installed: Rehearsal) -> None:
    wanted = installed.folders.data / verdict_file.WANTED
    until(lambda: isinstance(read(installed, Look.SWAP), Verdict), 90)
    time.sleep(3)  # what is due anyway has been done, and the look has rested
    before = read(installed, Look.SWAP)
    asked = as_uid(uid(installed, Role.WORKER), ["touch", str(wanted / "swap")])
    assert asked.returncode == 0, asked.stderr
    until(lambda: read(installed, Look.SWAP) != before, 30)
    for role in (Role.WEB, Role.BROKER, Role.AMAZON):
        assert as_uid(uid(installed, role), ["touch", str(wanted / "clock")]).returncode != 0
    assert (
        as_uid(uid(installed, Role.WORKER), ["touch", str(wanted.with_name("verdicts") / "swap.json")]).returncode != 0
    )


def test_what_a_person_plants_as_a_request_is_never_read(installed: Rehearsal) -> None:
    """A link to a file that hangs or bites: the inspector takes the times of the name itself."""
    wanted = installed.folders.data / verdict_file.WANTED
    (wanted / "mounts").unlink(missing_ok=True)
    (wanted / "mounts").symlink_to("/dev/zero")
    until(lambda: isinstance(read(installed, Look.MOUNTS), Verdict), 60)
    (wanted / "mounts").unlink()
    assert take(installed, Look.MOUNTS).state is State.PASS
