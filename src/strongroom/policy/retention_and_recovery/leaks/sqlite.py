"""SQLite's overflow pages: a long value goes on in other pages, each with a number in front, so a word can be cut."""

from collections.abc import Iterator
from typing import Final

from strongroom.policy.retention_and_recovery.leaks.sources import Source

MAGIC: Final = b"SQLite format 3\0"
MOST_VALUE: Final = 64 << 20
_LEAF_TABLE, _LEAF_INDEX, _INNER_INDEX = 13, 10, 2


def overflowing_values(source: Source) -> Iterator[bytes]:
    """Every value that overflows its page, put together; also of rows that were deleted, while their cell is whole."""
    head = source.read(0, 100)
    size = int.from_bytes(head[16:18], "big")
    size = 65_536 if size == 1 else size
    usable = size - head[20]
    if size < 512 or size & size - 1 or usable < 480:
        return
    for number in range(source.size // size):
        page = source.read(number * size, size)
        begins = 100 if number == 0 else 0
        if page[begins] in (_LEAF_TABLE, _LEAF_INDEX, _INNER_INDEX):
            yield from _overflowing(source, page, begins, size, usable)


def _overflowing(source: Source, page: bytes, begins: int, size: int, usable: int) -> Iterator[bytes]:
    kind = page[begins]
    cells = begins + (12 if kind == _INNER_INDEX else 8)
    for i in range(min(int.from_bytes(page[begins + 3 : begins + 5], "big"), (size - cells) // 2)):
        at = int.from_bytes(page[cells + 2 * i : cells + 2 * i + 2], "big") + (4 if kind == _INNER_INDEX else 0)
        payload, at = _varint(page, at)
        if kind == _LEAF_TABLE:
            _, at = _varint(page, at)
        local = _local(payload, usable, table=kind == _LEAF_TABLE)
        if local < payload <= MOST_VALUE and at + local + 4 <= size:
            chain = int.from_bytes(page[at + local : at + local + 4], "big")
            yield page[at : at + local] + _followed(source, chain, payload - local, size, usable)


def _local(payload: int, usable: int, *, table: bool) -> int:
    """How much of a payload stays in its page (SQLite's file format, 1.6)."""
    most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
    if payload <= most:
        return payload
    least = (usable - 12) * 32 // 255 - 23
    surplus = least + (payload - least) % (usable - 4)
    return surplus if surplus <= most else least


def _followed(source: Source, number: int, left: int, size: int, usable: int) -> bytes:
    """The pages of a chain; it ends where the value does, whatever the numbers say."""
    out = bytearray()
    while number and left > 0:
        page = source.read((number - 1) * size, size)
        if len(page) < size:
            break
        out += page[4 : 4 + min(left, usable - 4)]
        left -= usable - 4
        number = int.from_bytes(page[:4], "big")
    return bytes(out)


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """SQLite's: seven bits a byte, the highest first; the ninth byte has eight."""
    value = 0
    for count in range(9):
        byte = page[at] if at < len(page) else 0
        at += 1
        if count == 8:
            return value << 8 | byte, at
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    return value, at
