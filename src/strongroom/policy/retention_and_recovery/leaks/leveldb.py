"""LevelDB, as browsers keep their storage in: tables of Snappy blocks, and logs whose records are cut at 32 KB."""

from collections.abc import Iterator
from typing import Final

from strongroom.policy.retention_and_recovery.leaks import blocks
from strongroom.policy.retention_and_recovery.leaks.sources import Source

MAGIC: Final = bytes.fromhex("57fb808b247547db")
"""The last eight bytes of a table."""
MOST_VALUE: Final = 64 << 20
BLOCK: Final = 32_768


def packed_blocks(source: Source) -> Iterator[bytes]:
    """A table's blocks that Snappy packed; those of zstd are found by their mark, others by being there."""
    footer = source.read(source.size - 48, 48)
    if footer[-8:] != MAGIC:
        return
    _, at = blocks.varint(footer, 0)
    _, at = blocks.varint(footer, at)
    index = _handle(footer, at)
    yield from _block(source, index)
    for handle in _handles(_whole(source, index)):
        yield from _block(source, handle)


def records(source: Source) -> Iterator[bytes]:
    """A log's records without the headers that cut them at every 32 kilobytes."""
    out = bytearray()
    for offset in range(0, source.size, BLOCK):
        block, at = source.read(offset, BLOCK), 0
        while at + 7 <= len(block):
            length, kind = int.from_bytes(block[at + 4 : at + 6], "little"), block[at + 6]
            if kind not in (1, 2, 3, 4):
                break
            out += block[at + 7 : at + 7 + length]
            at += 7 + length
        if len(out) > MOST_VALUE:
            yield bytes(out)
            out = out[-BLOCK:]
    if out:
        yield bytes(out)


def is_log(name: str, head: bytes) -> bool:
    """LevelDB's logs have no mark: by name, and by a first record that fits."""
    return name.endswith(".log") and len(head) >= 7 and head[6] in (1, 2) and int.from_bytes(head[4:6], "little") > 0


def _block(source: Source, handle: tuple[int, int]) -> Iterator[bytes]:
    if source.read(sum(handle), 1) == b"\x01":
        yield _whole(source, handle)


def _whole(source: Source, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    data = source.read(offset, min(size, MOST_VALUE))
    return blocks.snappy(data, MOST_VALUE)[0] if source.read(offset + size, 1) == b"\x01" else data


def _handles(index: bytes) -> Iterator[tuple[int, int]]:
    """The handles that an index block's entries have as values."""
    at = 0
    end = len(index) - 4 * (1 + int.from_bytes(index[-4:], "little")) if len(index) >= 4 else 0
    while 0 <= at < end:
        _, at = blocks.varint(index, at)
        key, at = blocks.varint(index, at)
        value, at = blocks.varint(index, at)
        if key + value == 0:
            return
        yield _handle(index, at + key)
        at += key + value


def _handle(data: bytes, at: int) -> tuple[int, int]:
    offset, at = blocks.varint(data, at)
    return offset, blocks.varint(data, at)[0]
