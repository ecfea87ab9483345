"""The key broker's protocol, version 1 (docs/formats/broker-protocol.md): verbs, frames, and their typed contents.

Both ends use these functions; neither builds bytes by hand. Everything a peer says is a claim until the broker has
compared it with what the bundle, the journal entry and the peer's own socket say.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import FIELDS, Part, Peer
from strongroom.formats.sealed import INDEX_BYTES, Day, Place
from strongroom.formats.secret import Secret
from strongroom.formats.wire import exact, flag, i64, number, pack, signed, u8, u16, u32, u64, unpack

VERSION: Final = 1
MAX_FRAME: Final = 32 << 20
MAX_BATCH: Final = 100
"""Orders in one open or carry, so that no single answer is a customer list."""


class Verb(IntEnum):
    TIME = 1
    STATUS = 2
    SEAL = 10
    OPEN = 11
    SEARCH = 12
    MATCH = 13
    CARRY = 14
    ORDER_HASH = 15
    HOUSE_SEAL = 16
    HOUSE_OPEN = 17
    APPEND = 20
    CHECKPOINT = 21
    DESTROYED = 22
    DATE_HEARD = 23
    AGREE = 24
    UNLOCK = 30
    LOCK = 31


class Status(IntEnum):
    """How an answer, or one item of a batch, ended. Anything but OK carries a clause and a sentence."""

    OK = 0
    REFUSED = 1
    LOCKED = 2
    TIME_IN_DOUBT = 3
    MALFORMED = 4
    GONE = 5
    OVER_BUDGET = 6
    FAILED = 7


MAY_ASK: Final[dict[Peer, frozenset[Verb]]] = {
    Peer.WEB: frozenset(
        {Verb.TIME, Verb.STATUS, Verb.SEAL, Verb.OPEN, Verb.SEARCH, Verb.MATCH, Verb.HOUSE_SEAL, Verb.HOUSE_OPEN,
         Verb.APPEND, Verb.CHECKPOINT}
    ),
    Peer.WORKER: frozenset(
        {Verb.TIME, Verb.STATUS, Verb.SEAL, Verb.OPEN, Verb.CARRY, Verb.ORDER_HASH, Verb.HOUSE_SEAL, Verb.HOUSE_OPEN,
         Verb.APPEND, Verb.CHECKPOINT, Verb.DESTROYED, Verb.DATE_HEARD}
    ),
    Peer.INSPECTOR: frozenset({Verb.TIME, Verb.STATUS}),
    Peer.TERMINAL: frozenset({Verb.TIME, Verb.STATUS, Verb.CHECKPOINT, Verb.AGREE, Verb.UNLOCK, Verb.LOCK}),
}  # fmt: skip
MAY_SEAL: Final[dict[Peer, frozenset[Part]]] = {
    Peer.WEB: frozenset({Part.TRACKING}),
    Peer.WORKER: frozenset(Part),
}


@dataclass(frozen=True)
class Answer:
    """A reply: its status, and its values or a clause and a sentence."""

    status: Status
    values: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Located:
    """A bundle and where its row says it belongs."""

    place: Place
    day: Day
    bundle: bytes


@dataclass(frozen=True)
class ToSeal:
    """One part to seal: our reference (16 bytes), part, write, fields."""

    order: bytes
    part: Part
    write: int
    fields: Mapping[str, Secret]


@dataclass(frozen=True)
class Sealed:
    """A sealed part as it goes into its row; `indexes` by search field number."""

    day: Day
    bundle: bytes
    body: bytes
    indexes: Mapping[int, bytes]


@dataclass(frozen=True)
class ToOpen:
    """One opening: the journal entry's canonical bytes with its salt, and the row."""

    entry: bytes
    salt: bytes
    located: Located
    body: bytes


@dataclass(frozen=True)
class Destroyed:
    """A destroy leaf: the token opens `drop_day` for that day."""

    account: int
    day: int
    generation: int
    token: bytes


@dataclass(frozen=True)
class LivingKey:
    """A living key as STATUS shows it; times in milliseconds since 1970."""

    house: bool
    account: int
    day: int
    generation: int
    born: int
    dies_at: int
    key_id: bytes


@dataclass(frozen=True)
class Told:
    """The answer to TIME. `at`: believed time, milliseconds since 1970; `in_doubt`: a claim stands, nothing opens."""

    at: int
    in_doubt: bool
    locked: bool
    rehearsal: bool


def frame(body: bytes) -> bytes:
    """`length(u32)` and the body, as it goes over the socket."""
    if len(body) > MAX_FRAME:
        raise ValueError("a frame is at most 32 MiB")
    return u32(len(body)) + body


def request(verb: Verb, *values: bytes) -> bytes:
    return pack([u8(VERSION), u8(verb), *values])


def parse_request(body: bytes) -> tuple[Verb, list[bytes]]:
    items = unpack(body)
    if len(items) < 2 or items[0] != u8(VERSION):
        raise Malformed("unknown version")
    try:
        return Verb(exact(items[1], 1)), items[2:]
    except ValueError:
        raise Malformed("unknown verb") from None


def answer(status: Status, *values: bytes) -> bytes:
    return pack([u8(VERSION), u8(status), *values])


def parse_answer(body: bytes) -> Answer:
    items = unpack(body)
    if len(items) < 2 or items[0] != u8(VERSION):
        raise Malformed("unknown version")
    try:
        return Answer(Status(exact(items[1], 1)), tuple(items[2:]))
    except ValueError:
        raise Malformed("unknown status") from None


def told(value: Told) -> tuple[bytes, ...]:
    return u64(value.at), u8(value.in_doubt), u8(value.locked), u8(value.rehearsal)


def parse_told(values: Sequence[bytes]) -> Told:
    at, in_doubt, locked, rehearsal = _exactly(values, 4)
    return Told(exact(at, 8), flag(in_doubt), flag(locked), flag(rehearsal))


def living_key(key: LivingKey) -> bytes:
    return pack(
        [
            u8(key.house),
            i64(key.account),
            u32(key.day),
            u16(key.generation),
            u64(key.born),
            u64(key.dies_at),
            key.key_id,
        ]
    )


def parse_living_key(data: bytes) -> LivingKey:
    house, account, day, generation, born, dies_at, key_id = unpack(data, items=7)
    return LivingKey(
        flag(house), signed(account), exact(day, 4), exact(generation, 2), exact(born, 8), exact(dies_at, 8), key_id
    )


def located(value: Located) -> bytes:
    place, day = value.place, value.day
    return pack(
        [
            struct.pack(">q16sBQ", place.account, place.order, place.part, place.write),
            struct.pack(">IIH", day.born, day.day, day.generation),
            value.bundle,
        ]
    )


def parse_located(data: bytes) -> Located:
    place, day, bundle = unpack(data, items=3)
    if len(place) != 33 or len(day) != 10:
        raise Malformed("a place is 33 bytes, a day 10")
    account, order, part, write = struct.unpack(">q16sBQ", place)
    return Located(Place(account, order, _part(part), write), Day(*struct.unpack(">IIH", day)), bundle)


def to_seal(value: ToSeal) -> bytes:
    fields: list[bytes] = []
    for name in sorted(value.fields):
        fields += [name.encode(), value.fields[name].bytes()]
    return pack([value.order, u8(value.part), u64(value.write), pack(fields)])


def parse_to_seal(data: bytes) -> ToSeal:
    order, part, write, packed = unpack(data, items=4)
    kind = _part(exact(part, 1))
    return ToSeal(_reference(order), kind, exact(write, 8), parse_fields(kind, packed))


def sealed(value: Sealed) -> bytes:
    day = struct.pack(">IIH", value.day.born, value.day.day, value.day.generation)
    return pack([day, value.bundle, value.body, indexes(value.indexes)])


def parse_sealed(data: bytes) -> Sealed:
    day, bundle, body, index = unpack(data, items=4)
    if len(day) != 10:
        raise Malformed("a day is 10 bytes")
    return Sealed(Day(*struct.unpack(">IIH", day)), bundle, body, parse_indexes(index))


def to_open(value: ToOpen) -> bytes:
    return pack([value.entry, value.salt, located(value.located), value.body])


def parse_to_open(data: bytes) -> ToOpen:
    entry, salt, row, body = unpack(data, items=4)
    return ToOpen(entry, salt, parse_located(row), body)


def fields(values: Mapping[str, Secret]) -> bytes:
    """Opened fields, in the order of their names."""
    out: list[bytes] = []
    for name in sorted(values):
        out += [name.encode(), values[name].bytes()]
    return pack(out)


def parse_fields(part: Part, data: bytes) -> dict[str, Secret]:
    items = unpack(data)
    names = [item.decode("ascii", "replace") for item in items[::2]]
    if len(items) % 2 or names != sorted(set(names)) or not set(names) <= set(FIELDS[part]):
        raise Malformed("fields are name and value, sorted, of that part")
    return {name: Secret(_text(value)) for name, value in zip(names, items[1::2], strict=True)}


def indexes(values: Mapping[int, bytes]) -> bytes:
    return b"".join(u8(field) + values[field] for field in sorted(values))


def parse_indexes(data: bytes) -> dict[int, bytes]:
    step = 1 + INDEX_BYTES
    if len(data) % step:
        raise Malformed("indexes are a field number and 12 bytes each")
    found = {data[at]: data[at + 1 : at + step] for at in range(0, len(data), step)}
    if indexes(found) != data:
        raise Malformed("each index stands once, in the order of its field")
    return found


def index_of_day(day: int, index: bytes) -> bytes:
    return u32(day) + index


def parse_index_of_day(data: bytes) -> tuple[int, bytes]:
    """A living day, and what to look for in its partition. Raises `Malformed`."""
    if len(data) != 4 + INDEX_BYTES:
        raise Malformed("an index of a day is 16 bytes")
    return number(data[:4]), data[4:]


def destroyed(value: Destroyed) -> bytes:
    return pack([i64(value.account), u32(value.day), u16(value.generation), value.token])


def parse_destroyed(data: bytes) -> Destroyed:
    account, day, generation, token = unpack(data, items=4)
    return Destroyed(signed(account), exact(day, 4), exact(generation, 2), token)


def _part(value: int) -> Part:
    try:
        return Part(value)
    except ValueError:
        raise Malformed("unknown part") from None


def _reference(data: bytes) -> bytes:
    if len(data) != 16:
        raise Malformed("a reference is 16 bytes")
    return data


def _text(value: bytes) -> bytes:
    try:
        value.decode()
    except UnicodeDecodeError:
        raise Malformed("a field is UTF-8 text") from None
    return value


def _exactly(values: Sequence[bytes], count: int) -> Sequence[bytes]:
    if len(values) != count:
        raise Malformed(f"{count} values were wanted")
    return values
