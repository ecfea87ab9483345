"""Make a key ring and an empty journal, once. Refuses where anything stands: a mistake cannot fork the log."""

import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.formats import note, sealed
from strongroom.formats import ring as format_
from strongroom.formats.clock import Clock
from strongroom.formats.house import HouseKind
from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.merkle import empty_root
from strongroom.formats.ring import NEVER, KeyKind, Mode, Ring, Row, Unlocks
from strongroom.keybroker import secrets
from strongroom.keybroker.believed_time import Watch
from strongroom.keybroker.cells import FileCells
from strongroom.keybroker.files import write_whole
from strongroom.keybroker.journal import Journal


class Exists(Exception):
    """Something stands there already; nothing was changed."""


def create(
    *, keys: Path, journal: Path, mode: Mode, clock: Clock, unlocks: Unlocks, secret: bytes, origin: str | None
) -> note.VerifierKey:
    """A ring with one house key, tag and order-hash keys, a signing key, and a journal of one leaf; its public key."""
    for folder in (keys, journal):
        if folder.exists() and any(folder.iterdir()):
            raise Exists(
                f"{folder.name}: this folder is not empty; a second key ring or journal is never made over a first"
            )
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    journal.mkdir(parents=True, exist_ok=True, mode=0o755)
    (keys / "cells").mkdir(mode=0o700)
    (keys / "house").mkdir(mode=0o700)
    unlock, ring_id = os.urandom(32), os.urandom(16)
    name = origin or f"strongroom.invalid/{ring_id.hex()[:16]}"
    watch = Watch(keys, clock)
    row, house_key, cell = _house_row(watch.state.now, unlock)
    FileCells(keys / "cells").write(row.cell, cell)
    envelope = secrets.envelope(unlocks, secret, unlock, ring_id)
    ring = Ring(mode, ring_id, watch.state.now, (envelope,), (row,))
    for kind in (HouseKind.TAG, HouseKind.ORDER_HASH):
        secrets.write_under_house(keys / "house", kind, house_key, version=1, house_version=row.day)
    signing = Ed25519PrivateKey.generate()
    secrets.write_signing_key(keys / "signing", signing, unlock, name)
    write_whole(keys / "origin", name.encode())
    watch.keep()
    verifier = note.VerifierKey(name, note.public_key(signing))
    write_whole(journal / f"{_file_name(name)}.vkey", (verifier.line() + "\n").encode())
    (journal / f"{_file_name(name)}.vkey").chmod(0o644)
    _first_leaf(keys, journal, name, mode, signing, watch.state.now)
    write_whole(keys / "ring", format_.encode(ring))  # last: without it nothing serves, and creation can be repeated
    return verifier


def _house_row(now: int, unlock: bytes) -> tuple[Row, bytes, bytes]:
    cell, key = os.urandom(format_.CELL_BYTES), os.urandom(sealed.KEY_BYTES)
    row = Row(
        kind=KeyKind.HOUSE, account=0, day=1, generation=0, born=now, dies_at=NEVER, cell=os.urandom(16),
        cell_check=format_.cell_check(cell), key_id=sealed.key_id(key), token=os.urandom(32),
    )  # fmt: skip
    return format_.seal_row(row, key, unlock=unlock, cell=cell, nonce=os.urandom(12)), key, cell


def _first_leaf(keys: Path, journal: Path, name: str, mode: Mode, signing: Ed25519PrivateKey, now: int) -> None:
    body = bytes(8) + empty_root()
    write_whole(keys / "head", body + hashlib.sha256(body).digest())
    log = Journal(journal, keys, origin=name, rehearsal=mode is Mode.REHEARSAL)
    log.say(Kind.ORIGIN, at=now, facts={Fact.MODE: mode, Fact.HASH: bytes(32), Fact.SIZE: 0})
    log.may_sign(signing)
    log.sign()
    log.close()


def _file_name(name: str) -> str:
    return name.replace("/", "_")
