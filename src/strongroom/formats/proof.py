"""Proof files a stranger can check offline: inclusion (C2SP tlog-proof v1) and consistency (docs/formats/proof.md)."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from strongroom.formats import merkle, note
from strongroom.formats.malformed import Malformed

INCLUSION: Final = "c2sp.org/tlog-proof@v1"
CONSISTENCY: Final = "strongroom/consistency-proof/v1"
MOST_HASHES: Final = 128


@dataclass(frozen=True)
class Inclusion:
    """Leaf number `index` is in the tree of `checkpoint` (a signed note); `extra` carries the leaf's bytes."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    def text(self) -> str:
        lines = [INCLUSION]
        if self.extra:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        return "\n".join([*lines, f"index {self.index}", *_hash_lines(self.hashes), "", self.checkpoint])


@dataclass(frozen=True)
class Consistency:
    """The tree of `new` extends that of `old`; both are signed notes."""

    old: str
    new: str
    hashes: tuple[bytes, ...]

    def text(self) -> str:
        """Heads are counted in lines, so that a note's own empty line cannot be taken for the end."""
        counts = f"{self.old.count(chr(10))} {self.new.count(chr(10))}"
        return "\n".join([CONSISTENCY, counts, *_hash_lines(self.hashes), "", self.old + self.new])


def parse_inclusion(text: str) -> Inclusion:
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines[0] != INCLUSION or len(lines) < 2:
        raise Malformed("not a tlog-proof of version 1")
    extra = b""
    if lines[1].startswith("extra "):
        extra = _unb64(lines.pop(1).removeprefix("extra "))
    if len(lines) < 2 or not lines[1].startswith("index "):
        raise Malformed("a tlog-proof names its index")
    return Inclusion(_decimal(lines[1].removeprefix("index ")), _hashes(lines[2:]), checkpoint, extra)


def verify_inclusion(proof: Inclusion, *, leaf: bytes, key: note.VerifierKey) -> note.Checkpoint:
    """The checkpoint under which the leaf stands at its index, or `Malformed`."""
    checkpoint = note.verify_checkpoint(proof.checkpoint, key)
    merkle.verify_inclusion(
        leaf=leaf, index=proof.index, size=checkpoint.size, proof=proof.hashes, root_hash=checkpoint.root
    )
    return checkpoint


def parse_consistency(text: str) -> Consistency:
    head, separator, notes = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines[0] != CONSISTENCY or len(lines) < 2:
        raise Malformed("not a consistency proof of version 1")
    counts = lines[1].split(" ")
    if len(counts) != 2:
        raise Malformed("a consistency proof counts the lines of its two heads")
    old_lines, new_lines = _decimal(counts[0]), _decimal(counts[1])
    note_lines = notes.splitlines(keepends=True)
    if len(note_lines) != old_lines + new_lines:
        raise Malformed("a consistency proof counts the lines of its two heads")
    old, new = "".join(note_lines[:old_lines]), "".join(note_lines[old_lines:])
    return Consistency(old, new, _hashes(lines[2:]))


def verify_consistency(proof: Consistency, *, key: note.VerifierKey) -> tuple[note.Checkpoint, note.Checkpoint]:
    """Both checkpoints, where the new tree extends the old one, or `Malformed`."""
    old, new = note.verify_checkpoint(proof.old, key), note.verify_checkpoint(proof.new, key)
    merkle.verify_consistency(old=old.size, new=new.size, old_root=old.root, new_root=new.root, proof=proof.hashes)
    return old, new


def _hash_lines(hashes: tuple[bytes, ...]) -> list[str]:
    return [base64.b64encode(h).decode() for h in hashes]


def _hashes(lines: list[str]) -> tuple[bytes, ...]:
    found = tuple(_unb64(line) for line in lines)
    if len(found) > MOST_HASHES or any(len(h) != 32 for h in found):
        raise Malformed("a proof is hashes of 32 bytes, 128 at most")
    return found


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or str(int(text)) != text:
        raise Malformed("a number is decimal, without leading zeros")
    return int(text)


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("base64") from None
