"""Look `other-folders`: copies of keys or data outside the data folder, and keys inside backups (ES-2, ES-3)."""

import os
import pwd
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from strongroom.formats import ring
from strongroom.formats.malformed import Malformed
from strongroom.installation.folders import BEYOND
from strongroom.installation.identities import NAMED
from strongroom.installation.inspector.seen import Seen, Surroundings, shown

SHARED: Final = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - where strays end up
MOST_SECONDS: Final = 60.0
MOST_FILES: Final = 300_000
MOST_READ: Final = 64 << 20
PIECE: Final = 1 << 20
ID_AT: Final = len(ring.MAGIC) + 1
RING_HEAD: Final = ID_AT + 16
CELL: Final = 32
DUMPS: Final = (b"PGDMP", b"-- PostgreSQL database dump", b"--\n-- PostgreSQL database")
OURS_IN_DUMPS: Final = b"strongroom_owner"


@dataclass
class _Marks:
    """What a copy of ours is known by. None of it is secret, and none is written down."""

    ring_id: bytes
    cell_checks: frozenset[bytes]
    cluster: bytes
    database: bytes


@dataclass
class _Walk:
    """One walk's progress: how much it read, what it could not, what it found."""

    since: int
    again: frozenset[str]
    deadline: float
    files: int = 0
    read: int = 0
    refused: int = 0
    large: int = 0
    other_rings: int = 0
    found: list[str] = field(default_factory=list)
    done: bool = True


def look(around: Surroundings, seen: Seen) -> None:
    marks = _marks(around, seen)
    backups = [Path(target) for target in around.description.backups]
    began = time.clock_gettime_ns(time.CLOCK_REALTIME)
    walk = _Walk(
        int(around.memory.get("since", 0)), frozenset(around.memory.get("found", ())),
        time.monotonic() + MOST_SECONDS,
    )  # fmt: skip
    for folder in backups:
        if not folder.is_dir():
            seen.cannot(f"The backup folder {shown(folder)} is not there.")
    for folder in (*_places(around), *backups):
        if folder.is_dir():
            _search(folder, around, marks, walk, seen, backup=folder in backups)
    _tell(walk, seen)
    # What did not change since a whole walk holds no more than it held; what was found is looked at again.
    seen.memory = {"since": began if walk.done else walk.since, "found": walk.found[:1000]}


def _tell(walk: _Walk, seen: Seen) -> None:
    seen.saw("files", walk.files)
    seen.saw("read_kib", walk.read >> 10)
    seen.saw("read_in_part", walk.large)
    seen.saw("rings_of_other_installations", walk.other_rings)
    if walk.refused:
        seen.saw("refused", walk.refused)
        seen.cannot(f"{walk.refused} files or folders of other users could not be read.")
    if not walk.done:
        seen.cannot("There was more to look at than one look's time; the next look goes on.")


def _places(around: Surroundings) -> list[Path]:
    homes = []
    if around.is_service:
        for name in NAMED.values():
            try:
                homes.append(Path(pwd.getpwnam(name).pw_dir))
            except KeyError:
                continue
    return [*SHARED, *(home for home in dict.fromkeys(homes) if len(home.parts) > 2)]


def _marks(around: Surroundings, seen: Seen) -> _Marks:
    try:
        data = (around.folders.keys / "ring").read_bytes()
        checks = frozenset(row.cell_check for row in ring.decode(data).rows)
        ring_id = data[ID_AT:RING_HEAD]
    except (OSError, Malformed):
        seen.cannot("The key ring's own header could not be read, so that its copies are not known.")
        ring_id, checks = b"", frozenset()
    return _Marks(ring_id, checks, _head(around.folders.postgres / "global" / "pg_control", 8),
                  _head(around.folders.data / "database.json", 4096))  # fmt: skip


def _head(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError:
        return b""


def _search(folder: Path, around: Surroundings, marks: _Marks, walk: _Walk, seen: Seen, *, backup: bool) -> None:
    own = {around.folders.data.resolve(), around.folders.run.resolve(), around.folders.postgres.resolve(), BEYOND}
    for path, state in _files(folder, own, walk):
        walk.files += 1
        if walk.files > MOST_FILES or time.monotonic() > walk.deadline:
            walk.done = False
            return
        if state.st_ctime_ns < walk.since and str(path) not in walk.again:
            continue
        kind = _kind(path, state, marks, walk, backup=backup)
        if kind:
            walk.found.append(str(path))
            where = "a backup" if backup else "another folder"
            seen.problem(
                f"{kind} lies in {where}: {shown(path)}.",
                f"Look who put it there; then destroy it: shred -u {shown(path)}",
            )


def _files(folder: Path, own: set[Path], walk: _Walk) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files below, on this file system, without our own folders and without following links."""

    def refused(why: OSError) -> None:
        walk.refused += not isinstance(why, FileNotFoundError)

    device = folder.stat().st_dev
    for here, folders, files in os.walk(folder, onerror=refused):
        folders[:] = [name for name in folders if _is_inside(Path(here) / name, device, own)]
        for name in files:
            try:
                state = (Path(here) / name).lstat()
            except OSError:
                continue
            if stat.S_ISREG(state.st_mode):
                yield Path(here) / name, state


def _is_inside(folder: Path, device: int, own: set[Path]) -> bool:
    try:
        return folder not in own and folder.lstat().st_dev == device
    except OSError:
        return False


def _kind(path: Path, state: os.stat_result, marks: _Marks, walk: _Walk, *, backup: bool) -> str:
    """What of ours a file is or holds; empty for what is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except OSError:
        walk.refused += 1
        return ""
    with os.fdopen(descriptor, "rb") as file:
        head = file.read(PIECE)
        walk.read += len(head)
        if state.st_size == CELL and marks.cell_checks and ring.cell_check(head) in marks.cell_checks:
            return "The cell of a living key"
        if marks.database and head == marks.database:
            return "A copy of database.json"
        if not backup and _is_dump(path, head, marks):
            return "A copy of the database"
        return _holds_ring(file, head, marks, walk)


def _is_dump(path: Path, head: bytes, marks: _Marks) -> bool:
    if path.name == "pg_control" and marks.cluster and head[:8] == marks.cluster:
        return True
    return head.startswith(DUMPS) and OURS_IN_DUMPS in head


def _holds_ring(file: BinaryIO, head: bytes, marks: _Marks, walk: _Walk) -> str:
    """Our ring anywhere in a file, as in an archive; another installation's is counted only."""
    piece, total = head, len(head)
    while piece:
        at = piece.find(ring.MAGIC)
        while at >= 0:
            if marks.ring_id and piece[at + ID_AT : at + RING_HEAD] == marks.ring_id:
                return "A copy of the key ring"
            walk.other_rings += 1
            at = piece.find(ring.MAGIC, at + 1)
        if total >= MOST_READ:
            walk.large += 1
            return ""
        more = file.read(PIECE)
        total += len(more)
        walk.read += len(more)
        piece = piece[-RING_HEAD:] + more if more else b""
    return ""
