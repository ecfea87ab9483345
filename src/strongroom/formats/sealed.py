"""Sealed part and bundle, version 1 (docs/formats/sealed-part.md). Pure: keys and randomness are handed in.

ES-1: AES-256-GCM throughout. The bundle dies with its day key; the sealed part is never touched again after its write.
"""

import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import FIELDS, Part
from strongroom.formats.secret import Secret

VERSION: Final = 1
KEY_BYTES: Final = 32
TAG_BYTES: Final = 16
INDEX_BYTES: Final = 12
PAD_TO: Final = 64
MAX_PLAINTEXT: Final = 1 << 20

_SEALED_AAD = struct.Struct(">q16sBQ")
_BUNDLE_AAD = struct.Struct(">q16sBQIIH")
# A DEK seals one message in its life, so its nonce cannot repeat (docs/formats/sealed-part.md, "Nonces").
_ONE_MESSAGE_NONCE: Final = bytes(12)


class CannotOpen(Exception):
    """The key is gone, or the bytes belong to another order, part, write or day."""


@dataclass(frozen=True)
class Place:
    """What a sealed part is bound to. `order` is our own 16-byte reference, never Amazon's id."""

    account: int
    order: bytes
    part: Part
    write: int


@dataclass(frozen=True)
class Day:
    """The day key a bundle is wrapped under, and `born`, the day of the first seal; days since 1970-01-01 UTC."""

    born: int
    day: int
    generation: int


@dataclass(frozen=True)
class Contents:
    """What a bundle holds: the data key and the search tags, by search field number."""

    dek: Secret
    tag_version: int
    tags: Mapping[int, bytes]

    def __repr__(self) -> str:
        return "***"


def derive(key: bytes, label: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt; 32 bytes. The label separates uses of one key."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=label).derive(key)


def wrap_key(day_key: bytes) -> bytes:
    """W: what bundles of a day are sealed with."""
    return derive(day_key, b"strongroom/wrap/v1")


def index_key(day_key: bytes, field: int) -> bytes:
    """I_f: what the search index of one field and day is made with."""
    return derive(day_key, b"strongroom/index/v1" + bytes([field]))


def tag(tag_key: bytes, *, account: int, field: int, value: str) -> bytes:
    """A search tag of a normalised value; 16 bytes. Lives inside a bundle and in the broker's memory only."""
    message = b"strongroom/tag/v1" + struct.pack(">qB", account, field) + value.encode()
    return hmac.digest(tag_key, message, "sha256")[:TAG_BYTES]


def index(key: bytes, search_tag: bytes) -> bytes:
    """The value stored beside a sealed row; 12 bytes; dies with its day key."""
    return hmac.digest(key, search_tag, "sha256")[:INDEX_BYTES]


def encode_fields(part: Part, fields: Mapping[str, Secret]) -> bytes:
    """The plaintext of a part: sorted JSON, padded. Raises `ValueError` for a field the part does not have."""
    unknown = set(fields) - set(FIELDS[part])
    if unknown:
        raise ValueError(f"{part.name} has no field {min(unknown)}")
    text = {name: fields[name].text() for name in sorted(fields)}
    return pad(json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode())


def decode_fields(part: Part, padded: bytes) -> dict[str, Secret]:
    """The inverse of `encode_fields`; `Malformed` for anything it could not have written."""
    try:
        loaded = json.loads(unpad(padded))
    except (UnicodeDecodeError, ValueError):
        raise Malformed("a part's plaintext is JSON") from None
    if not isinstance(loaded, dict) or not set(loaded) <= set(FIELDS[part]):
        raise Malformed("a part's plaintext holds that part's fields")
    if not all(isinstance(value, str) for value in loaded.values()):
        raise Malformed("a field is a text")
    return {name: Secret(value) for name, value in loaded.items()}


def pad(plaintext: bytes) -> bytes:
    """ISO/IEC 7816-4 padding to steps of 64 bytes, so that lengths say little."""
    if len(plaintext) > MAX_PLAINTEXT:
        raise ValueError("a part is at most 1 MiB")
    return plaintext + b"\x80" + bytes(-(len(plaintext) + 1) % PAD_TO)


def unpad(padded: bytes) -> bytes:
    body = padded.rstrip(b"\x00")
    if len(padded) % PAD_TO or not body.endswith(b"\x80"):
        raise Malformed("padding")
    return body[:-1]


def seal(dek: bytes, place: Place, padded: bytes) -> bytes:
    """`version ‖ GCM(DEK; padded)`. The DEK must be fresh: it is used for this one message."""
    sealed = AESGCM(dek).encrypt(_ONE_MESSAGE_NONCE, padded, _sealed_aad(place))
    return bytes([VERSION]) + sealed


def unseal(dek: bytes, place: Place, sealed: bytes) -> bytes:
    """The padded plaintext, or `CannotOpen`."""
    _check_version(sealed)
    try:
        return AESGCM(dek).decrypt(_ONE_MESSAGE_NONCE, sealed[1:], _sealed_aad(place))
    except InvalidTag:
        raise CannotOpen("the sealed part does not open") from None


def bundle(wrap: bytes, place: Place, day: Day, contents: Contents, *, nonce: bytes) -> bytes:
    """`version ‖ nonce(12) ‖ GCM(W; DEK ‖ tag version ‖ tags)`."""
    body = [contents.dek.bytes(), bytes([contents.tag_version, len(contents.tags)])]
    body.extend(bytes([field]) + contents.tags[field] for field in sorted(contents.tags))
    wrapped = AESGCM(wrap).encrypt(nonce, b"".join(body), _bundle_aad(place, day))
    return bytes([VERSION]) + nonce + wrapped


def unbundle(wrap: bytes, place: Place, day: Day, data: bytes) -> Contents:
    """The data key and tags, or `CannotOpen`."""
    _check_version(data)
    if len(data) < 1 + 12 + KEY_BYTES + 2 + 16:
        raise Malformed("a bundle is too short")
    try:
        body = AESGCM(wrap).decrypt(data[1:13], data[13:], _bundle_aad(place, day))
    except InvalidTag:
        raise CannotOpen("the bundle does not open") from None
    dek, tag_version, count, rest = body[:KEY_BYTES], body[KEY_BYTES], body[KEY_BYTES + 1], body[KEY_BYTES + 2 :]
    if len(rest) != count * (1 + TAG_BYTES):
        raise Malformed("a bundle's tags")
    step = 1 + TAG_BYTES
    tags = {rest[at]: rest[at + 1 : at + step] for at in range(0, len(rest), step)}
    return Contents(Secret(dek), tag_version, tags)


def key_id(key: bytes) -> bytes:
    """SHA-256 of a key under a label: what may be said of it once it is gone."""
    return hashlib.sha256(b"strongroom/key/v1" + key).digest()


def _check_version(data: bytes) -> None:
    if not data:
        raise Malformed("empty")
    if data[0] != VERSION:
        raise Malformed("unknown version")


def _sealed_aad(place: Place) -> bytes:
    return b"strongroom/sealed/v1" + _SEALED_AAD.pack(place.account, place.order, place.part, place.write)


def _bundle_aad(place: Place, day: Day) -> bytes:
    return b"strongroom/bundle/v1" + _BUNDLE_AAD.pack(
        place.account, place.order, place.part, place.write, day.born, day.day, day.generation
    )
