"""A PostgreSQL data folder: made whole or not at all, and taken over from whoever a kill left in it.

As root the folder belongs to another user, who could plant links in it. So root writes nothing inside: a cluster is
made beside and renamed into place, and what the server is told stands on its command line or in root's own folder.
"""

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from strongroom.formats.secret import Secret
from strongroom.installation import neighbours, run_as
from strongroom.installation.binaries import Binaries
from strongroom.installation.folders import flush
from strongroom.installation.problems import CannotStart
from strongroom.installation.process_flags import die_with_parent

END_WITHIN: Final = 20.0
HARDER_AFTER: Final = 5.0


def is_whole(folder: Path) -> bool:
    return (folder / "PG_VERSION").exists()


def check_owner(folder: Path, owner: pwd.struct_passwd | None) -> None:
    """Raise `CannotStart` where the folder is a link or its files are not those of the user PostgreSQL runs as."""
    try:
        state = folder.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(state.st_mode):
        raise CannotStart(f"{folder} is a link.", "Move the whole data folder and name it with --data instead.")
    runs_as = os.getuid() if owner is None else owner.pw_uid
    if state.st_uid == runs_as or (state.st_uid == os.getuid() and not is_whole(folder)):
        return
    try:
        name = pwd.getpwuid(state.st_uid).pw_name
    except KeyError:
        name = f"number {state.st_uid}"
    raise CannotStart(
        f"The database in {folder} belongs to the user {name}, not to the one PostgreSQL runs as.",
        f"Name {name} in {run_as.VARIABLE}." if owner else f"Start Strongroom as {name}, or give that folder to you.",
    )


def adopt(folder: Path, hand_over: Callable[[Path], None], uid: int) -> None:
    """Give a cluster that another user of ours ran to the one that runs it from now on."""
    if not os.path.lexists(folder) or folder.lstat().st_uid == uid:
        return
    _end(lambda: neighbours.postgres_in(folder))
    hand_over(folder)


def check_version(folder: Path, binaries: Binaries) -> None:
    """Raise `CannotStart` where the cluster is of another major version than the binaries."""
    told = read_theirs(folder / "PG_VERSION").strip()
    if told != str(binaries.major):
        raise CannotStart(
            f"The data folder is of PostgreSQL {told}; the binaries are of PostgreSQL {binaries.major}.",
            f"Start with --pg-bindir and PostgreSQL {told}'s bin folder, or move the data with pg_dump.",
        )


def make(folder: Path, binaries: Binaries, owner: pwd.struct_passwd | None, password: Secret) -> str:
    """initdb beside, then one rename; returns initdb's complaint, empty when it succeeded.

    A kill half-way leaves `<folder>.new`, which the next start clears; `folder` itself is absent or whole. A folder
    with anything else in it is somebody's, and refused.
    """
    if folder.exists() and any(folder.iterdir()):
        raise CannotStart(
            f"{folder} holds something that is not a whole PostgreSQL cluster.",
            "Look what it is; move it away or restore its PG_VERSION, then start again.",
        )
    beside = folder.with_name(folder.name + ".new")
    new, secret = beside / "cluster", beside / "password"
    if beside.exists():
        _end(lambda: neighbours.postgres_in(new))  # initdb's own postgres may outlive a killed initdb by a moment
        shutil.rmtree(beside)
    beside.mkdir(mode=0o700 if owner is None else 0o711)
    new.mkdir(mode=0o700)
    descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(password.bytes() + b"\n")
    if owner is not None:
        for path in (new, secret):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    made = subprocess.run(
        [binaries / "initdb", "-D", str(new), "--username=postgres", f"--pwfile={secret}", "--encoding=UTF8",
         "--auth-local=scram-sha-256", "--auth-host=reject", "--data-checksums", "--locale=C", "--no-instructions"],
        capture_output=True, text=True, check=False, cwd="/", env=environment(), **run_as.drop(owner),
        preexec_fn=die_with_parent(signal.SIGKILL),
    )  # fmt: skip
    if made.returncode == 0:
        new.rename(folder)
        flush(folder.parent)
    shutil.rmtree(beside)
    return "" if made.returncode == 0 else made.stderr or "initdb failed"


def take_over(folder: Path, sockets: Path, port: int) -> None:
    """End what a killed supervisor or postmaster left running here, then remove the lock files of the dead.

    The caller holds the installation's lock (`Folders.only_one`), so nobody else serves this folder. Backends that
    outlived their postmaster hold its shared memory and would block a start for as long as their query runs.
    """
    lock = folder / "postmaster.pid"
    pid = _pid_in(lock)
    if pid is not None and neighbours.is_postmaster(pid, folder):
        _end(lambda: [pid] if neighbours.is_postmaster(pid, folder) else [], signal.SIGINT)
    _end(lambda: neighbours.postgres_in(folder))
    socket = sockets / f".s.PGSQL.{port}"
    other = _pid_in(socket.with_name(socket.name + ".lock"))
    if other is not None and neighbours.is_postgres(other):
        raise CannotStart(
            f"Another PostgreSQL (process {other}) uses the socket in {sockets}.",
            "Stop it, or choose another folder with --data.",
        )
    if neighbours.CAN_LOOK:  # else PostgreSQL itself must judge by this file whether its shared memory is in use
        lock.unlink(missing_ok=True)
    for path in (socket, socket.with_name(socket.name + ".lock")):
        path.unlink(missing_ok=True)


def environment() -> dict[str, str]:
    """What PostgreSQL's programs get of our environment."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def read_theirs(path: Path) -> str:
    """The beginning of a file in a folder that another user owns: no link is followed, no pipe waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096).decode("ascii", "replace")
    finally:
        os.close(descriptor)


def _pid_in(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return abs(int(read_theirs(path).split("\n", 1)[0])) or None
    return None


def _end(living: Callable[[], list[int]], first: signal.Signals = signal.SIGTERM) -> None:
    """Ask, then insist, then kill. Safe for the data at each step: a commit is on disk before it is acknowledged."""
    for name, seconds in ((first, END_WITHIN), (signal.SIGQUIT, HARDER_AFTER), (signal.SIGKILL, HARDER_AFTER)):
        deadline = time.monotonic() + seconds
        pids = living()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, name)
        while pids and time.monotonic() < deadline:
            time.sleep(0.02)
            pids = living()
        if not pids:
            return
    raise CannotStart(
        f"An earlier PostgreSQL of this folder (process {living()[:1]}) does not end.", "Restart the machine."
    )
