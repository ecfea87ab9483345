"""The file of who is known in the journal (docs/formats/known.md): written whole, believed only whole.

Rows of an entry's id and its leaf's position, sorted by id. A merge copies the old rows by blocks and puts the new ones
between them; nothing of it is ever in memory as a whole.
"""

import bisect
import contextlib
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from strongroom.keybroker.files import flush_folder

ID: Final = 16
ROW: Final = ID + 8
BLOCK: Final = 64 * ROW
"""How much is read to find one id: of each such block the first id is kept in memory, 50 bytes for 64 leaves."""
AT_ONCE: Final = 1_024 * BLOCK

_MAGIC: Final = b"SRK1"
_HEADER = struct.Struct(">4sQ32sqQQ")
_TOLD = struct.Struct(">QH")
_CHECK: Final = 32


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
    """Sorted rows in an open file, which may have another name or none by now."""

    def __init__(self, descriptor: int, start: int, firsts: Sequence[bytes], count: int) -> None:
        self._descriptor = descriptor
        self._start = start
        self._firsts = firsts
        self.count = count

    def find(self, id_: bytes) -> int | None:
        """The position of an entry's leaf. Raises `Torn` where the file became shorter."""
        block = bisect.bisect_right(self._firsts, id_) - 1
        if block < 0:
            return None
        rows = self._block(block, 1)
        at = rows.find(id_)
        while at % ROW and at > 0:
            at = rows.find(id_, at + 1)
        return int.from_bytes(rows[at + ID : at + ROW], "big") if at >= 0 else None

    def merged(self, new: Sequence[bytes]) -> Iterator[bytes]:
        """These rows and new ones, both sorted, in pieces."""
        at = 0
        for block, first in enumerate(self._firsts[1:] if self._firsts else ()):
            until = bisect.bisect_left(new, first, at)
            yield from _between(self._block(block, 1), new[at:until])
            at = until
        yield from _between(self._block(len(self._firsts) - 1, 1) if self._firsts else b"", new[at:])

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _block(self, index: int, count: int) -> bytes:
        start = index * BLOCK
        length = min(count * BLOCK, self.count * ROW - start)
        data = os.pread(self._descriptor, length, self._start + start)
        if len(data) != length:
            raise Torn
        return data


def nothing() -> Rows:
    """No rows, of no file."""
    return Rows(-1, 0, (), 0)


def read(path: Path) -> tuple[Kept, Rows]:
    """A file that is whole. Raises `Torn`, and `FileNotFoundError` for none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return _read(descriptor, file)
    except BaseException:
        os.close(descriptor)
        raise


def write(path: Path, kept: Kept, old: Rows, new: Mapping[bytes, int]) -> Rows:
    """Replace the file by one with these rows too, 0600, flushed before it takes the name. Raises `OSError`, `Torn`."""
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False, buffering=AT_ONCE) as file:
            rows = _write(descriptor, file, kept, old, sorted(id_ + at.to_bytes(8, "big") for id_, at in new.items()))
        os.fsync(descriptor)
        aside.rename(path)
        flush_folder(path.parent)
    except BaseException:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            aside.unlink()  # on a full disk its room is wanted by others
        raise
    return rows


def _write(descriptor: int, file: BinaryIO, kept: Kept, old: Rows, new: Sequence[bytes]) -> Rows:
    told = b"".join(_TOLD.pack(at, len(data)) + data for at, data in kept.told)
    head = _HEADER.pack(_MAGIC, kept.size, kept.root, kept.since, len(told), old.count + len(new)) + told
    digest, firsts = hashlib.sha256(head), list[bytes]()
    file.write(head)
    for piece in _by_blocks(old.merged(new)):
        digest.update(piece)
        file.write(piece)
        firsts += _firsts(piece)
    file.write(digest.digest())
    file.flush()
    return Rows(descriptor, len(head), firsts, old.count + len(new))


def _read(descriptor: int, file: BinaryIO) -> tuple[Kept, Rows]:
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise Torn
    magic, size, root, since, told_bytes, count = _HEADER.unpack(head)
    expected = _HEADER.size + told_bytes + count * ROW + _CHECK
    if magic != _MAGIC or os.fstat(descriptor).st_size != expected:
        raise Torn
    told = file.read(told_bytes)
    digest, firsts, left = hashlib.sha256(head + told), list[bytes](), count * ROW
    while left:
        piece = file.read(min(left, AT_ONCE))
        if not piece:
            raise Torn
        digest.update(piece)
        firsts += _firsts(piece)
        left -= len(piece)
    if file.read() != digest.digest():
        raise Torn
    return Kept(size, root, since, _told(told)), Rows(descriptor, _HEADER.size + told_bytes, firsts, count)


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


def _firsts(piece: bytes) -> list[bytes]:
    return [piece[at : at + ID] for at in range(0, len(piece), BLOCK)]
