"""The file of who is known in the journal (docs/formats/known.md): written whole, believed only whole.

Rows of an entry's id and its leaf's position, sorted by id. A merge copies the old rows by blocks and puts the new ones
between them; nothing of it is ever in memory as a whole.
"""

import bisect
import contextlib
import hashlib
import mmap
import os
import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from strongroom.keybroker.files import flush_folder

ID: Final = 16
ROW: Final = ID + 8
BLOCK: Final = 64 * ROW
"""How much is read to find one id: of each such block 8 bytes are kept in memory, how its first id begins."""
AT_ONCE: Final = 1_024 * BLOCK

_MAGIC: Final = b"SRK1"
_HEADER = struct.Struct(">4sQ32sqQQ")
_TOLD = struct.Struct(">QH")
_CHECK: Final = 32
_BEGIN: Final = 8


class Torn(Exception):
    """The file is not as it was written."""


@dataclass(frozen=True)
class Kept:
    """What a file says beside its rows: the first `size` leaves have this root, and these of them tell something.

    Of openings and searches only those after `since` (believed ms) are told.
    """

    size: int
    root: bytes
    since: int
    told: tuple[tuple[int, bytes], ...]


class Rows:
    """Sorted rows in a file, read through the system's memory of it; it may have another name or none by now."""

    def __init__(self, file: mmap.mmap | None, start: int, firsts: "array[int]", count: int) -> None:
        self._file = file
        self._start = start
        self._firsts = firsts
        self.count = count

    def find(self, id_: bytes) -> int | None:
        """The position of an entry's leaf, if it has one."""
        begin = int.from_bytes(id_[:_BEGIN], "big")
        last = bisect.bisect_right(self._firsts, begin) - 1
        found = self._find_in(last, id_) if last >= 0 else None
        while found is None and last > 0 and self._firsts[last] == begin:  # ids that begin alike fill several blocks
            last -= 1
            found = self._find_in(last, id_)
        return found

    def merged(self, new: Sequence[bytes]) -> Iterator[bytes]:
        """These rows and new ones, both sorted, in pieces."""
        at, blocks = 0, len(self._firsts)
        for block in range(blocks - 1):
            until = bisect.bisect_left(new, self._block(block + 1)[:ROW], at)
            yield from _between(self._block(block), new[at:until])
            at = until
        yield from _between(self._block(blocks - 1) if blocks else b"", new[at:])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _find_in(self, block: int, id_: bytes) -> int | None:
        rows = self._block(block)
        at = rows.find(id_)
        while at % ROW and at > 0:
            at = rows.find(id_, at + 1)
        return int.from_bytes(rows[at + ID : at + ROW], "big") if at >= 0 else None

    def _block(self, index: int) -> bytes:
        assert self._file is not None  # noqa: S101 - without a file there is no block
        start, end = self._start + index * BLOCK, self._start + self.count * ROW
        return self._file[start : min(start + BLOCK, end)]


def nothing() -> Rows:
    """No rows, of no file."""
    return Rows(None, 0, array("Q"), 0)


def read(path: Path) -> tuple[Kept, Rows]:
    """A file that is whole. Raises `Torn`, and `FileNotFoundError` for none."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return _read(file)


def write(path: Path, kept: Kept, old: Rows, new: Mapping[bytes, int]) -> Rows:
    """Replace the file by one with these rows too, 0600, flushed before it takes the name. Raises `OSError`."""
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=AT_ONCE) as file:
            rows = _write(file, kept, old, sorted(id_ + at.to_bytes(8, "big") for id_, at in new.items()))
        aside.rename(path)
        flush_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()  # on a full disk its room is wanted by others
        raise
    return rows


def _write(file: BinaryIO, kept: Kept, old: Rows, new: Sequence[bytes]) -> Rows:
    told = b"".join(_TOLD.pack(at, len(data)) + data for at, data in kept.told)
    head = _HEADER.pack(_MAGIC, kept.size, kept.root, kept.since, len(told), old.count + len(new)) + told
    digest, firsts = hashlib.sha256(head), array("Q")
    file.write(head)
    for piece in _by_blocks(old.merged(new)):
        digest.update(piece)
        file.write(piece)
        firsts.extend(_firsts(piece))
    file.write(digest.digest())
    file.flush()
    os.fsync(file.fileno())
    return Rows(_mapped(file), len(head), firsts, old.count + len(new))


def _read(file: BinaryIO) -> tuple[Kept, Rows]:
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise Torn
    magic, size, root, since, told_bytes, count = _HEADER.unpack(head)
    expected = _HEADER.size + told_bytes + count * ROW + _CHECK
    if magic != _MAGIC or os.fstat(file.fileno()).st_size != expected:
        raise Torn
    told = file.read(told_bytes)
    digest, firsts, left = hashlib.sha256(head + told), array("Q"), count * ROW
    while left:
        piece = file.read(min(left, AT_ONCE))
        if not piece:
            raise Torn
        digest.update(piece)
        firsts.extend(_firsts(piece))
        left -= len(piece)
    if file.read() != digest.digest():
        raise Torn
    return Kept(size, root, since, _told(told)), Rows(_mapped(file), _HEADER.size + told_bytes, firsts, count)


def _mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _told(data: bytes) -> tuple[tuple[int, bytes], ...]:
    """The leaves that tell something. Their lengths are right: the file's check was."""
    found, at = [], 0
    while at < len(data):
        position, length = _TOLD.unpack_from(data, at)
        at += _TOLD.size
        found.append((position, data[at : at + length]))
        at += length
    return tuple(found)


def _between(block: bytes, new: Sequence[bytes]) -> Iterator[bytes]:
    """A block with new rows at their places."""
    at, places = 0, range(len(block) // ROW)
    for row in new:
        to = ROW * bisect.bisect_left(places, row, key=lambda place: block[place * ROW : place * ROW + ROW])
        yield block[at:to]
        yield row
        at = to
    yield block[at:]


def _by_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that begin where blocks begin."""
    held, size = list[bytes](), 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= AT_ONCE:
            whole = b"".join(held)
            yield whole[:AT_ONCE]
            held, size = [whole[AT_ONCE:]], size - AT_ONCE
    if size:
        yield b"".join(held)


def _firsts(piece: bytes) -> list[int]:
    return [int.from_bytes(piece[at : at + _BEGIN], "big") for at in range(0, len(piece), BLOCK)]
