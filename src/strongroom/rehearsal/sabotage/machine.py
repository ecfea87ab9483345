"""Sabotage of the machine: rules, listeners, mounts, files, processes, the inspector's word (NP-1, ET-3, ES, AM-6).

By root, as whoever took the machine over would be; in a network and mounts of the drill's own where there are such.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.formats import verdict, verdict_file
from strongroom.formats.grade import Role
from strongroom.formats.verdict import Look
from strongroom.installation.firewall import TABLE
from strongroom.rehearsal import own_machine
from strongroom.rehearsal.sabotage.breaking import Act, Sabotage, Target

NOBODY: Final = 65_534
BEGUN: Final = "print('begun', flush=True)"
LISTENS: Final = f"import socket, time\ns = socket.create_server(('127.0.0.1', 0)); {BEGUN}; time.sleep(600)"
HEARS: Final = (
    "import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))\n"
    f"{BEGUN}; time.sleep(600)"
)
SLEEPS: Final = f"import time; {BEGUN}; time.sleep(600)"
KNOCKS: Final = "import socket, sys\ns = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\ns.recv(1)"
ENDS_WITHIN: Final = 10.0


def _rules(*command: str) -> Act:
    """Our rules, changed in the kernel past us; put back by loading them anew."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        own_machine.nft(*command)
        try:
            own_machine.wait_until_written(target.rehearsal)
            yield
        finally:
            own_machine.nft("-f", str(own_machine.rules_of(target.rehearsal)))
            own_machine.wait_until_written(target.rehearsal)

    return act


def _process(code: str, role: Role | None) -> Act:
    """A program that runs as one of our users, or as nobody's, started by whoever started ours, without any flag."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        uid = NOBODY if role is None else _uid(target, role)
        with subprocess.Popen(
            [sys.executable, "-c", code], user=uid, group=uid, extra_groups=(), stdout=subprocess.PIPE, cwd="/"
        ) as started:
            try:
                assert started.stdout is not None  # noqa: S101 - a pipe of ours
                started.stdout.readline()
                yield
            finally:
                started.kill()

    return act


def _mode(path: str, mode: int) -> Act:
    """A file or folder, or one such in a folder, opened to others."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        found = min(target.rehearsal.folders.data.glob(path))
        was = found.stat().st_mode & 0o7777
        found.chmod(mode)
        try:
            yield
        finally:
            found.chmod(was)

    return act


@contextlib.contextmanager
def somebody_comes_to_the_broker(target: Target) -> Iterator[None]:
    """A user who is nobody of ours connects to the socket by which ours ask for keys."""
    subprocess.run(
        [sys.executable, "-c", KNOCKS, str(target.rehearsal.folders.peers_socket)],
        user=NOBODY, group=NOBODY, extra_groups=(), check=False, capture_output=True, timeout=ENDS_WITHIN, cwd="/",
    )  # fmt: skip
    yield


def _copied(path: str) -> Act:
    """One of the key broker's files, copied to where other users keep theirs."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        found = max(target.rehearsal.folders.data.glob(path))
        copy = target.rehearsal.elsewhere / "for later"
        shutil.copyfile(found, copy)
        try:
            yield
        finally:
            copy.unlink()

    return act


def _mounted(*options: str) -> Act:
    """Another place, mounted into the data folder."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        point = target.rehearsal.folders.data / "published" / "mounted"
        point.mkdir(mode=0o755)
        try:
            _run("mount", *options, str(point))
            try:
                yield
            finally:
                _run("umount", str(point))
        finally:
            point.rmdir()

    return act


@contextlib.contextmanager
def told_to_log_statements(target: Target) -> Iterator[None]:
    """A superuser has every statement logged from the next start on."""
    with target.superuser() as sql:
        sql.execute("ALTER SYSTEM SET log_statement = 'all'")
        try:
            yield
        finally:
            sql.execute("ALTER SYSTEM RESET log_statement")


def _forged(look: Look) -> Act:
    """The inspector is kept from writing, and another user puts a verdict there in which all is well."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        running, folder = target.rehearsal.running, target.rehearsal.folders.data / verdict_file.FOLDER
        path, inspector = folder / verdict_file.name_of(look), running.supervisor.pid("inspector")
        aside = path.with_name("before")
        os.kill(inspector, signal.SIGSTOP)
        try:
            path.rename(aside)
            _write_as(_uid(target, Role.WORKER), path, aside.read_bytes(), look)
            yield
        finally:
            path.unlink(missing_ok=True)
            if aside.exists():
                aside.rename(path)
            os.kill(inspector, signal.SIGCONT)

    return act


def _write_as(uid: int, path: Path, before: bytes, look: Look) -> None:
    seen = verdict.decode(before)
    path.write_bytes(verdict.encode(verdict.Verdict(look, seen.at, seen.boot, 1, seen.grade, dict(seen.saw))))
    path.chmod(0o644)
    os.chown(path, uid, uid)


def _uid(target: Target, role: Role) -> int:
    return target.rehearsal.running.who.roles[role].uid


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/")


SABOTAGE: Final = (
    Sabotage("NP-1", "The firewall's rules are flushed", _rules("flush", "ruleset"), needs="firewall"),
    Sabotage(
        "NP-1", "A foreign address is let in",
        _rules("insert", "rule", "inet", TABLE, "incoming", "ip", "saddr", "203.0.113.9", "accept"), needs="firewall",
    ),
    Sabotage("ET-3", "A process of ours listens at another port", _process(LISTENS, Role.WORKER), needs="own uids"),
    Sabotage("ET-3", "Somebody else's program listens, and is on no list", _process(LISTENS, None), needs="own uids"),
    Sabotage("ET-3", "A process of ours takes datagrams", _process(HEARS, Role.WEB), needs="own uids"),
    Sabotage("ES-2", "Memory is mounted into the data folder", _mounted("-t", "tmpfs", "none"), needs="own uids"),
    Sabotage("ES-2", "Another folder is mounted into the data folder", _mounted("--bind", "/mnt"), needs="own uids"),
    Sabotage("AM-6", "Another folder is mounted among the data", _mounted("--bind", "/mnt"), needs="own uids"),
    Sabotage("ES-3", "The key ring is readable by everybody", _mode("keys/ring", 0o644), needs="own uids"),
    Sabotage("ES-3", "A key's cell is readable by everybody", _mode("keys/cells/*", 0o604), needs="own uids"),
    Sabotage("ES-3", "A process runs as the key broker's user, without its flags", _process(SLEEPS, Role.BROKER),
             needs="own uids"),
    Sabotage("ES-3", "Another user comes to the key broker", somebody_comes_to_the_broker, needs="own uids"),
    Sabotage("ES-3", "The key ring is copied elsewhere", _copied("keys/ring"), needs="own uids"),
    Sabotage("ES-3", "A key's cell is copied elsewhere", _copied("keys/cells/*"), needs="own uids"),
    Sabotage("ES-3", "Another user writes a verdict in which all is well", _forged(Look.FILE_MODES),
             ("ES-3.files",), needs="own uids"),
    Sabotage("ET-3", "Everybody may write verdicts", _mode(verdict_file.FOLDER, 0o777), needs="own uids"),
    Sabotage("RR-4", "The database is told to log every statement", told_to_log_statements, ("RR-4.database",),
             needs="own uids"),
)  # fmt: skip
