"""Three block decoders that no package of ours brings: PostgreSQL's pglz, LZ4 blocks, Snappy. Hostile input expected.

Each returns what it could decode up to a limit, and whether that was the whole and nothing but it: the first half of
a damaged value betrays a name as well.
"""

Decoded = tuple[bytes, bool]


def pglz(data: bytes, size: int) -> Decoded:
    """PostgreSQL's own (pg_lzcompress.c): a control byte, then eight items, low bit first: 0 a byte, 1 a copy."""
    out, at, end = bytearray(), 0, len(data)
    while at < end and len(out) < size:
        control, at = data[at], at + 1
        for _ in range(8):
            if at >= end or len(out) >= size:
                break
            if control & 1:
                if at + 2 > end:
                    return bytes(out), False
                length, back, at = (data[at] & 0x0F) + 3, (data[at] & 0xF0) << 4 | data[at + 1], at + 2
                if length == 18 and at < end:
                    length, at = length + data[at], at + 1
                if not _copy(out, back, min(length, size - len(out))):
                    return bytes(out), False
            else:
                out.append(data[at])
                at += 1
            control >>= 1
    return bytes(out), len(out) == size and at == end


def lz4(data: bytes, size: int, before: bytes = b"") -> Decoded:
    """One LZ4 block of at most `size` bytes; `before`: what linked blocks may copy from."""
    out, at, end, limit = bytearray(before), 0, len(data), size + len(before)
    whole = False
    while at < end:
        token, at = data[at], at + 1
        literals, at = _length(data, at, token >> 4)
        out += data[at : at + literals]
        at += literals
        if at >= end or len(out) > limit:
            whole = at == end and len(out) <= limit
            break
        if at + 2 > end:
            break
        back, at = data[at] | data[at + 1] << 8, at + 2
        length, at = _length(data, at, token & 15)
        if len(out) + length + 4 > limit or not _copy(out, back, length + 4):
            break
    return bytes(out[len(before) : limit]), whole


def snappy(data: bytes, limit: int) -> Decoded:
    """Snappy's raw format: the length as a varint, then literals and copies with one, two or four bytes of offset."""
    size, at = varint(data, 0)
    if size > limit:
        return b"", False
    out, end = bytearray(), len(data)
    while at < end and len(out) < size:
        tag, at = data[at], at + 1
        if tag & 3 == 0:
            length, at = _literal_length(data, at, tag >> 2)
            out += data[at : at + length]
            at += length
            continue
        length, width = ((tag >> 2 & 7) + 4, 1) if tag & 3 == 1 else ((tag >> 2) + 1, 2 if tag & 3 == 2 else 4)
        back = int.from_bytes(data[at : at + width], "little") | ((tag & 0xE0) << 3 if tag & 3 == 1 else 0)
        at += width
        if not _copy(out, back, min(length, size - len(out))):
            break
    return bytes(out[:size]), len(out) == size and at == end


def _copy(out: bytearray, back: int, length: int) -> bool:
    """Repeat what lies so far back, also where it overlaps what is being written."""
    begins = len(out) - back
    if back == 0 or begins < 0:
        return False
    while length > 0:
        piece = out[begins : begins + length]
        out += piece
        length -= len(piece)
    return True


def _length(data: bytes, at: int, value: int) -> tuple[int, int]:
    if value == 15:
        while at < len(data):
            value, more, at = value + data[at], data[at], at + 1
            if more != 255:
                break
    return value, at


def _literal_length(data: bytes, at: int, value: int) -> tuple[int, int]:
    if value < 60:
        return value + 1, at
    width = value - 59
    return int.from_bytes(data[at : at + width], "little") + 1, at + width


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Seven bits a byte, the lowest first; (value, where it ends)."""
    value = shift = 0
    while at < len(data) and shift < 64:
        value, more, at = value | (data[at] & 0x7F) << shift, data[at] & 0x80, at + 1
        if not more:
            break
        shift += 7
    return value, at
