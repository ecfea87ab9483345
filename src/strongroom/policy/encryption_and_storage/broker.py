"""The key broker's verbs as functions of this process (docs/formats/broker-protocol.md). No key ever comes back."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final

from strongroom.formats import broker as wire
from strongroom.formats.broker import Destroyed, LivingKey, Located, Sealed, Told, ToOpen, ToSeal, Verb
from strongroom.formats.house import HouseKind
from strongroom.formats.parts import OPENS, Purpose
from strongroom.formats.refused import Refused
from strongroom.formats.search import SearchField
from strongroom.formats.secret import Secret
from strongroom.formats.wire import i64, number, pack, u8, u64, unpack
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage.connection import Forgotten, Unavailable, here, values_of

MOST_SEALED: Final = 1_000
MOST_APPENDED: Final = 10_000


@dataclass(frozen=True)
class KeyOfDay:
    """A key that sealed: the hash of the token that its death will reveal."""

    day: int
    generation: int
    token_sha256: bytes


@dataclass(frozen=True)
class State:
    """What STATUS says. `living`: keys by account and day, house keys too; `strangers`: refused connections by uid."""

    told: Told
    origin: str
    size: int
    root: bytes
    signed_size: int
    destroyed_through: int
    living: tuple[LivingKey, ...]
    strangers: int


@dataclass
class Held:
    """How many parts went through this process since it began. Threads may lose one another's counts by a few."""

    parts: int = 0


HELD: Final = Held()


def time() -> Told:
    return wire.parse_told(here().ask(Verb.TIME))


def status() -> State:
    values = here().ask(Verb.STATUS)
    told, (origin, size, root, signed, through, keys, strangers) = values[:4], values[4:11]
    return State(
        wire.parse_told(told),
        origin.decode(),
        number(size),
        root,
        number(signed),
        number(through),
        tuple(wire.parse_living_key(key) for key in unpack(keys)),
        number(strangers),
    )


def seal(*, account: int, by: bytes, parts: Sequence[ToSeal]) -> tuple[list[Sealed], list[KeyOfDay]]:
    """Seal parts under today's key. A part may be at most 1 MiB; 1,000 parts a call."""
    values = here().ask(Verb.SEAL, i64(account), by, *(wire.to_seal(part) for part in parts))
    HELD.parts += len(parts)
    sealed, keys = unpack(values[0]), unpack(values[1])
    return [wire.parse_sealed(item) for item in sealed], [_key_of_day(key) for key in keys]


def open_parts(
    *, account: int, purpose: Purpose, by: bytes, parts: Sequence[ToOpen]
) -> list[dict[str, Secret] | Exception]:
    """Open up to 100 parts, each for its own committed entry: its fields, or why not (`Forgotten`, `Refused`, …)."""
    values = here().ask(Verb.OPEN, i64(account), u8(purpose), by, *(wire.to_open(part) for part in parts))
    found: list[dict[str, Secret] | Exception] = []
    for value in values:
        status_, *rest = unpack(value)
        try:
            (fields,) = values_of(wire.Answer(wire.Status(number(status_)), tuple(rest)))
        except (Refused, Forgotten, Unavailable) as problem:  # each item of a batch has its own outcome
            found.append(problem)
        else:
            HELD.parts += 1
            found.append(wire.parse_fields(OPENS[purpose].part, fields))
    return found


def carry(
    *, entry: bytes, salt: bytes, account: int, order: bytes, rows: Sequence[Located]
) -> tuple[list[Sealed], list[KeyOfDay]]:
    """New bundles and indexes for an order's parts under today's key, on the evidence the entry states."""
    values = here().ask(Verb.CARRY, entry, salt, i64(account), order, *(wire.located(row) for row in rows))
    return [wire.parse_sealed(item) for item in unpack(values[0])], [_key_of_day(key) for key in unpack(values[1])]


def search(
    *, entry: bytes, salt: bytes, account: int, by: bytes, field: SearchField, value: Secret
) -> list[tuple[date, bytes]]:
    """What to look for in the index of each living day. The entry must be committed."""
    told = here().ask(Verb.SEARCH, entry, salt, i64(account), by, u8(field), value.bytes())
    return [(definitions.day_of_number(day), index) for day, index in map(wire.parse_index_of_day, told)]


def matches(rows: Sequence[Located]) -> list[bool]:
    """Whether each bundle truly holds the value searched for last on this connection."""
    return [unpack(value)[1:] == [u8(1)] for value in here().ask(Verb.MATCH, *(wire.located(row) for row in rows))]


def order_hashes(*, account: int, order_ids: Sequence[str]) -> tuple[int, list[bytes]]:
    """The keyed hash of each of Amazon's order ids, with its version."""
    version, *hashes = here().ask(Verb.ORDER_HASH, i64(account), *(id_.encode() for id_ in order_ids))
    return number(version), list(hashes)


def house_seal(*, kind: HouseKind, id_: uuid.UUID, data: Secret) -> bytes:
    return here().ask(Verb.HOUSE_SEAL, u8(kind), id_.bytes, data.bytes())[0]


def house_open(*, kind: HouseKind, id_: uuid.UUID, sealed: bytes) -> Secret:
    return Secret(here().ask(Verb.HOUSE_OPEN, u8(kind), id_.bytes, sealed)[0])


def append(entries: Sequence[tuple[bytes, bytes]]) -> list[int]:
    """The places in the tree of entries with their salts; an entry known by its id keeps the place it has."""
    return [number(value) for value in here().ask(Verb.APPEND, *(pack(list(entry)) for entry in entries))]


def checkpoint() -> str:
    return here().ask(Verb.CHECKPOINT)[0].decode()


def destroyed(since: int) -> tuple[int, list[Destroyed]]:
    """The destroy leaves from a place in the tree on, and where to go on."""
    following, *found = here().ask(Verb.DESTROYED, u64(since))
    return number(following), [wire.parse_destroyed(value) for value in found]


def date_heard(seconds: float) -> None:
    """Amazon's `Date`, from an answer over verified TLS."""
    if seconds > 0:
        here().ask(Verb.DATE_HEARD, u64(int(seconds)))


def unlock(kind: int, secret: Secret) -> None:
    here().ask(Verb.UNLOCK, u8(kind), secret.bytes())


def lock() -> None:
    here().ask(Verb.LOCK)


def agree() -> None:
    """A person at the terminal agrees with the machine's wall clock."""
    here().ask(Verb.AGREE)


def one(found: list[dict[str, Secret] | Exception]) -> dict[str, Secret]:
    """The only item of a batch of one, or its exception."""
    (item,) = found
    if isinstance(item, Exception):
        raise item
    return item


def index_columns(indexes: Mapping[int, bytes]) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Indexes in the order of the columns e-mail, phone, place."""
    pick = partial(indexes.get)
    return pick(SearchField.EMAIL), pick(SearchField.PHONE), pick(SearchField.NAME_AND_POSTCODE)


def when(told: Told) -> datetime:
    return definitions.moment(told.at)


def _key_of_day(data: bytes) -> KeyOfDay:
    day, generation, token = unpack(data, items=3)
    return KeyOfDay(number(day), number(generation), token)
