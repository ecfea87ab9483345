"""Look `other-folders`: copies of keys or data outside the data folder, and keys inside backups (ES-2, ES-3)."""

import contextlib
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

MOST_SECONDS: Final = 20.0
MOST_FILES: Final = 300_000
MOST_OF_ARCHIVE: Final = 64 << 20
MOST_OF_BACKUP: Final = 16 << 30
HEAD: Final = 4096
PIECE: Final = 1 << 20
ID_AT: Final = len(ring.MAGIC) + 1
RING_HEAD: Final = ID_AT + 16
CELL: Final = 32
DUMPS: Final = (b"PGDMP", b"-- PostgreSQL database dump", b"--\n-- PostgreSQL database")
ARCHIVES: Final = (b"PK\x03\x04", b"070701", b"070707", b"!<arch>")
"""zip, cpio, ar; tar is known by its 257th byte. What is compressed is the leak scanner's to decode."""
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
    deadline: float
    files: int = 0
    read: int = 0
    refused: int = 0
    in_part: int = 0
    other_rings: int = 0
    found: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.files > MOST_FILES or time.monotonic() > self.deadline


def look(around: Surroundings, seen: Seen) -> None:
    """One look is a stretch of the way through all folders; the next goes on where it ended.

    What did not change since a whole way through holds no more than it held; what was found is looked at each time.
    """
    marks = _marks(around, seen)
    memory = {"since": 0, "began": _now_ns(), "after": "", "found": [], **around.memory}
    walk = _Walk(int(memory["since"]), time.monotonic() + MOST_SECONDS)
    backups = [Path(target) for target in around.description.backups]
    for folder in backups:
        if not folder.is_dir():
            seen.cannot(f"The backup folder {shown(folder)} is not there.")
    for name in memory["found"]:
        _again(Path(name), marks, walk, seen, backups)
    entries = _entries([*_places(around), *backups])
    names = [str(entry) for entry in entries]
    begin = names.index(memory["after"]) + 1 if memory["after"] in names else 0
    if not memory["after"]:
        memory["began"] = _now_ns()
    for entry in entries[begin:]:
        _search(entry, around, marks, walk, seen, backups)
        memory["after"] = str(entry)
        if walk.over:
            break
    if memory["after"] == (names[-1] if names else ""):
        memory |= {"since": memory["began"], "after": ""}
    else:
        seen.cannot("There is more to search than one look's time; the next look goes on.")
    _tell(walk, seen)
    seen.memory = {**memory, "found": walk.found[:1000]}


def _tell(walk: _Walk, seen: Seen) -> None:
    seen.saw("files", walk.files)
    seen.saw("read_kib", walk.read >> 10)
    seen.saw("read_in_part", walk.in_part)
    if walk.in_part:
        seen.cannot(f"{walk.in_part} backups or archives are so large that only their beginning was read.")
    seen.saw("rings_of_other_installations", walk.other_rings)
    if walk.refused:
        seen.saw("refused", walk.refused)
        seen.cannot(f"{walk.refused} files or folders of other users could not be read.")


def _places(around: Surroundings) -> list[Path]:
    homes = []
    if around.is_service:
        for name in NAMED.values():
            try:
                homes.append(Path(pwd.getpwnam(name).pw_dir))
            except KeyError:
                continue
    return [*around.shared, *(home for home in dict.fromkeys(homes) if len(home.parts) > 2)]


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


def _now_ns() -> int:
    """The machine's wall, by which it stamps files."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


def _entries(folders: list[Path]) -> list[Path]:
    """What stands in these folders, in an order that the next look finds again."""
    found: list[Path] = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found += sorted(folder.iterdir())
    return found


def _again(path: Path, marks: _Marks, walk: _Walk, seen: Seen, backups: list[Path]) -> None:
    with contextlib.suppress(OSError):
        _judge(path, path.lstat(), marks, walk, seen, backups)


def _search(
    entry: Path, around: Surroundings, marks: _Marks, walk: _Walk, seen: Seen, backups: list[Path]
) -> None:  # fmt: skip
    folders = around.folders
    own = {path.resolve() for path in (folders.data, folders.run, folders.postgres)} | {BEYOND}
    for path, state in _files(entry, own, walk):
        walk.files += 1
        if walk.over:
            seen.cannot(f"{shown(entry)} holds more than one look can search.")
            return
        if state.st_ctime_ns >= walk.since and str(path) not in walk.found:
            _judge(path, state, marks, walk, seen, backups)


def _judge(
    path: Path, state: os.stat_result, marks: _Marks, walk: _Walk, seen: Seen, backups: list[Path]
) -> None:  # fmt: skip
    backup = any(path.is_relative_to(folder) for folder in backups)
    kind = _kind(path, state, marks, walk, backup=backup)
    if kind:
        walk.found.append(str(path))
        where = "a backup" if backup else "another folder"
        seen.problem(
            f"{kind} lies in {where}: {shown(path)}.", f"Look who put it there; then destroy it: shred -u {shown(path)}"
        )


def _files(entry: Path, own: set[Path], walk: _Walk) -> Iterator[tuple[Path, os.stat_result]]:
    """The regular files that this is or holds, on one file system, without our own folders and without links."""

    def refused(why: OSError) -> None:
        walk.refused += not isinstance(why, FileNotFoundError)

    with contextlib.suppress(OSError):
        state = entry.lstat()
        if stat.S_ISREG(state.st_mode):
            yield entry, state
    if not _is_inside(entry, entry.parent.stat().st_dev, own) or not entry.is_dir() or entry.is_symlink():
        return
    for here, folders, files in os.walk(entry, onerror=refused):
        folders[:] = [name for name in folders if _is_inside(Path(here) / name, state.st_dev, own)]
        for name in files:
            try:
                found = (Path(here) / name).lstat()
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield Path(here) / name, found


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
        head = file.read(HEAD)
        if backup or head.startswith(DUMPS) or _is_archive(head):
            head += file.read(PIECE - len(head))
        walk.read += len(head)
        if state.st_size == CELL and marks.cell_checks and ring.cell_check(head) in marks.cell_checks:
            return "The cell of a living key"
        if marks.database and head == marks.database:
            return "A copy of database.json"
        if not backup and _is_dump(path, head, marks):
            return "A copy of the database"
        most = MOST_OF_BACKUP if backup else MOST_OF_ARCHIVE if _is_archive(head) else HEAD
        return _holds_ring(file, head, marks, walk, most)


def _is_dump(path: Path, head: bytes, marks: _Marks) -> bool:
    if path.name == "pg_control" and marks.cluster and head[:8] == marks.cluster:
        return True
    return head.startswith(DUMPS) and OURS_IN_DUMPS in head


def _is_archive(head: bytes) -> bool:
    return head[257:262] == b"ustar" or head.startswith(ARCHIVES)


def _holds_ring(file: BinaryIO, head: bytes, marks: _Marks, walk: _Walk, most: int) -> str:
    """Our ring anywhere in a file that may hold others, else at its beginning; another installation's is counted."""
    piece, total = head, len(head)
    while piece:
        at = piece.find(ring.MAGIC)
        while at >= 0:
            if marks.ring_id and piece[at + ID_AT : at + RING_HEAD] == marks.ring_id:
                return "A copy of the key ring"
            walk.other_rings += at == 0 and total == len(head)  # else a program or page that speaks of rings
            at = piece.find(ring.MAGIC, at + 1)
        if total >= most or walk.over:
            walk.in_part += most > HEAD
            return ""
        more = file.read(PIECE)
        total += len(more)
        walk.read += len(more)
        piece = piece[-RING_HEAD:] + more if more else b""
    return ""
