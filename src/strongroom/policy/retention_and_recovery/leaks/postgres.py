"""PostgreSQL's files: compressed datums in rows, values in pieces in TOAST tables, and the write-ahead log (15 to 18).

The formats are PostgreSQL's own (varatt.h, heaptoast.h, xlogrecord.h), read without a catalogue: what is deleted, or
lies in a page that no table owns any more, is looked at like what is alive.
"""

import struct
from collections.abc import Iterator
from typing import Final

from strongroom.policy.retention_and_recovery.leaks import blocks
from strongroom.policy.retention_and_recovery.leaks.sources import Source

PAGE: Final = 8192
PGLZ, LZ4 = 0, 1
RAW_MASK: Final = 0x3FFF_FFFF
MOST_RAW: Final = 64 << 20
_TWO = struct.Struct("<II")
_WAL_PAGE = struct.Struct("<HHIQI")
SHORT_HEADER, LONG_HEADER = 24, 40
PAGE_MARK_AT, ROW_MARK_AT = 10, 18
"""Where in a page's and in a row's header their marks stand."""
CHUNK_AT: Final = 6
"""From a TOAST chunk's mark (the row header's last five bytes and a filler) to its row."""


def plausible(data: bytes, offset: int) -> bool:
    """Whether lengths at a mark are such as PostgreSQL writes: packed only where that saves (pg_lzcompress.c)."""
    if offset + 8 > len(data):
        return True
    length, info = _TWO.unpack_from(data, offset)
    payload, raw = (length >> 2) - 8, info & RAW_MASK
    if not 4 <= payload <= PAGE or raw < 32:
        return False
    if info >> 30 == PGLZ:
        return bool(3 * raw >= 4 * payload and raw <= 92 * payload)
    return bool(payload < raw <= 256 * payload)


def datum(source: Source, offset: int) -> tuple[bytes, int]:
    """A compressed datum at this offset: its payload and the four bytes that say how it is packed."""
    head = source.read(offset, 8)
    if len(head) < 8 or not plausible(head, 0):
        return b"", 0
    length, info = _TWO.unpack(head)
    return source.read(offset + 8, (length >> 2) - 8), info


def unpacked(payload: bytes, info: int, *, exact: bool = False) -> bytes:
    """A payload by its size and method, as the four bytes before it say. exact: nothing unless all of it decodes."""
    raw, method = info & RAW_MASK, info >> 30
    if method > LZ4 or not len(payload) < raw <= min(MOST_RAW, 256 * len(payload)):
        return b""
    out, whole = (blocks.pglz if method == PGLZ else blocks.lz4)(payload, raw)
    return out if whole or not exact else b""


def likely(data: bytes, marks: list[tuple[str, int]], page: int | None) -> list[tuple[str, int]]:
    """Of the marks in a block those that can be what they seem. page: where in it one page's mark is.

    Within pages, rows begin at multiples of eight and what is packed in them at multiples of four; in the log anywhere.
    """
    return [
        (kind, offset)
        for kind, offset in marks
        if (kind == "toast" and (page is None or (offset - ROW_MARK_AT - page + PAGE_MARK_AT) % 8 == 0))
        or (kind != "toast" and (page is None or (offset - page + PAGE_MARK_AT) % 4 == 0) and plausible(data, offset))
    ]


class Chunks:
    """Chunks of TOASTed values as they were met, in any order, living or dead."""

    def __init__(self) -> None:
        self._places: dict[int, dict[int, tuple[int, int]]] = {}

    def met(self, source: Source, mark: int) -> None:
        """One row of a TOAST table: value, number of the chunk, and the chunk with its length."""
        row = source.read(mark + CHUNK_AT, 12)
        if len(row) < 12:
            return
        value, number = _TWO.unpack_from(row)
        if row[8] & 1:
            begins, size = mark + CHUNK_AT + 9, (row[8] >> 1) - 1
        else:
            begins, size = mark + CHUNK_AT + 12, (int.from_bytes(row[8:12], "little") >> 2) - 4
        if value and 0 < size <= PAGE:
            self._places.setdefault(value, {})[number] = (begins, size)

    def values(self, source: Source) -> Iterator[tuple[int, bytes]]:
        """Each value put together, with the number of its first chunk; a gap begins another piece.

        What was compressed begins with the four bytes that say how.
        """
        for places in self._places.values():
            yield from _pieces(source, places)


def _pieces(source: Source, places: dict[int, tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    first, last, piece = 0, -1, bytearray()
    for number in sorted(places):
        if number != last + 1 or len(piece) > MOST_RAW:
            if piece:
                yield first, bytes(piece)
            first, piece = number, bytearray()
        piece += source.read(*places[number])
        last = number
    if piece:
        yield first, bytes(piece)


def is_log(head: bytes) -> bool:
    """Whether a file begins as a segment of the write-ahead log does."""
    if len(head) < LONG_HEADER or head[1] != 0xD1:
        return False
    flags, block = int.from_bytes(head[2:4], "little"), int.from_bytes(head[36:40], "little")
    return flags & 2 == 2 and flags < 16 and block == PAGE


def log_runs(source: Source) -> Iterator[tuple[bytes, list[int]]]:
    """The log without its pages' headers, in runs of pages that follow each other; and where records may begin."""
    run, starts, expected = bytearray(), list[int](), 0
    for offset in range(0, source.size, PAGE):
        page = source.read(offset, PAGE)
        if len(page) < SHORT_HEADER or page[1] != 0xD1:
            continue
        _, flags, _, address, left = _WAL_PAGE.unpack_from(page)
        if address != expected and run:  # a segment that is used again has older pages behind the newest
            yield bytes(run), starts
            run, starts = bytearray(), []
        # Records begin at multiples of eight; a header's length is one, so that stays so without it.
        if left <= PAGE:
            starts.append(len(run) + (left + 7 & ~7))
        run += page[LONG_HEADER if flags & 2 else SHORT_HEADER :]
        expected = address + PAGE
    if run:
        yield bytes(run), starts


def page_images(run: bytes, starts: list[int]) -> Iterator[bytes]:
    """Pages that records of a run hold compressed with pglz or LZ4; a record that makes no sense ends at the next page.

    Images with zstd are found by their mark, images that are not compressed by being there.
    """
    for start, limit in zip(starts, [*starts[1:], len(run)], strict=True):
        at = start
        while at < limit and at + 24 <= len(run):
            size = int.from_bytes(run[at : at + 4], "little")
            if size < 24 or at + size > len(run):
                break
            if size > 24:
                yield from _record_images(run[at : at + size])
            at += size + 7 & ~7


def _record_images(record: bytes) -> Iterator[bytes]:
    """Headers of blocks come first, as long as what they announce is shorter than what is left; then all the data."""
    at, images, data = 24, list[tuple[int, int, int, int]](), 0
    while len(record) - at > data and at + 4 <= len(record):
        kind = record[at]
        if kind > 32:
            at += _OTHER_HEADERS.get(kind, len(record))
            if kind >= 254:  # the main data's length ends the headers
                break
            continue
        fork, length = record[at + 1], int.from_bytes(record[at + 2 : at + 4], "little")
        at, size = at + 4, 0
        if fork & 0x10:
            size, info, hole = int.from_bytes(record[at : at + 2], "little"), record[at + 4], 0
            at += 5
            if info & 1 and info & 0x1C:
                hole, at = int.from_bytes(record[at : at + 2], "little"), at + 2
            images.append((data, size, info, PAGE - hole))
        data += size + length
        at += 4 if fork & 0x80 else 16
    for begins, size, info, raw in images:
        if info & 0x0C:
            payload = record[at + begins : at + begins + size]
            yield (blocks.pglz if info & 4 else blocks.lz4)(payload, raw)[0]


_OTHER_HEADERS: Final = {255: 2, 254: 5, 253: 3, 252: 5}
"""Lengths of the headers of main data (short, long), origin and top transaction."""
