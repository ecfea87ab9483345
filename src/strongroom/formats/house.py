"""Small secrets of the house (factors, tokens), sealed under a house key (docs/formats/ring-and-cell.md, "House")."""

from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Peer
from strongroom.formats.sealed import CannotOpen, derive

VERSION: Final = 1


class HouseKind(IntEnum):
    """What may be sealed under a house key, each up to `GREATEST` bytes; no kind fits a customer's record."""

    TOTP = 1
    AMAZON = 2
    WEBHOOK = 3
    TAG = 4
    ORDER_HASH = 5


GREATEST: Final[dict[HouseKind, int]] = {
    HouseKind.TOTP: 128,
    HouseKind.AMAZON: 4096,
    HouseKind.WEBHOOK: 128,
    HouseKind.TAG: 32,
    HouseKind.ORDER_HASH: 32,
}
ASKED_BY: Final[dict[HouseKind, tuple[Peer, ...]]] = {
    HouseKind.TOTP: (Peer.WEB,),
    HouseKind.AMAZON: (Peer.WORKER,),
    HouseKind.WEBHOOK: (Peer.WORKER,),
    HouseKind.TAG: (),
    HouseKind.ORDER_HASH: (),
}


def seal(house_key: bytes, kind: HouseKind, id_: bytes, data: bytes, *, version: int, nonce: bytes) -> bytes:
    """`1 ‖ key version(u32) ‖ nonce ‖ GCM(HKDF(house key, kind); data; AAD house|kind|id)`; `id_`: 16 bytes."""
    if len(data) > GREATEST[kind]:
        raise ValueError(f"a secret of kind {kind.name} is at most {GREATEST[kind]} bytes")
    head = bytes([VERSION]) + version.to_bytes(4, "big") + nonce
    return head + AESGCM(_key(house_key, kind)).encrypt(nonce, data, _aad(kind, id_))


def key_version(data: bytes) -> int:
    """Which yearly house key this was sealed under."""
    if len(data) < 33 or data[0] != VERSION:
        raise Malformed("not a house secret of version 1")
    return int.from_bytes(data[1:5], "big")


def unseal(house_key: bytes, kind: HouseKind, id_: bytes, data: bytes) -> bytes:
    key_version(data)
    try:
        return AESGCM(_key(house_key, kind)).decrypt(data[5:17], data[17:], _aad(kind, id_))
    except InvalidTag:
        raise CannotOpen("the house secret does not open") from None


def _key(house_key: bytes, kind: HouseKind) -> bytes:
    return derive(house_key, b"strongroom/house/v1" + bytes([kind]))


def _aad(kind: HouseKind, id_: bytes) -> bytes:
    if len(id_) != 16:
        raise ValueError("a house secret's id is 16 bytes")
    return b"strongroom/house/v1" + bytes([kind]) + id_
