"""All needles at once, by Hyperscan's successor Vectorscan (PyPI `hyperscan`): about two gigabytes a second a core.

The same pass marks where compressed streams and database pages begin, so that they can be looked into. There is no
slow imitation: without the engine there is no scan, and whoever asked is told so.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.policy.retention_and_recovery.leaks.forms import Needle


class NoEngine(Exception):
    """This machine has no wheel of the scan engine, so nothing was scanned; the result is unknown."""


def _bytes(wanted: range | Sequence[int]) -> bytes:
    return b"[" + b"".join(b"\\x%02x" % byte for byte in wanted) + b"]"


# A compressed datum inside PostgreSQL's rows (varatt.h, va_compressed): four bytes of length, at least 12, whose two
# lowest bits are 10; four of raw size with the method in the two highest; then a literal, since nothing was before it.
_VARLENA: Final = (
    b"(?:" + _bytes(range(0x32, 256, 4)) + rb"\x00|" + _bytes(range(2, 256, 4)) + rb"[\x01-\x7f])\x00\x00.."
)
MARKS: Final[dict[str, tuple[bytes, int]]] = {
    "gzip": (rb"\x1f\x8b\x08[\x00-\x1f]", 4),
    "zlib": (rb"\x78[\x01\x5e\x9c\xda]" + _bytes([byte for byte in range(256) if byte & 7 < 6]), 3),
    "bzip2": (rb"BZh[1-9]1AY&SY", 10),
    "xz": (rb"\xfd7zXZ\x00", 6),
    "zstd": (rb"\x28\xb5\x2f\xfd", 4),
    "lz4": (rb"\x04\x22\x4d\x18[\x40-\x7f]", 5),
    "zip": (rb"PK\x03\x04", 4),
    "pdf": (rb"%PDF-", 5),
    "tar": (rb"ustar[\x00\x20]", 6),
    "page": (rb"[\x00-\x07]\x00.[\x00-\x20].[\x00-\x20].[\x00-\x20]\x04\x20", 10),
}
"""Where something begins: a pattern and its length. `page`: the middle of a PostgreSQL page's header."""
DATA_MARKS: Final[dict[str, tuple[bytes, int]]] = {
    "pglz": (_VARLENA + rb"[\x00-\x0b]\x00" + _bytes(range(0, 256, 2)), 9),
    "lz4 datum": (_VARLENA + rb"[\x00-\x20]\x40[\x10-\xff]", 9),
    # A chunk of a TOAST table: three columns, header of 24 bytes, chunk's number below 2**24, its data's length. What
    # stands before is left out of a WAL record, which has these five bytes of the header and then the row.
    "toast": (rb"\x03[\x00\x20\x40\x60\x80\xa0\xc0\xe0]..\x18.{8}\x00"
              rb"(?:" + _bytes(range(0, 256, 4)) + rb"[\x00-\x1f]\x00\x00|" + _bytes(range(1, 256, 2)) + rb".{3})", 18),
}  # fmt: skip
"""Looked for only where pages are: in other bytes they would match too often."""
MOST_MARKS: Final = 100_000


@dataclass
class Seen:
    """What one pass saw: needles by number, and marks with their offset in the data."""

    needles: set[int] = field(default_factory=set)
    marks: list[tuple[str, int]] = field(default_factory=list)

    @property
    def too_many(self) -> bool:
        return len(self.marks) >= MOST_MARKS


class Engine:
    """Compiled needles. `scan` lets go of the interpreter's lock, but one engine serves one thread at a time."""

    def __init__(self, needles: Sequence[Needle]) -> None:
        self._hs = _hyperscan()
        self.needles = tuple(needles)
        self.longest = max((len(needle.data) for needle in needles), default=1)
        self._kinds = list(MARKS)
        self._data_kinds = list(DATA_MARKS)
        single = self._hs.HS_FLAG_DOTALL | self._hs.HS_FLAG_SINGLEMATCH
        self._all = self._compile(
            [(_literal(n.data), single | (self._hs.HS_FLAG_CASELESS if n.caseless else 0)) for n in needles]
            + [(MARKS[kind][0], self._hs.HS_FLAG_DOTALL) for kind in self._kinds]
        )
        self._data = self._compile([(DATA_MARKS[kind][0], self._hs.HS_FLAG_DOTALL) for kind in self._data_kinds])

    def scan(self, data: bytes | bytearray | memoryview) -> Seen:
        """One pass over a block. Each needle is reported once; marks are in order of their ends."""
        seen, count, kinds = Seen(), len(self.needles), self._kinds

        def found(id_: int, _start: int, end: int, _flags: int, _context: Any) -> bool | None:
            if id_ < count:
                seen.needles.add(id_)
                return None
            kind = kinds[id_ - count]
            seen.marks.append((kind, end - MARKS[kind][1]))
            return seen.too_many or None

        self._run(self._all, data, found)
        return seen

    def data_marks(self, data: bytes | bytearray | memoryview) -> Seen:
        """Compressed datums and TOAST chunks in a block that has PostgreSQL's pages or log records."""
        seen, kinds = Seen(), self._data_kinds

        def found(id_: int, _start: int, end: int, _flags: int, _context: Any) -> bool | None:
            seen.marks.append((kinds[id_], end - DATA_MARKS[kinds[id_]][1]))
            return seen.too_many or None

        self._run(self._data, data, found)
        return seen

    def _run(self, database: Any, data: bytes | bytearray | memoryview, found: Any) -> None:
        with contextlib.suppress(self._hs.ScanTerminated):  # by us: there were too many marks, which the caller says
            database.scan(data, match_event_handler=found)

    def _compile(self, patterns: Sequence[tuple[bytes, int]]) -> Any:
        database = self._hs.Database(mode=self._hs.HS_MODE_BLOCK)
        database.compile(
            expressions=[pattern for pattern, _ in patterns], ids=list(range(len(patterns))), elements=len(patterns),
            flags=[flags for _, flags in patterns],
        )  # fmt: skip
        return database


def _literal(data: bytes) -> bytes:
    """As a pattern of escapes: the engine's own literals end at the first zero, and UTF-16 is full of them."""
    return b"".join(b"\\x%02x" % byte for byte in data)


def _hyperscan() -> Any:
    try:
        import hyperscan  # noqa: PLC0415 - where its wheel is absent this module still loads and says so
    except ImportError:
        raise NoEngine("The scan engine is not installed here: the package hyperscan has no wheel for it.") from None
    return hyperscan
