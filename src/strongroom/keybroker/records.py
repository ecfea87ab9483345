"""Records of the journal's tail (docs/formats/tiles.md): index(u64), length(u16), leaf, CRC-32."""

import struct
import zlib
from typing import Final

_RECORD = struct.Struct(">QH")
_CHECK = struct.Struct(">I")
MOST_BYTES: Final = _RECORD.size + 65_535 + _CHECK.size


def encode(index: int, leaf: bytes) -> bytes:
    body = _RECORD.pack(index, len(leaf)) + leaf
    return body + _CHECK.pack(zlib.crc32(body))


def parse(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """(position, leaf, where the next record begins), or `None` where no whole record stands."""
    if at + _RECORD.size > len(data):
        return None
    index, length = _RECORD.unpack_from(data, at)
    end = at + _RECORD.size + length
    if end + 4 > len(data) or _CHECK.pack(zlib.crc32(data[at:end])) != data[end : end + 4]:
        return None
    return index, data[at + _RECORD.size : end], end + 4


def follows(data: bytes, torn: int) -> bool:
    """Whether a whole record follows the torn one at its own length: then the middle is damaged, not the end."""
    if torn + _RECORD.size > len(data):
        return False
    _, length = _RECORD.unpack_from(data, torn)
    following = torn + _RECORD.size + length + 4
    return parse(data, following) is not None
