"""The Internet Printing Protocol's encoding (RFC 8010): requests out, answers in, each answer hostile until parsed."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

VERSION: Final = b"\x02\x00"
LONGEST_ANSWER: Final = 1 << 20
MOST_ATTRIBUTES: Final = 4_000
END: Final = 0x03
GROUPS: Final = {0x01: "operation", 0x02: "job", 0x04: "printer", 0x05: "unsupported"}
INTEGER: Final = (0x21, 0x23)
BOOLEAN: Final = 0x22
TEXTS: Final = (0x41, 0x42, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49)

Value = int | bool | str | bytes
Attributes = dict[str, tuple[Value, ...]]


class Operation(IntEnum):
    """The operations we use (RFC 8011, section 4)."""

    PRINT_JOB = 0x0002
    VALIDATE_JOB = 0x0004
    CREATE_JOB = 0x0005
    SEND_DOCUMENT = 0x0006
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_JOBS = 0x000A
    GET_PRINTER_ATTRIBUTES = 0x000B


class Tag(IntEnum):
    """Value tags of the attributes we send (RFC 8010, section 3.5.2)."""

    INTEGER = 0x21
    BOOLEAN = 0x22
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME = 0x49


class NotIpp(Exception):
    """These bytes are no IPP message."""


@dataclass(frozen=True)
class Message:
    """A request or an answer: operation or status code, request id, attributes by group, and what follows."""

    code: int
    request: int
    groups: Mapping[str, Sequence[Attributes]]
    rest: bytes = b""

    def first(self, group: str) -> Attributes:
        """The first group of that kind; empty where there is none."""
        found = self.groups.get(group, ())
        return found[0] if found else {}


def encode(
    code: int, request: int, operation: Sequence[tuple[Tag, str, Value]], job: Sequence[tuple[Tag, str, Value]] = (),
    *, answer: Mapping[str, Sequence[tuple[Tag, str, Value]]] | None = None,
    jobs: Sequence[Sequence[tuple[Tag, str, Value]]] = (),
) -> bytes:  # fmt: skip
    """A message without its document. Charset and language lead, as RFC 8011 4.1.4 demands. jobs: one group each.

    An attribute without a name is one more value of the one before it.
    """
    out = bytearray(VERSION + struct.pack(">HI", code, request))
    lead = [
        (Tag.CHARSET, "attributes-charset", "utf-8"),
        (Tag.LANGUAGE, "attributes-natural-language", "en"),
    ]
    out.append(0x01)
    for tag, name, value in [*lead, *operation]:
        out += _attribute(tag, name, value)
    groups = [("job", job)] if job else []
    groups += [*dict(answer or {}).items(), *(("job", one) for one in jobs)]
    for group, attributes in groups:
        out.append(next(number for number, word in GROUPS.items() if word == group))
        for tag, name, value in attributes:
            out += _attribute(tag, name, value)
    out.append(END)
    return bytes(out)


def decode(data: bytes) -> Message:
    """A message. Raises `NotIpp` for anything truncated, oversized or malformed."""
    if len(data) < 9 or data[0] not in (1, 2):
        raise NotIpp("too short, or of an unknown version")
    code, request = struct.unpack_from(">HI", data, 2)
    groups: dict[str, list[Attributes]] = {}
    at, count, last = 8, 0, ""
    current: Attributes = {}
    while True:
        if at >= len(data):
            raise NotIpp("no end of attributes")
        tag = data[at]
        at += 1
        if tag == END:
            return Message(code, request, groups, data[at:])
        if tag < 0x10:
            current, last = {}, ""
            groups.setdefault(GROUPS.get(tag, "other"), []).append(current)
            continue
        name, value, at = _read(data, at, tag)
        count += 1
        last = name or last
        if not last or count > MOST_ATTRIBUTES:
            raise NotIpp("an attribute without a name, or too many")
        current[last] = (*current.get(last, ()), value) if not name else (value,)


def _attribute(tag: Tag, name: str, value: Value) -> bytes:
    match value:
        case bool():
            data = bytes([value])
        case int():
            data = struct.pack(">i", value)
        case str():
            data = value.encode()
        case _:
            data = bytes(value)
    spelt = name.encode()
    return bytes([tag]) + struct.pack(">H", len(spelt)) + spelt + struct.pack(">H", len(data)) + data


def _read(data: bytes, at: int, tag: int) -> tuple[str, Value, int]:
    name, at = _piece(data, at)
    value, at = _piece(data, at)
    if tag in INTEGER and len(value) == 4:
        return name.decode("ascii", "replace"), struct.unpack(">i", value)[0], at
    if tag == BOOLEAN and len(value) == 1:
        return name.decode("ascii", "replace"), bool(value[0]), at
    if tag in TEXTS:
        return name.decode("ascii", "replace"), value.decode("utf-8", "replace"), at
    return name.decode("ascii", "replace"), value, at


def _piece(data: bytes, at: int) -> tuple[bytes, int]:
    if at + 2 > len(data):
        raise NotIpp("ends inside a length")
    (length,) = struct.unpack_from(">H", data, at)
    at += 2
    if at + length > len(data):
        raise NotIpp("ends inside a value")
    return data[at : at + length], at + length
