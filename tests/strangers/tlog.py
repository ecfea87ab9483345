"""A stranger's verifier of the journal, from the specifications alone: `python tlog.py FOLDER`.

Written from C2SP signed-note, tlog-checkpoint, tlog-tiles and tlog-proof and from RFC 6962 section 2.1, with the
standard library and `cryptography`. It must never import anything of Strongroom: that is what makes it worth running.
"""

import base64
import binascii
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TILE = 256


class Lie(Exception):
    """What the folder claims is not so."""


@dataclass(frozen=True)
class Head:
    """A signed head: whose log, how many leaves, their root, and what else its lines say."""

    origin: str
    size: int
    root: bytes
    more: tuple[str, ...]


# signed-note and tlog-checkpoint


def head_of(note: str, vkey: str) -> Head:
    """The checkpoint of a note, if the key of this verifier line signed it."""
    name, key = _verifier(vkey)
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in note):
        raise Lie("this is no signed note")
    text += "\n"
    lines = signatures[:-1].split("\n")
    mine = [line for line in lines if line.startswith(f"\u2014 {name} ")]
    blobs = [_base64(line.split(" ", 2)[2]) for line in mine]
    fitting = [blob for blob in blobs if blob[:4] == _key_id(name, key)]
    if len(fitting) != 1:
        raise Lie("the note is not signed once by this key")
    try:
        Ed25519PublicKey.from_public_bytes(key[1:]).verify(fitting[0][4:], text.encode())
    except InvalidSignature:
        raise Lie("the signature is wrong") from None
    origin, size, root, *more = text[:-1].split("\n")
    if origin != name:
        raise Lie("the log signs under another name than its own")
    if not size.isascii() or not size.isdigit() or (size != "0" and size.startswith("0")):
        raise Lie("the size is no plain number")
    digest = _base64(root)
    if len(digest) != 32 or "" in more:
        raise Lie("the root or a line after it is malformed")
    return Head(origin, int(size), digest, tuple(more))


def _verifier(vkey: str) -> tuple[str, bytes]:
    name, id_, key = vkey.strip().split("+", 2)
    raw = _base64(key)
    if not name or " " in name or len(raw) != 33 or raw[0] != 1 or bytes.fromhex(id_) != _key_id(name, raw):
        raise Lie("this is no Ed25519 verifier key")
    return name, raw


def _key_id(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]


def _base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Lie("this is no base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Lie("this base64 is not canonical")
    return raw


# RFC 6962, section 2.1


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def pair(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """MTH, by the definition: split at the largest power of two below the count."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return pair(tree_hash(hashes[:split]), tree_hash(hashes[split:]))


def root_by_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """PATH read backwards: the root that an audit path leads to; the last hash stands highest."""
    if size == 1:
        if path:
            raise Lie("the path is too long")
        return leaf
    if not path:
        raise Lie("the path is too short")
    split = 1 << ((size - 1).bit_length() - 1)
    if index < split:
        return pair(root_by_path(leaf, index, split, path[:-1]), path[-1])
    return pair(path[-1], root_by_path(leaf, index - split, size - split, path[:-1]))


def roots_by_consistency(old: int, new: int, proof: list[bytes], *, known: bytes | None) -> tuple[bytes, bytes]:
    """SUBPROOF read backwards: the older and the newer root that the proof leads to. Takes from the proof's end."""
    if old == new:
        one = known if known is not None else _last(proof)
        return one, one
    split = 1 << ((new - 1).bit_length() - 1)
    beside = _last(proof)
    if old <= split:
        before, after = roots_by_consistency(old, split, proof, known=known)
        return before, pair(after, beside)
    before, after = roots_by_consistency(old - split, new - split, proof, known=None)
    return pair(beside, before), pair(beside, after)


def _last(proof: list[bytes]) -> bytes:
    if not proof:
        raise Lie("the proof is too short")
    return proof.pop()


# tlog-tiles


def verify(folder: Path, vkey: str | None = None) -> Head:
    """Every leaf, every tile of every level, the root and the signature; the head they lead to."""
    keys = list(folder.glob("*.vkey"))
    line = vkey if vkey is not None else keys[0].read_text(encoding="utf-8")
    head = head_of((folder / "checkpoint").read_text(encoding="utf-8"), line)
    level = [leaf_hash(leaf) for leaf in leaves(folder, head.size)]
    if tree_hash(level) != head.root:
        raise Lie("the leaves do not lead to the root that was signed")
    number = 0
    while level:
        for first in range(0, len(level), TILE):
            hashes = level[first : first + TILE]
            if _read(folder, str(number), first // TILE, len(hashes)) != b"".join(hashes):
                raise Lie(f"tile {first // TILE} of level {number} says something else than the leaves below it")
        level = [tree_hash(level[n : n + TILE]) for n in range(0, len(level) - TILE + 1, TILE)]
        number += 1
    return head


def leaves(folder: Path, size: int) -> list[bytes]:
    """The leaves of the first `size`, out of the entry bundles."""
    found: list[bytes] = []
    for bundle in range(-(-size // TILE)):
        width = min(TILE, size - bundle * TILE)
        data = _read(folder, "entries", bundle, width)
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            if len(data) < 2 + length:
                raise Lie("a bundle ends within a leaf")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
        if data:
            raise Lie("a bundle holds more than its leaves")
    return found


def _read(folder: Path, level: str, index: int, width: int) -> bytes:
    """`tile/<L>/<N>[.p/<W>]`; N in groups of three digits, all but the last behind an x."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    name = f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < TILE else "")
    try:
        return (folder / name).read_bytes()
    except OSError:
        raise Lie(f"{name} is missing") from None


# tlog-proof, and docs/formats/proof.md for consistency


def check_inclusion(proof: str, vkey: str) -> tuple[int, bytes]:
    """The index and the leaf that an inclusion proof file shows to stand under its signed head."""
    body, _, note = proof.partition("\n\n")
    kind, extra, index, *path = body.split("\n")
    if kind != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index.startswith("index "):
        raise Lie("this is no tlog-proof")
    leaf, at, head = _base64(extra[6:]), int(index[6:]), head_of(note, vkey)
    if not 0 <= at < head.size:
        raise Lie("the tree has no such leaf")
    if root_by_path(leaf_hash(leaf), at, head.size, [_base64(line) for line in path]) != head.root:
        raise Lie("the path does not lead to the root")
    return at, leaf


def check_consistency(proof: str, vkey: str) -> tuple[int, int]:
    """The sizes of two signed heads of which the newer extends the older."""
    body, _, notes = proof.partition("\n\n")
    kind, counts, *lines = body.split("\n")
    if kind != "strongroom/consistency-proof/v1":
        raise Lie("this is no consistency proof")
    first = int(counts.split(" ")[0])
    split = notes.split("\n")
    old, new = head_of("\n".join(split[:first]) + "\n", vkey), head_of("\n".join(split[first:]), vkey)
    path = [_base64(line) for line in lines]
    if roots_by_consistency(old.size, new.size, path, known=old.root) != (old.root, new.root) or path:
        raise Lie("the newer tree does not extend the older")
    return old.size, new.size


if __name__ == "__main__":
    try:
        seen = verify(Path(sys.argv[1]))
    except Lie as lie:
        sys.exit(f"NOT VERIFIED: {lie}")
    sys.stdout.write(f"{seen.size} leaves of {seen.origin} lead to {seen.root.hex()}\n")
