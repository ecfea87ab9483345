"""A label as Amazon sends it (`FileContents`): base64 of gzip of PDF, PNG or ZPL, with a checksum.

It is the one thing in an answer that unfolds, so it is unfolded with a limit. It comes out as a `Secret`, or not.
"""

import base64
import binascii
import hashlib
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from strongroom.formats.secret import Secret
from strongroom.marketplace import zpl_commands

LARGEST: Final = 700_000
"""Bytes of a label. As base64 it still fits into one sealed part of 1 MiB (docs/formats/sealed-part.md)."""
LARGEST_SENT: Final = 4 * LARGEST
_GZIP: Final = 16 + zlib.MAX_WBITS


class Form(StrEnum):
    """What a label is written in; the value is Amazon's `FileType`."""

    PDF = "application/pdf"
    PNG = "image/png"
    ZPL = "application/zpl"


class Unusable(StrEnum):
    """Why a label that was sent cannot be used."""

    ABSENT = "Amazon sent no label."
    FORM = "The label is of a form that no printer here takes."
    DAMAGED = "The label did not arrive whole."
    TOO_LARGE = "The label is larger than any label should be."
    COMMANDS = "The label would do more to the printer than print. Buy it for a printer of PDF."


@dataclass(frozen=True, repr=False)
class Document:
    """A label, whole and checked."""

    form: Form
    content: Secret

    def __repr__(self) -> str:
        return "***"


def read(contents: Any) -> Document | Unusable:
    """`FileContents` unfolded and checked, or why not. Never raises for what a value is."""
    if not isinstance(contents, dict) or not contents.get("Contents"):
        return Unusable.ABSENT
    form = next((form for form in Form if form.value == contents.get("FileType")), None)
    if form is None:
        return Unusable.FORM
    sent = _decoded(contents["Contents"])
    if isinstance(sent, Unusable):
        return sent
    unfolded = _unfolded(sent)
    if isinstance(unfolded, Unusable):
        return unfolded
    if contents.get("Checksum") not in (_checksum(unfolded), _checksum(sent)):  # Amazon's pages do not say of which
        return Unusable.DAMAGED
    return _checked(form, unfolded)


def _checked(form: Form, data: bytes) -> Document | Unusable:
    if not _looks_like(form, data):
        return Unusable.FORM
    if form is Form.ZPL and not zpl_commands.only_prints(data):
        return Unusable.COMMANDS
    return Document(form, Secret(data))


def _decoded(text: Any) -> bytes | Unusable:
    if not isinstance(text, str):
        return Unusable.DAMAGED
    if len(text) > LARGEST_SENT:
        return Unusable.TOO_LARGE
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return Unusable.DAMAGED


def _unfolded(sent: bytes) -> bytes | Unusable:
    """One gzip member, at most `LARGEST` bytes of it ever in memory, and nothing behind it."""
    unfolding = zlib.decompressobj(_GZIP)
    try:
        found = unfolding.decompress(sent, LARGEST + 1)
    except zlib.error:
        return Unusable.DAMAGED
    if len(found) > LARGEST:
        return Unusable.TOO_LARGE
    return found if unfolding.eof and not unfolding.unused_data else Unusable.DAMAGED


def _checksum(data: bytes) -> str:
    """Amazon's: MD5, as base64. It finds damage, not a forger; TLS keeps those out."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _looks_like(form: Form, data: bytes) -> bool:
    match form:
        case Form.PDF:
            return data.startswith(b"%PDF-")
        case Form.PNG:
            return data.startswith(b"\x89PNG\r\n\x1a\n")
        case Form.ZPL:
            return b"^XA" in data[:256] and data.rstrip().endswith(b"^XZ")
