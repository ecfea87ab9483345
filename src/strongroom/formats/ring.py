"""The key ring's file, version 1 (docs/formats/ring-and-cell.md): who lives, until when, and how to find its cell.

The ring alone opens nothing: each key is sealed under the unlock secret and its own cell together. Overwriting the
32 bytes of a cell is what destroys a key; the ring only remembers it until the journal has the leaf.
"""

import hashlib
import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.formats.malformed import Malformed
from strongroom.formats.sealed import CannotOpen, derive

MAGIC: Final = b"strongroom/ring/v1\n"
CELL_BYTES: Final = 32
NEVER: Final = 0
DAY_KEY_LIFE: Final = 28 * 86_400_000
"""RR-2: milliseconds from the start of a key's UTC day to its death. Compiled in; configuration may only lower it."""
LAST_CARRY: Final = 84
"""RR-2: days after the day of first seal beyond which nothing is carried."""

_HEADER = struct.Struct(">B16sQ")
_ENVELOPE = struct.Struct(">B16sIIB12s48s")
_ROW = struct.Struct(">BqIHQQ16s32s32s32s12s48s")


class Mode(IntEnum):
    """Burnt in at creation; nothing converts."""

    LIVE = 1
    REHEARSAL = 2


class KeyKind(IntEnum):
    DAY = 1
    HOUSE = 2


class Unlocks(IntEnum):
    """What an envelope of the unlock secret is opened with."""

    PASSPHRASE = 1
    FILE = 2


@dataclass(frozen=True)
class Envelope:
    """The unlock secret, sealed under a passphrase (Argon2id, RFC 9106) or a random file. Memory in KiB."""

    kind: Unlocks
    salt: bytes
    passes: int
    memory: int
    lanes: int
    nonce: bytes
    sealed: bytes


@dataclass(frozen=True)
class Row:
    """One living key. `born`, `dies_at`: milliseconds since 1970, believed time; `day`: for a house key its version."""

    kind: KeyKind
    account: int
    day: int
    generation: int
    born: int
    dies_at: int
    cell: bytes
    cell_check: bytes
    key_id: bytes
    token: bytes
    nonce: bytes = bytes(12)
    sealed: bytes = bytes(48)


@dataclass(frozen=True)
class Ring:
    mode: Mode
    id: bytes
    created: int
    envelopes: tuple[Envelope, ...]
    rows: tuple[Row, ...]


def encode(ring: Ring) -> bytes:
    """The file's bytes; the last 32 are a SHA-256 over the rest, against torn writes, not against people."""
    out = [MAGIC, _HEADER.pack(ring.mode, ring.id, ring.created), bytes([len(ring.envelopes)])]
    out.extend(_ENVELOPE.pack(e.kind, e.salt, e.passes, e.memory, e.lanes, e.nonce, e.sealed) for e in ring.envelopes)
    out.append(struct.pack(">I", len(ring.rows)))
    out.extend(_row_bytes(row) for row in ring.rows)
    body = b"".join(out)
    return body + hashlib.sha256(body).digest()


def decode(data: bytes) -> Ring:
    """The inverse; `Malformed` for another version, a torn file, or anything `encode` does not write."""
    if not data.startswith(MAGIC):
        raise Malformed("not a key ring of version 1")
    body, check = data[:-32], data[-32:]
    if hashlib.sha256(body).digest() != check:
        raise Malformed("the key ring is torn")
    try:
        return _decode_body(body[len(MAGIC) :])
    except (struct.error, ValueError, IndexError):
        raise Malformed("the key ring's rows") from None


def seal_row(row: Row, key: bytes, *, unlock: bytes, cell: bytes, nonce: bytes) -> Row:
    """The row with its key sealed under unlock secret and cell; every clear field is authenticated."""
    sealed = AESGCM(_row_key(unlock, cell)).encrypt(nonce, key, _row_aad(row))
    return replace(row, nonce=nonce, sealed=sealed)


def open_row(row: Row, *, unlock: bytes, cell: bytes) -> bytes:
    """The key, or `CannotOpen` where the cell is gone, the secret wrong, or a clear field was altered."""
    try:
        return AESGCM(_row_key(unlock, cell)).decrypt(row.nonce, row.sealed, _row_aad(row))
    except InvalidTag:
        raise CannotOpen("the key does not open") from None


def cell_check(cell: bytes) -> bytes:
    """Tells, without the unlock secret, whether a cell still holds what was written at birth."""
    return hashlib.sha256(b"strongroom/cell/v1" + cell).digest()


def dies_at(row: Row) -> int:
    """When this row's key dies: never later than its day allows, whatever the row says; `NEVER` for a house key."""
    if row.kind is KeyKind.HOUSE:
        return NEVER
    return min(row.dies_at, row.day * 86_400_000 + DAY_KEY_LIFE)


def _decode_body(body: bytes) -> Ring:
    mode, id_, created = _HEADER.unpack_from(body)
    at = _HEADER.size
    count, at = body[at], at + 1
    envelopes = []
    for _ in range(count):
        kind, *rest = _ENVELOPE.unpack_from(body, at)
        envelopes.append(Envelope(Unlocks(kind), *rest))
        at += _ENVELOPE.size
    (rows_count,) = struct.unpack_from(">I", body, at)
    at += 4
    if len(body) != at + rows_count * _ROW.size:
        raise Malformed("the key ring's length")
    rows = []
    for offset in range(at, len(body), _ROW.size):
        kind, *rest = _ROW.unpack_from(body, offset)
        rows.append(Row(KeyKind(kind), *rest))
    return Ring(Mode(mode), id_, created, tuple(envelopes), tuple(rows))


def _row_bytes(row: Row) -> bytes:
    return _ROW.pack(
        row.kind, row.account, row.day, row.generation, row.born, row.dies_at,
        row.cell, row.cell_check, row.key_id, row.token, row.nonce, row.sealed,
    )  # fmt: skip


def _row_aad(row: Row) -> bytes:
    return b"strongroom/ring-row/v1" + _row_bytes(replace(row, nonce=bytes(12), sealed=bytes(48)))


def _row_key(unlock: bytes, cell: bytes) -> bytes:
    return derive(unlock + cell, b"strongroom/ring-row/v1")
