"""PDF: streams behind ASCII85 or hexadecimal, and text as strings in either notation, which kerning cuts into pieces.

Streams that are only deflated are found by their own mark. Text drawn as outlines, as our labels are, is no text; text
in fonts with a numbering of their own is not decoded (docs/leak-drill.md).
"""

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from strongroom.policy.retention_and_recovery.leaks.streams import CannotLookInside

MOST: Final = 64 << 20
"""The longest document that is read as a PDF; its deflated streams are found beyond it too."""
_STREAM: Final = re.compile(rb"(<<(?:(?!endobj|stream\r?\n).){0,4096}?>>)\s*stream\r?\n", re.DOTALL)
_FILTERS: Final = re.compile(rb"/F(?:ilter)?\s*(\[[^\]]{0,200}\]|/\w+)")
_NAME: Final = re.compile(rb"/(\w+)")
_TOKEN: Final = re.compile(rb"\\.|[()]|<[0-9A-Fa-f\s]*>", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_SIMPLE: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r\n": b"", b"\r": b""}


def views(data: bytes, most: int) -> Iterator[bytes]:
    """What stands in a document otherwise than its bytes show it: decoded streams, and strings put together.

    Raises `CannotLookInside` for an encrypted one.
    """
    if re.search(rb"/Encrypt\s+\d+\s+\d+\s+R", data):
        raise CannotLookInside("an encrypted PDF")
    yield strings(data)
    for found in _STREAM.finditer(data):
        names = _filters(found[1])
        end = data.find(b"endstream", found.end())
        decoded = _decoded(data[found.end() : end if end >= 0 else len(data)], names, most)
        if names and names != [b"FlateDecode"]:
            yield decoded
        if names:
            yield strings(decoded)


def strings(data: bytes) -> bytes:
    """All strings of a content stream, unescaped, one after the other without what stands between them."""
    out, depth, begins = bytearray(), 0, 0
    for token in _TOKEN.finditer(data):
        word = token[0]
        if word == b"(":
            depth, begins = depth + 1, begins if depth else token.end()
        elif word == b")" and depth:
            depth -= 1
            if not depth:
                out += _ESCAPE.sub(_unescaped, data[begins : token.start()])
        elif word[:1] == b"<" and not depth:
            digits = b"".join(word[1:-1].split())
            out += binascii.unhexlify(digits + b"0" * (len(digits) % 2))
    return bytes(out)


def _unescaped(escape: re.Match[bytes]) -> bytes:
    what = escape[1]
    if what[0] in b"01234567":
        return bytes([int(what, 8) & 255])
    return _SIMPLE.get(what, what)


def _filters(dictionary: bytes) -> list[bytes]:
    found = _FILTERS.search(dictionary)
    return _NAME.findall(found[1]) if found else []


def _decoded(data: bytes, names: list[bytes], most: int) -> bytes:
    for name in names:
        decode = _DECODERS.get(name)
        if decode is None:
            return b"" if name in PICTURES else _cannot(name)
        data = decode(data, most)
    return data


def _cannot(name: bytes) -> bytes:
    raise CannotLookInside(f"a PDF stream with the filter {name.decode('latin-1')[:20]}")


def _flate(data: bytes, most: int) -> bytes:
    decoder, out = zlib.decompressobj(), b""
    try:
        out = decoder.decompress(data, most)
    except zlib.error:
        return out
    return out


def _ascii85(data: bytes, _most: int) -> bytes:
    body = b"".join(data.split()).removeprefix(b"<~").partition(b"~")[0]
    try:
        return base64.a85decode(body)
    except ValueError:
        return b""


def _hex(data: bytes, _most: int) -> bytes:
    digits = b"".join(data.partition(b">")[0].split())
    try:
        return binascii.unhexlify(digits + b"0" * (len(digits) % 2))
    except ValueError:
        return b""


def _run_length(data: bytes, most: int) -> bytes:
    out, at = bytearray(), 0
    while at < len(data) and data[at] != 128 and len(out) < most:
        count = data[at]
        if count < 128:
            out += data[at + 1 : at + 2 + count]
            at += 2 + count
        else:
            out += data[at + 1 : at + 2] * (257 - count)
            at += 2
    return bytes(out[:most])


_DECODERS: Final[dict[bytes, Callable[[bytes, int], bytes]]] = {
    b"FlateDecode": _flate, b"Fl": _flate, b"ASCII85Decode": _ascii85, b"A85": _ascii85,
    b"ASCIIHexDecode": _hex, b"AHx": _hex, b"RunLengthDecode": _run_length, b"RL": _run_length,
}  # fmt: skip
PICTURES: Final = frozenset({b"DCTDecode", b"DCT", b"CCITTFaxDecode", b"CCF", b"JBIG2Decode", b"JPXDecode"})
"""Pictures hold no text that could be searched for."""
