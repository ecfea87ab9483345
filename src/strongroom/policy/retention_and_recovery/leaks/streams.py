"""Compressed streams, wherever they begin: in a file of their own, in an archive, a page, a log or a picture.

Since a stream is found by its first bytes and not by a file's name, zip entries, documents, pictures with compressed
text and PDF's own streams need no reader of their own, and damaged containers do not hide what still decodes.
"""

import bz2
import lzma
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from strongroom.policy.retention_and_recovery.leaks import blocks
from strongroom.policy.retention_and_recovery.leaks.sources import Source

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP: Final = 1 << 16
FIRST: Final = 512
"""Enough to tell whether this is a stream at all; most marks in random bytes are none."""
MOST_AT_ONCE: Final = 1 << 20
MEMORY: Final = 256 << 20
WINDOW_LOG: Final = 27
_ZIP = struct.Struct("<4sHHHHHIIIHH")
STORED, DEFLATED, LZMA = 0, 8, 14
FOUND_BY_THEIR_OWN_MARK: Final = frozenset({12, 93, 95})
"""Zip's bzip2, zstd and xz."""
METHODS: Final = frozenset({*range(20), *range(93, 100)})


class CannotLookInside(Exception):
    """A container that is there and cannot be opened: encrypted, or of a method that is not decoded."""


@dataclass
class Expansion:
    """A stream being unpacked. `ended`: the decoder saw its end, at `ends_at` of the source; else it broke off."""

    ends_at: int
    ended: bool = False


Decoder = Callable[[Source, int, Expansion], Iterator[bytes]]


def expand(kind: str, source: Source, offset: int) -> tuple[Expansion, Iterator[bytes]]:
    """What a stream of this kind at this offset holds, in pieces of at most a megabyte. Garbage ends early.

    Raises `CannotLookInside`.
    """
    state = Expansion(offset)
    return state, DECODERS[kind](source, offset, state)


def _pumped(new: Callable[[], Any]) -> Decoder:
    """Drive one of the libraries' decoders, which all take input and a most of output."""

    def run(source: Source, offset: int, state: Expansion) -> Iterator[bytes]:
        decoder, at = new(), offset
        try:
            while not decoder.eof:
                given = b"" if not decoder.needs_input else source.read(at, STEP if at > offset else FIRST)
                at += len(given)
                if not given and decoder.needs_input:
                    return
                piece = decoder.decompress(given, MOST_AT_ONCE)
                state.ends_at = at
                if piece:
                    yield piece
            state.ended, state.ends_at = True, at - len(decoder.unused_data)
        except (OSError, EOFError, lzma.LZMAError, zstd.ZstdError, MemoryError, ValueError):
            return

    return run


def _inflated(bits: int) -> Decoder:
    """zlib hands back what it did not take, so it is driven in its own way."""

    def run(source: Source, offset: int, state: Expansion) -> Iterator[bytes]:
        decoder, at, given = zlib.decompressobj(bits), offset, b""
        try:
            while not decoder.eof:
                if not given:
                    given = source.read(at, STEP if at > offset else FIRST)
                    at += len(given)
                    if not given:
                        break
                piece = decoder.decompress(given, MOST_AT_ONCE)
                given = decoder.unconsumed_tail
                state.ends_at = at - len(given)
                if piece:
                    yield piece
            state.ended = decoder.eof
            state.ends_at = at - len(given) - len(decoder.unused_data)
        except zlib.error:
            return

    return run


def _new_zstd() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})


def _lz4_frame(source: Source, offset: int, state: Expansion) -> Iterator[bytes]:
    """The LZ4 frame format: blocks that are linked, each with its length; checksums are not looked at."""
    flags, most = source.read(offset + 4, 2).ljust(2, b"\0")
    at, before = offset + 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0), b""
    while True:
        head = source.read(at, 4)
        size = int.from_bytes(head, "little")
        if len(head) < 4 or size & 0x7FFFFFFF > 4 << 20:
            return
        if size == 0:
            state.ended, state.ends_at = True, at + 4 + (4 if flags & 4 else 0)
            return
        data = source.read(at + 4, size & 0x7FFFFFFF)
        piece, whole = (data, True) if size >> 31 else blocks.lz4(data, 1 << (8 + 2 * (most >> 4 & 7)), before)
        at += 4 + (size & 0x7FFFFFFF) + (4 if flags & 16 else 0)
        state.ends_at = at
        yield piece
        if not whole:
            return
        before = (before + piece)[-65_536:]


@dataclass(frozen=True)
class Member:
    """An archive's member: where its bytes begin, how many are stored, and how."""

    begins: int
    size: int
    method: int


def zip_member(source: Source, offset: int) -> Member | None:
    """What a zip's local header says; none where it is no header, as in a program that knows zips.

    Its directory is not asked: it may be cut off, or leave out what is there.
    """
    head = source.read(offset, _ZIP.size)
    if len(head) < _ZIP.size:
        return None
    _, version, flags, method, _, _, _, size, _, name_size, extra = _ZIP.unpack(head)
    name = source.read(offset + _ZIP.size, name_size)
    if version & 255 > 63 or method not in METHODS or not name or len(name) < name_size or min(name) < 32:
        return None
    if flags & 1:
        raise CannotLookInside("an encrypted zip entry")
    return Member(offset + _ZIP.size + name_size + extra, size, method)


def tar_member(source: Source, mark: int) -> Member | None:
    """The member whose header holds this mark; none where it is no header's."""
    begins = mark - 257
    head = source.read(begins, 512) if begins >= 0 else b""
    digits = head[124:136].strip(b" \0")
    if len(head) < 512 or not digits or set(digits) - set(b"01234567"):
        return None
    return Member(begins + 512, int(digits, 8), STORED)


def _zip(source: Source, offset: int, state: Expansion) -> Iterator[bytes]:
    member = zip_member(source, offset)
    if member is None:
        return
    if member.method == DEFLATED:
        yield from _inflated(-15)(source, member.begins, state)
    elif member.method == LZMA:
        yield from _zipped_lzma(source, member, state)
    elif member.method != STORED and member.method not in FOUND_BY_THEIR_OWN_MARK:
        raise CannotLookInside(f"a zip entry of method {member.method}")


def _zipped_lzma(source: Source, member: Member, state: Expansion) -> Iterator[bytes]:
    """Zip's LZMA has a header of its own; with the older file's header in its place the library reads it."""
    head = source.read(member.begins, 9)
    decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MEMORY)
    try:
        decoder.decompress(head[4:9] + b"\xff" * 8, 0)
    except lzma.LZMAError:
        return
    yield from _pumped(lambda: decoder)(source, member.begins + 9, state)


DECODERS: Final[dict[str, Decoder]] = {
    "gzip": _inflated(31),
    "zlib": _inflated(15),
    "bzip2": _pumped(bz2.BZ2Decompressor),
    "xz": _pumped(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)),
    "zstd": _pumped(_new_zstd),
    "lz4": _lz4_frame,
    "zip": _zip,
}
SEALED_FORMATS: Final = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"MSCF\0\0\0\0": "a cabinet archive",
}
"""Not decoded; a file that begins so leaves the result unknown."""
