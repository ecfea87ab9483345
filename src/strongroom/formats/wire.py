"""Lists of byte strings as one byte string: the only nesting Strongroom's binary formats know.

docs/formats/broker-protocol.md, "Lists". Canonical: one value has one encoding, so it can be hashed and compared.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from strongroom.formats.malformed import Malformed

MAX_ITEMS: Final = 65_535
_COUNT = struct.Struct(">H")
_LENGTH = struct.Struct(">I")


def pack(items: Sequence[bytes]) -> bytes:
    """`count(u16)`, then for each item `length(u32)` and its bytes."""
    if len(items) > MAX_ITEMS:
        raise ValueError(f"a list holds at most {MAX_ITEMS} items")
    out = [_COUNT.pack(len(items))]
    for item in items:
        out.append(_LENGTH.pack(len(item)))
        out.append(item)
    return b"".join(out)


def unpack(data: bytes, *, items: int | None = None) -> list[bytes]:
    """The inverse of `pack`; `items` demands a count. Raises `Malformed`, also for trailing bytes."""
    if len(data) < 2:
        raise Malformed("a list is shorter than its count")
    (count,) = _COUNT.unpack_from(data)
    if items is not None and count != items:
        raise Malformed(f"a list of {items} was wanted")
    found, at = [], 2
    for _ in range(count):
        if at + 4 > len(data):
            raise Malformed("a list ends inside a length")
        (length,) = _LENGTH.unpack_from(data, at)
        at += 4
        if at + length > len(data):
            raise Malformed("a list ends inside an item")
        found.append(data[at : at + length])
        at += length
    if at != len(data):
        raise Malformed("bytes after the end of a list")
    return found


def fixed(data: bytes, layout: struct.Struct) -> tuple[int, ...]:
    """Unpack integers of exactly this layout, or raise `Malformed`."""
    if len(data) != layout.size:
        raise Malformed("a field of fixed width has another width")
    return layout.unpack(data)


def u8(value: int) -> bytes:
    return struct.pack(">B", value)


def u16(value: int) -> bytes:
    return struct.pack(">H", value)


def u32(value: int) -> bytes:
    return struct.pack(">I", value)


def u64(value: int) -> bytes:
    return struct.pack(">Q", value)


def i64(value: int) -> bytes:
    return struct.pack(">q", value)


def number(data: bytes) -> int:
    """An unsigned big-endian integer of 1, 2, 4 or 8 bytes."""
    if len(data) not in (1, 2, 4, 8):
        raise Malformed("an integer is 1, 2, 4 or 8 bytes")
    return int.from_bytes(data, "big")


def exact(data: bytes, width: int) -> int:
    """An unsigned big-endian integer of this many bytes: the one encoding that a field of known width has."""
    if len(data) != width:
        raise Malformed(f"this integer is {width} bytes")
    return int.from_bytes(data, "big")


def flag(data: bytes) -> bool:
    """A byte that is 0 or 1."""
    value = exact(data, 1)
    if value > 1:
        raise Malformed("a flag is 0 or 1")
    return value == 1


def signed(data: bytes) -> int:
    """A signed big-endian integer of 8 bytes."""
    if len(data) != 8:
        raise Malformed("a signed integer is 8 bytes")
    return int.from_bytes(data, "big", signed=True)


def concat(pieces: Iterable[bytes]) -> bytes:
    return b"".join(pieces)
