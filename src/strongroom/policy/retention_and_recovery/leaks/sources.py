"""Where bytes are read from: a file, a window of it, or bytes that were unpacked. Always by offset, never mapped.

A file that is cut while it is mapped kills its reader; databases and logs are cut all the time.
"""

import errno
import os
from collections.abc import Iterator
from typing import Protocol


class Source(Protocol):
    """Bytes by offset. `read` returns fewer than asked for only at the end."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, count: int) -> bytes: ...

    def extents(self) -> Iterator[tuple[int, int]]:
        """(offset, end) of what may hold bytes other than zero."""
        ...


class FileSource:
    """An open file. Its size is what it was when it was opened: what is appended meanwhile is the next scan's."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, count: int) -> bytes:
        return os.pread(self._descriptor, max(0, min(count, self.size - offset)), offset)

    def extents(self) -> Iterator[tuple[int, int]]:
        """Without the holes of sparse files: a terabyte of nothing is passed over at once."""
        at = 0
        while at < self.size:
            try:
                begins = os.lseek(self._descriptor, at, os.SEEK_DATA)
                ends = os.lseek(self._descriptor, begins, os.SEEK_HOLE)
            except OSError as why:
                if why.errno == errno.ENXIO:  # only a hole is left
                    return
                begins, ends = at, self.size
            yield begins, min(max(ends, begins + 1), self.size)
            at = max(ends, begins + 1)


class BytesSource:
    """What was unpacked, in memory."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, count: int) -> bytes:
        return bytes(self._data[max(0, offset) : max(0, offset) + count])

    def extents(self) -> Iterator[tuple[int, int]]:
        yield 0, self.size


class Window:
    """A part of a source, as a member that is stored in an archive."""

    def __init__(self, source: Source, offset: int, size: int) -> None:
        self._source = source
        self._offset = offset
        self.size = max(0, min(size, source.size - offset))

    def read(self, offset: int, count: int) -> bytes:
        return self._source.read(self._offset + offset, max(0, min(count, self.size - offset)))

    def extents(self) -> Iterator[tuple[int, int]]:
        yield 0, self.size
