"""Signed notes and checkpoints with Ed25519: C2SP signed-note and tlog-checkpoint (docs/formats/checkpoint.md)."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.formats.malformed import Malformed

_ED25519: Final = b"\x01"
_DASH: Final = "— "
MAX_NOTE: Final = 1 << 20


@dataclass(frozen=True)
class VerifierKey:
    """A name and an Ed25519 public key (32 bytes), as one line: `<name>+<key id>+<base64>`."""

    name: str
    public: bytes

    def line(self) -> str:
        return f"{self.name}+{self.id().hex()}+{_b64(_ED25519 + self.public)}"

    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]


@dataclass(frozen=True)
class Checkpoint:
    """The head of a tree: origin, number of leaves, root hash (32 bytes), and extension lines if any."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), _b64(self.root), *self.extensions))


def public_key(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """The signed note; `text` ends in a newline."""
    if not text.endswith("\n") or not _name_is_sound(name):
        raise ValueError("a note ends in a newline and a key name has no space, plus or control character")
    verifier = VerifierKey(name, public_key(key))
    return f"{text}\n{_DASH}{name} {_b64(verifier.id() + key.sign(text.encode()))}\n"


def verify(note: str, key: VerifierKey) -> str:
    """The text of a note that this key signed; `Malformed` otherwise. Signatures of other keys are passed over."""
    text, signatures = _split(note)
    if not _is_utf8(text):
        raise Malformed("a note is UTF-8")
    for name, value in signatures:
        if name != key.name or value[:4] != key.id():
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(value[4:], text.encode())
        except InvalidSignature:
            raise Malformed("the signature is wrong") from None
        return text
    raise Malformed("the note is not signed by this key")


def parse_verifier_key(line: str) -> VerifierKey:
    """The inverse of `VerifierKey.line`; `Malformed` for another algorithm or a key id that does not fit."""
    parts = line.strip().split("+", 2)
    if len(parts) != 3 or not _is_utf8(line):
        raise Malformed("a verifier key is <name>+<key id>+<key>")
    name, key_id, encoded = parts
    raw = _unb64(encoded)
    if len(raw) != 33 or raw[:1] != _ED25519 or not _name_is_sound(name):
        raise Malformed("not an Ed25519 verifier key")
    key = VerifierKey(name, raw[1:])
    if key.id().hex() != key_id:
        raise Malformed("the key id does not belong to the key")
    return key


def _is_utf8(text: str) -> bool:
    """Whether it can be written: a text read with lone surrogates in it cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def parse_checkpoint(text: str) -> Checkpoint:
    """The text of a checkpoint note, without its signatures."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] != "" or not all(lines[:-1]):
        raise Malformed("a checkpoint has an origin, a size and a root")
    origin, size, root, *extensions = lines[:-1]
    if not (size.isascii() and size.isdigit()) or str(int(size)) != size:
        raise Malformed("a checkpoint's size is a decimal number")
    root_hash = _unb64(root)
    if len(root_hash) != 32:
        raise Malformed("a checkpoint's root is 32 bytes")
    return Checkpoint(origin, int(size), root_hash, tuple(extensions))


def verify_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint that this key signed for its own origin."""
    checkpoint = parse_checkpoint(verify(note, key))
    if checkpoint.origin != key.name:
        raise Malformed("the checkpoint is of another log")
    return checkpoint


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE or any(ord(c) < 0x20 and c != "\n" for c in note):
        raise Malformed("a note is text without control characters")
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise Malformed("a note ends in signature lines")
    signatures = []
    for line in tail.split("\n")[:-1]:
        name, space, encoded = line.removeprefix(_DASH).partition(" ")
        value = _unb64(encoded)
        if not line.startswith(_DASH) or not space or not _name_is_sound(name) or len(value) < 5:
            raise Malformed("a signature line is `— <name> <base64>`")
        signatures.append((name, value))
    return text + "\n", signatures


def _name_is_sound(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or ord(c) < 0x20 for c in name)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("base64") from None
    if _b64(data) != text:  # no second spelling of the same bytes
        raise Malformed("base64 is not canonical")
    return data
