"""What the broker keeps besides the ring: the unlock secret's envelopes, the signing key, tag and order-hash keys."""

import hashlib
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from strongroom.formats import house
from strongroom.formats.house import HouseKind
from strongroom.formats.ring import Envelope, Ring, Unlocks
from strongroom.formats.sealed import CannotOpen, derive
from strongroom.keybroker.files import write_whole

NOBODYS: Final = bytes(16)
PASSES: Final = 3
MEMORY: Final = 256 * 1024
LANES: Final = 2
"""Argon2id, RFC 9106's second recommendation with more memory: about half a second on a small machine."""


def envelope(kind: Unlocks, secret: bytes, unlock: bytes, ring_id: bytes) -> Envelope:
    """The unlock secret, sealed under a passphrase or a file's contents."""
    memory = MEMORY if kind is Unlocks.PASSPHRASE else 0
    empty = Envelope(kind, os.urandom(16), PASSES, memory, LANES, os.urandom(12), bytes(48))
    sealed = AESGCM(_envelope_key(empty, secret)).encrypt(empty.nonce, unlock, _envelope_aad(ring_id))
    return Envelope(kind, empty.salt, PASSES, memory, LANES, empty.nonce, sealed)


def open_envelopes(ring: Ring, kind: Unlocks, secret: bytes) -> bytes:
    """The unlock secret, from the first envelope of this kind that opens, or `CannotOpen`."""
    for candidate in ring.envelopes:
        if candidate.kind is not kind:
            continue
        try:
            key = _envelope_key(candidate, secret)
            return AESGCM(key).decrypt(candidate.nonce, candidate.sealed, _envelope_aad(ring.id))
        except InvalidTag:
            continue
    raise CannotOpen("this secret does not unlock the ring")


def write_signing_key(path: Path, key: Ed25519PrivateKey, unlock: bytes, origin: str) -> None:
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    nonce = os.urandom(12)
    write_whole(path, nonce + AESGCM(derive(unlock, b"strongroom/signing/v1")).encrypt(nonce, raw, origin.encode()))


def read_signing_key(path: Path, unlock: bytes, origin: str) -> Ed25519PrivateKey:
    data = path.read_bytes()
    try:
        raw = AESGCM(derive(unlock, b"strongroom/signing/v1")).decrypt(data[:12], data[12:], origin.encode())
    except InvalidTag:
        raise CannotOpen("the signing key does not open") from None
    return Ed25519PrivateKey.from_private_bytes(raw)


def write_under_house(folder: Path, kind: HouseKind, house_key: bytes, *, version: int, house_version: int) -> None:
    """A fresh 32-byte key of this kind, sealed under the house key."""
    sealed = house.seal(house_key, kind, NOBODYS, os.urandom(32), version=house_version, nonce=os.urandom(12))
    write_whole(folder / f"{kind.name.lower()}-{version}", sealed)


def read_under_house(path: Path, kind: HouseKind, house_key: bytes) -> bytes:
    return house.unseal(house_key, kind, NOBODYS, path.read_bytes())


def _envelope_key(e: Envelope, secret: bytes) -> bytes:
    if e.kind is Unlocks.FILE:
        return derive(hashlib.sha256(secret).digest() + e.salt, b"strongroom/unlock/v1")
    kdf = Argon2id(salt=e.salt, length=32, iterations=e.passes, lanes=e.lanes, memory_cost=e.memory)
    return kdf.derive(secret)


def _envelope_aad(ring_id: bytes) -> bytes:
    return b"strongroom/envelope/v1" + ring_id
