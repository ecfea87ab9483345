"""Writes the vectors once; they are committed and never change for a version. Run: python tests/vectors/make.py"""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.formats import house, leaf, merkle, note, ring, sealed, verdict
from strongroom.formats.grade import Kind as GradeKind
from strongroom.formats.house import HouseKind
from strongroom.formats.leaf import Entry, Fact, Kind, Outcome
from strongroom.formats.parts import Part
from strongroom.formats.ring import KeyKind, Mode, Ring, Row
from strongroom.formats.sealed import Contents, Day, Place
from strongroom.formats.secret import Secret
from strongroom.formats.verdict import Look, Verdict

HERE = Path(__file__).parent
KEY, DEK, CELL, UNLOCK = (bytes([n]) * 32 for n in (1, 2, 3, 4))
NONCE, ORDER = bytes(range(12)), bytes(range(16))


def sealed_part() -> dict[str, object]:
    place, day = Place(7, ORDER, Part.RECIPIENT, 99), Day(20_000, 20_003, 1)
    fields = {"name": Secret("Zoë Ångström"), "postcode": Secret("SN8 1QX")}
    padded = sealed.encode_fields(Part.RECIPIENT, fields)
    tag = sealed.tag(KEY, account=7, field=3, value="zoëångström|sn81qx")
    wrap = sealed.wrap_key(KEY)
    contents = Contents(Secret(DEK), 1, {3: tag})
    return {
        "day_key": KEY.hex(), "dek": DEK.hex(), "nonce": NONCE.hex(), "account": 7, "order": ORDER.hex(), "part": 1,
        "write": 99, "born": 20_000, "day": 20_003, "generation": 1, "padded": padded.hex(), "wrap_key": wrap.hex(),
        "tag_key": KEY.hex(), "tag": tag.hex(), "index": sealed.index(sealed.index_key(KEY, 3), tag).hex(),
        "sealed": sealed.seal(DEK, place, padded).hex(),
        "bundle": sealed.bundle(wrap, place, day, contents, nonce=NONCE).hex(),
    }  # fmt: skip


def ring_and_cell() -> dict[str, object]:
    row = Row(KeyKind.DAY, 7, 20_000, 0, 1_728_000_000_000, 1_730_419_200_000, ORDER, ring.cell_check(CELL),
              sealed.key_id(KEY), bytes([5]) * 32)  # fmt: skip
    row = ring.seal_row(row, KEY, unlock=UNLOCK, cell=CELL, nonce=NONCE)
    whole = ring.encode(Ring(Mode.REHEARSAL, ORDER, 1_728_000_000_000, (), (row,)))
    secret = house.seal(KEY, HouseKind.TOTP, ORDER, b"totp secret", version=1, nonce=NONCE)
    return {"cell": CELL.hex(), "unlock": UNLOCK.hex(), "key": KEY.hex(), "ring": whole.hex(),
            "house_key": KEY.hex(), "house_id": ORDER.hex(), "house_data": b"totp secret".hex(),
            "house_secret": secret.hex()}  # fmt: skip


def leaf_and_tree() -> dict[str, object]:
    entry = Entry(ORDER, Kind.OPENED, Outcome.DONE, 1_728_000_000_123, 7, b"o" * 16, b"p" * 16,
                  {Fact.PART: 1, Fact.WRITE: 99, Fact.PURPOSE: 1, Fact.CASE: 118_204})  # fmt: skip
    salt = bytes([6]) * 32
    key = Ed25519PrivateKey.from_private_bytes(KEY)
    name = "example.org/strongroom"
    data = leaf.encode_leaf(entry, salt)
    head = note.Checkpoint(name, 1, merkle.leaf_hash(data), ("rehearsal",))
    return {
        "entry": leaf.encode_entry(entry).hex(), "salt": salt.hex(), "leaf": data.hex(),
        "leaf_hash": merkle.leaf_hash(data).hex(), "signing_key": KEY.hex(),
        "verifier_key": note.VerifierKey(name, note.public_key(key)).line(), "checkpoint": note.sign(head.text(), name, key),
    }  # fmt: skip


def verdict_file() -> dict[str, object]:
    seen = Verdict(
        look=Look.MOUNTS, at=1_728_000_000_123, boot="5d0e3f0c-8c5e-4c2b-9a55-4d2f6a1f9b10", took=12,
        grade=GradeKind.SERVICE, saw={"data_kind": "ext4", "below": ('/srv/Zoë \\\\ "x"', "b"), "removable": 0},
        problems=("A folder below the data folder is another file system. Unmount it.",), unseen=(),
    )  # fmt: skip
    return {"text": verdict.encode(seen).decode(), "state": str(seen.state)}


if __name__ == "__main__":
    for name, make in (
        ("sealed-part", sealed_part),
        ("ring-and-cell", ring_and_cell),
        ("leaf-and-tree", leaf_and_tree),
        ("verdict", verdict_file),
    ):
        (HERE / f"{name}.json").write_text(json.dumps(make(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
