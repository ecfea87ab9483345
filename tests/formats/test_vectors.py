"""The formats write what the committed vectors say, and a second reading from the pages' words agrees."""

import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.formats import house, leaf, merkle, note, ring, sealed
from strongroom.formats.house import HouseKind
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Part
from strongroom.formats.sealed import CannotOpen, Day, Place
from tests.vectors import make

FOLDER = Path(make.__file__).parent


def vector(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def raw(name: str, field: str) -> bytes:
    return bytes.fromhex(vector(name)[field])


def hkdf(key: bytes, info: bytes) -> bytes:
    """RFC 5869 without salt, one block, from hmac alone."""
    pseudo = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(pseudo, info + b"\x01", "sha256")


@pytest.mark.parametrize(
    ("name", "written"),
    [("sealed-part", make.sealed_part), ("ring-and-cell", make.ring_and_cell), ("leaf-and-tree", make.leaf_and_tree)],
)
def test_the_code_still_writes_the_vectors(name: str, written: Any) -> None:
    assert written() == vector(name)


def test_a_bundle_and_a_part_open_by_the_words_of_the_page() -> None:
    v = vector("sealed-part")
    bound = struct.pack(">q16sBQ", v["account"], bytes.fromhex(v["order"]), v["part"], v["write"])
    day = struct.pack(">IIH", v["born"], v["day"], v["generation"])
    bundle = raw("sealed-part", "bundle")
    wrap = hkdf(raw("sealed-part", "day_key"), b"strongroom/wrap/v1")
    held = AESGCM(wrap).decrypt(bundle[1:13], bundle[13:], b"strongroom/bundle/v1" + bound + day)
    assert bundle[0] == 1
    assert (held[:32].hex(), held[32:34], held[34], held[35:].hex()) == (v["dek"], b"\x01\x01", 3, v["tag"])
    body = raw("sealed-part", "sealed")
    padded = AESGCM(held[:32]).decrypt(bytes(12), body[1:], b"strongroom/sealed/v1" + bound)
    assert len(padded) % 64 == 0
    assert json.loads(padded.rstrip(b"\0")[:-1]) == {"name": "Zoë Ångström", "postcode": "SN8 1QX"}


def test_tag_and_index_follow_the_page() -> None:
    v = vector("sealed-part")
    value = "zoëångström|sn81qx".encode()
    message = b"strongroom/tag/v1" + struct.pack(">qB", 7, 3) + value
    tag = hmac.digest(raw("sealed-part", "tag_key"), message, "sha256")[:16]
    key = hkdf(raw("sealed-part", "day_key"), b"strongroom/index/v1\x03")
    assert (tag.hex(), hmac.digest(key, tag, "sha256")[:12].hex()) == (v["tag"], v["index"])


def test_a_ring_row_opens_with_unlock_secret_and_cell_together() -> None:
    whole = ring.decode(raw("ring-and-cell", "ring"))
    (row,) = whole.rows
    cell, unlock = raw("ring-and-cell", "cell"), raw("ring-and-cell", "unlock")
    assert ring.open_row(row, unlock=unlock, cell=cell) == raw("ring-and-cell", "key")
    for wrong in ({"unlock": bytes(32), "cell": cell}, {"unlock": unlock, "cell": bytes(32)}):
        with pytest.raises(CannotOpen):
            ring.open_row(row, **wrong)


def test_a_house_secret_opens_for_its_kind_and_id_only() -> None:
    key, id_, data = (raw("ring-and-cell", f) for f in ("house_key", "house_id", "house_secret"))
    assert house.unseal(key, HouseKind.TOTP, id_, data) == b"totp secret"
    with pytest.raises(CannotOpen):
        house.unseal(key, HouseKind.WEBHOOK, id_, data)


def test_a_leaf_commits_to_its_entry_and_holds_no_private_fact() -> None:
    entry, salt, data = (raw("leaf-and-tree", f) for f in ("entry", "salt", "leaf"))
    commitment = hashlib.sha256(b"strongroom/journal/commitment/v1\n" + salt + entry).digest()
    found = leaf.decode_leaf(data)
    assert found.commitment == commitment
    assert (118_204).to_bytes(8, "big") in entry
    assert (118_204).to_bytes(8, "big") not in data
    assert merkle.leaf_hash(data).hex() == vector("leaf-and-tree")["leaf_hash"]


def test_a_checkpoint_is_a_signed_note_as_c2sp_says() -> None:
    v = vector("leaf-and-tree")
    key = note.parse_verifier_key(v["verifier_key"])
    head = note.verify_checkpoint(v["checkpoint"], key)
    assert (head.origin, head.size, head.root.hex(), head.extensions) == (
        "example.org/strongroom", 1, v["leaf_hash"], ("rehearsal",),
    )  # fmt: skip
    text = v["checkpoint"].split("\n\n")[0] + "\n"
    signature = note._unb64(v["checkpoint"].strip().rsplit(" ", 1)[1])
    public = Ed25519PrivateKey.from_private_bytes(raw("leaf-and-tree", "signing_key")).public_key()
    public.verify(signature[4:], text.encode())
    assert signature[:4] == hashlib.sha256(b"example.org/strongroom\n\x01" + key.public).digest()[:4]


@pytest.mark.parametrize(
    ("name", "field", "read"),
    [
        ("sealed-part", "sealed", lambda d: sealed.unseal(make.DEK, Place(7, make.ORDER, Part.RECIPIENT, 99), d)),
        ("sealed-part", "bundle", lambda d: sealed.unbundle(sealed.wrap_key(make.KEY), Place(7, make.ORDER, Part.RECIPIENT, 99), Day(20_000, 20_003, 1), d)),
        ("ring-and-cell", "ring", ring.decode),
        ("ring-and-cell", "house_secret", lambda d: house.unseal(make.KEY, HouseKind.TOTP, make.ORDER, d)),
        ("leaf-and-tree", "leaf", leaf.decode_leaf),
        ("leaf-and-tree", "entry", leaf.decode_entry),
    ],
)  # fmt: skip
def test_another_version_and_every_cut_is_refused(name: str, field: str, read: Any) -> None:
    data = raw(name, field)
    with pytest.raises((Malformed, CannotOpen)):
        read(bytes([data[0] + 1]) + data[1:])
    for cut in range(0, len(data), max(1, len(data) // 40)):
        with pytest.raises((Malformed, CannotOpen)):
            read(data[:cut])
