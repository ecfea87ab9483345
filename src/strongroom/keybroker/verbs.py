"""One function a verb (docs/formats/broker-protocol.md). Refusals come first, then the leaf, then the act."""

import hmac
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.formats import broker as wire
from strongroom.formats import house, leaf, sealed
from strongroom.formats.broker import MAX_BATCH, MAY_SEAL, Located, Sealed, Status, ToOpen, ToSeal, Verb
from strongroom.formats.house import HouseKind
from strongroom.formats.leaf import Entry, Fact, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import OPENS, Opens, Peer, Purpose
from strongroom.formats.ring import LAST_CARRY, Row, Unlocks
from strongroom.formats.sealed import CannotOpen, Contents, Day
from strongroom.formats.search import SearchField, email, name_and_postcode, phone, values
from strongroom.formats.secret import Secret
from strongroom.formats.wire import number, pack, signed, u8, u16, u32, u64, unpack
from strongroom.keybroker.broker import Broker
from strongroom.keybroker.journal import Clash, own
from strongroom.keybroker.keys import token_hash
from strongroom.keybroker.tree import JournalHangs

MOST_SEALED: Final = 1_000
MOST_APPENDED: Final = 10_000
ENTRY_AGE: Final = 5 * 60_000
ANSWER_AGE: Final = 24 * 3_600_000
CARRY_WINDOW: Final = 4
OWN_KINDS: Final = frozenset(k for k in Kind if k < Kind.KEY_BORN) | {Kind.KEY_BORN, Kind.KEY_DESTROYED, Kind.SEALED}
TAG_VERSION: Final = 1
HASH_VERSION: Final = 1


@dataclass
class Asker:
    """Who is at the other end of one connection, and what it searched for last."""

    peer: Peer
    searched: tuple[int, int, bytes] | None = None


@dataclass
class No(Exception):
    """A verb's refusal: its status, clause and sentence."""

    status: Status
    clause: str
    sentence: str


Values = list[bytes]


def handle(broker: Broker, asker: Asker, verb: Verb, arguments: Sequence[bytes]) -> bytes:
    """The answer to one request. Raises nothing that the request caused."""
    try:
        _check_state(broker, asker, verb)
        return wire.answer(Status.OK, *VERBS[verb](broker, asker, arguments))
    except No as no:
        return wire.answer(no.status, no.clause.encode(), no.sentence.encode())
    except CannotOpen as gone:
        return wire.answer(Status.GONE, b"RR-2", str(gone).encode())
    except Malformed as why:
        return wire.answer(Status.MALFORMED, b"ES-3", str(why).encode())
    except Clash as why:
        return wire.answer(Status.REFUSED, b"LM-2", str(why).encode())
    except JournalHangs as why:
        return wire.answer(Status.FAILED, b"AM-3", str(why).encode())


def _check_state(broker: Broker, asker: Asker, verb: Verb) -> None:
    if verb not in wire.MAY_ASK[asker.peer]:
        raise No(Status.REFUSED, "ES-3", f"{asker.peer.name.lower()} may not ask for {verb.name.lower()}")
    if verb not in _WHILE_LOCKED and broker.ring.locked:
        raise No(Status.LOCKED, "ES-3", "the key broker is locked; a person unlocks it with `strongroom keys unlock`")
    if verb in _NOT_IN_DOUBT and broker.in_doubt:
        raise No(
            Status.TIME_IN_DOUBT,
            "RR-2",
            "the machine's clock jumped; until Amazon or a person agrees with it nothing is sealed or opened",
        )


def _time(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 0)
    return list(wire.told(broker.told()))


def _status(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 0)
    keys = pack([wire.living_key(key) for key in broker.living_keys()])
    journal = broker.journal
    return [
        *wire.told(broker.told()), broker.origin.encode(), u64(journal.size), journal.root(),
        u64(journal.signed_size), u32(broker.destroyed_through()), keys,
    ]  # fmt: skip


def _seal(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    account, by = _account(arguments), _reference(arguments, 1)
    items = [wire.parse_to_seal(item) for item in arguments[2:]]
    if not 0 < len(items) <= MOST_SEALED:
        raise No(Status.MALFORMED, "ES-1", "seal 1 to 1,000 parts at a time")
    for item in items:
        if item.part not in MAY_SEAL.get(asker.peer, frozenset()):
            broker.journal.say(
                Kind.SEAL_REFUSED, at=broker.now, account=account, subject=item.order, by=by, outcome=Outcome.REFUSED,
                facts={Fact.PART: item.part, Fact.PEER: asker.peer},
            )  # fmt: skip
            raise No(Status.REFUSED, "AM-1", f"{asker.peer.name.lower()} may not seal {item.part.name.lower()}")
    row = broker.key_of_today(account)
    leaves = [_sealed_leaf(broker, account, by, row, item) for item in items]
    broker.journal.append(leaves)
    done = [_seal_one(broker, account, row, item) for item in items]
    return [pack([wire.sealed(item) for item in done]), pack([_key_of_day(row)])]


def _sealed_leaf(broker: Broker, account: int, by: bytes, row: Row, item: ToSeal) -> tuple[Entry, bytes]:
    facts = {Fact.PART: item.part, Fact.WRITE: item.write, Fact.DAY: row.day, Fact.GENERATION: row.generation}
    entry = own(Kind.SEALED, at=broker.now, account=account, subject=item.order, by=by, facts=facts)
    return entry, os.urandom(leaf.SALT_BYTES)


def _seal_one(broker: Broker, account: int, row: Row, item: ToSeal) -> Sealed:
    place, day = sealed.Place(account, item.order, item.part, item.write), Day(row.day, row.day, row.generation)
    dek = os.urandom(sealed.KEY_BYTES)
    try:
        body = sealed.seal(dek, place, sealed.encode_fields(item.part, item.fields))
    except ValueError as why:
        raise Malformed(str(why)) from None
    tag_key = broker.house_secret(HouseKind.TAG, TAG_VERSION)
    tags = {
        int(field): sealed.tag(tag_key, account=account, field=field, value=value)
        for field, value in values(item.part, item.fields).items()
    }
    bundle = sealed.bundle(
        broker.ring.wrap_key(account, row.day, row.generation), place, day,
        Contents(Secret(dek), TAG_VERSION, tags), nonce=os.urandom(12),
    )  # fmt: skip
    return Sealed(day, bundle, body, _indexes(broker, account, row, tags))


def _indexes(broker: Broker, account: int, row: Row, tags: dict[int, bytes]) -> dict[int, bytes]:
    return {
        field: sealed.index(broker.ring.index_key(account, row.day, row.generation, field), tag)
        for field, tag in tags.items()
    }


def _open(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    account, by = _account(arguments), _reference(arguments, 2)
    try:
        purpose = Purpose(number(arguments[1]))
    except ValueError:
        raise Malformed("unknown purpose") from None
    opens = OPENS[purpose]
    if asker.peer not in opens.peers:
        raise No(Status.REFUSED, "AM-1", f"{asker.peer.name.lower()} does not open for {purpose.name.lower()}")
    items = [wire.parse_to_open(item) for item in arguments[3:]]
    if not 0 < len(items) <= MAX_BATCH:
        raise No(Status.MALFORMED, "AM-8", "open 1 to 100 parts at a time")
    decided: list[tuple[ToOpen, Entry] | No] = []
    used: set[bytes] = set()
    for item in items:
        try:
            decided.append((item, _check_opening(broker, asker, item, (account, purpose, by), used)))
        except No as no:
            decided.append(no)
        except Malformed as why:
            decided.append(No(Status.MALFORMED, "AM-3", str(why)))
    broker.journal.append([(entry, item.salt) for item, entry in (d for d in decided if not isinstance(d, No))])
    return [_no(d) if isinstance(d, No) else _open_one(broker, d[0], opens) for d in decided]


def _check_opening(
    broker: Broker, asker: Asker, item: ToOpen, claimed: tuple[int, Purpose, bytes], used: set[bytes]
) -> Entry:
    """The entry, if it speaks of exactly this row, purpose and actor, is fresh, new, and within budget (AM-3)."""
    account, purpose, by = claimed
    entry, place = leaf.decode_entry(item.entry), item.located.place
    said = (
        entry.kind, entry.outcome, entry.account, entry.subject, entry.by,
        entry.facts.get(Fact.PART), entry.facts.get(Fact.WRITE), entry.facts.get(Fact.PURPOSE),
    )  # fmt: skip
    true = (Kind.OPENED, Outcome.DONE, account, place.order, by, place.part, place.write, purpose)
    if said != true or place.account != account or place.part is not OPENS[purpose].part:
        raise No(Status.REFUSED, "AM-3", "the journal entry does not speak of this opening")
    if abs(broker.now - entry.at) > ENTRY_AGE:
        raise No(Status.REFUSED, "AM-3", "the journal entry is not of this moment")
    if broker.journal.place(entry.id) is not None or entry.id in used:
        raise No(Status.REFUSED, "AM-3", "the journal entry was used before; one leaf, one opening")
    used.add(entry.id)
    if not broker.budgets.may_open(asker.peer, by, broker.now):
        broker.journal.say(
            Kind.OPEN_REFUSED, at=broker.now, account=account, subject=place.order, by=by, outcome=Outcome.REFUSED,
            facts={Fact.PART: place.part, Fact.PURPOSE: purpose},
        )  # fmt: skip
        raise No(Status.OVER_BUDGET, "AM-8", "more was opened within 24 hours than one person or process may open")
    return entry


def _open_one(broker: Broker, item: ToOpen, opens: Opens) -> bytes:
    """The purpose's fields and no others. The leaf is flushed by now."""
    place = item.located.place
    try:
        contents = _contents(broker, item.located)
        opened = sealed.decode_fields(place.part, sealed.unseal(contents.dek.bytes(), place, item.body))
    except CannotOpen:
        return _no(No(Status.GONE, "RR-2", "the key of that day is gone, or the row is not the one that was sealed"))
    except Malformed as why:
        return _no(No(Status.MALFORMED, "ES-1", str(why)))
    shown = {name: value for name, value in opened.items() if name in opens.fields}
    return pack([u8(Status.OK), wire.fields(shown)])


def _contents(broker: Broker, located: Located) -> Contents:
    place, day = located.place, located.day
    wrap = broker.ring.wrap_key(place.account, day.day, day.generation)
    return sealed.unbundle(wrap, place, day, located.bundle)


def _search(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 6)
    entry, salt = leaf.decode_entry(arguments[0]), arguments[1]
    account, by, field = _account(arguments, 2), _reference(arguments, 3), _field(arguments[4])
    said = (entry.kind, entry.account, entry.by, entry.facts.get(Fact.FIELD))
    if said != (Kind.SEARCHED, account, by, field) or abs(broker.now - entry.at) > ENTRY_AGE:
        raise No(Status.REFUSED, "AM-3", "the journal entry does not speak of this search")
    if broker.journal.place(entry.id) is not None:
        raise No(Status.REFUSED, "AM-3", "the journal entry was used before; one leaf, one search")
    if not broker.budgets.may_search(by, broker.now):
        broker.journal.say(
            Kind.SEARCH_REFUSED, at=broker.now, account=account, by=by, outcome=Outcome.REFUSED,
            facts={Fact.FIELD: field},
        )  # fmt: skip
        raise No(Status.OVER_BUDGET, "AM-8", "more was searched for within 24 hours than one person may search")
    broker.journal.append([(entry, salt)])
    tag_key = broker.house_secret(HouseKind.TAG, TAG_VERSION)
    tag = sealed.tag(tag_key, account=account, field=field, value=_normalised(field, arguments[5]))
    asker.searched = (account, field, tag)
    return [
        sealed.index(broker.ring.index_key(account, row.day, row.generation, field), tag)
        for row in broker.ring.day_keys(account)
    ]


def _match(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    if asker.searched is None or not 0 < len(arguments) <= MAX_BATCH:
        raise No(Status.REFUSED, "AM-3", "match 1 to 100 rows, after a search on the same connection")
    account, field, tag = asker.searched
    found = []
    for located in map(wire.parse_located, arguments):
        same = False
        if located.place.account == account:
            try:
                same = hmac.compare_digest(_contents(broker, located).tags.get(field, b""), tag)
            except CannotOpen:
                same = False
        found.append(pack([u8(Status.OK), u8(same)]))
    return found


def _carry(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    if len(arguments) < 5:
        raise Malformed("a carry names an entry, an account, an order and its parts")
    entry, salt = leaf.decode_entry(arguments[0]), arguments[1]
    account, order = _account(arguments, 2), _reference(arguments, 3)
    rows = [wire.parse_located(item) for item in arguments[4:]]
    _check_carry(broker, entry, (account, order), rows)
    contents = [_contents(broker, row) for row in rows]
    broker.journal.append([(entry, salt)])
    key = broker.key_of_today(account)
    carried = []
    for row, held in zip(rows, contents, strict=True):
        day = Day(row.day.born, key.day, key.generation)
        wrap = broker.ring.wrap_key(account, key.day, key.generation)
        bundle = sealed.bundle(wrap, row.place, day, held, nonce=os.urandom(12))
        carried.append(wire.sealed(Sealed(day, bundle, b"", _indexes(broker, account, key, dict(held.tags)))))
    return [pack(carried), pack([_key_of_day(key)])]


def _check_carry(broker: Broker, entry: Entry, of: tuple[int, bytes], rows: Sequence[Located]) -> None:
    """Amazon's fresh answer for that very order, once, in the last four days of the old key, within 84 days (RR-2)."""
    account, order = of
    leaf.octets(entry.facts, Fact.CALL)
    answered = leaf.number(entry.facts, Fact.SECONDS) * 1000
    why = None
    if (entry.kind, entry.account, entry.subject) != (Kind.CARRIED, account, order):
        why = "the journal entry does not speak of this carry"
    elif leaf.number(entry.facts, Fact.STATE) not in (1, 2):
        why = "only an order still to ship is carried"
    elif not -ENTRY_AGE <= broker.now - answered <= ANSWER_AGE:
        why = "Amazon's answer is older than 24 hours"
    elif broker.journal.place(entry.id) is not None:
        why = "the journal entry was used before"
    elif any((row.place.account, row.place.order) != of for row in rows):
        why = "a row is of another order"
    elif any(row.day.born != row.day.day for row in rows):
        why = "it was carried once already"
    elif any(broker.today > row.day.born + LAST_CARRY for row in rows):
        why = "it was received more than 84 days ago"
    elif any(broker.today < _last_days(broker, row) for row in rows):
        why = "its day has more than four days left"
    if why is not None:
        broker.journal.say(
            Kind.CARRY_REFUSED, at=broker.now, account=account, subject=order, by=entry.by, outcome=Outcome.REFUSED
        )
        raise No(Status.REFUSED, "RR-2", why)


def _last_days(broker: Broker, row: Located) -> int:
    """The first of the four days at whose end the old key dies."""
    for key in broker.living_keys():
        if (key.house, key.account, key.day, key.generation) == (
            False, row.place.account, row.day.day, row.day.generation,
        ):  # fmt: skip
            return key.dies_at // 86_400_000 - CARRY_WINDOW
    raise CannotOpen("the key of that day is gone")


def _order_hash(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    account = _account(arguments)
    if not 0 < len(arguments) - 1 <= MOST_SEALED:
        raise No(Status.MALFORMED, "DF-1", "hash 1 to 1,000 order ids at a time")
    key = broker.house_secret(HouseKind.ORDER_HASH, HASH_VERSION)
    label = b"strongroom/order-hash/v1" + struct.pack(">q", account)
    return [u32(HASH_VERSION), *(hmac.digest(key, label + id_, "sha256") for id_ in arguments[1:])]


def _house_seal(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    kind, id_, data = _house(asker, arguments)
    newest = broker.ring.newest_house_key().day
    try:
        sealed_ = house.seal(broker.ring.house_key(newest), kind, id_, data, version=newest, nonce=os.urandom(12))
    except ValueError as why:
        raise No(Status.REFUSED, "ES-1", str(why)) from None
    return [sealed_]


def _house_open(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    kind, id_, data = _house(asker, arguments)
    return [house.unseal(broker.ring.house_key(house.key_version(data)), kind, id_, data)]


def _append(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    if not 0 < len(arguments) <= MOST_APPENDED:
        raise No(Status.MALFORMED, "LM-2", "append 1 to 10,000 entries at a time")
    entries = []
    for argument in arguments:
        payload, salt = unpack(argument, items=2)
        entry = leaf.decode_entry(payload)
        if entry.kind in OWN_KINDS:
            raise No(Status.REFUSED, "LM-2", f"only the broker itself says {entry.kind.name.lower()}")
        entries.append((entry, salt))
    return [u64(position) for position in broker.journal.append(entries)]


def _checkpoint(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 0)
    return [broker.journal.sign().encode()]


def _destroyed(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 1)
    since = number(arguments[0])
    found = [wire.destroyed(d) for position, d in broker.journal.destroyed if position >= since]
    return [u64(broker.journal.size), *found]


def _date_heard(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 1)
    broker.date_heard(number(arguments[0]))
    return []


def _agree(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 0)
    broker.agree()
    return []


def _unlock(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 2)
    try:
        kind = Unlocks(number(arguments[0]))
    except ValueError:
        raise Malformed("unlock with 1 passphrase or 2 file") from None
    try:
        broker.unlock(kind, arguments[1])
    except CannotOpen:
        raise No(Status.REFUSED, "ES-3", "this secret does not unlock the ring; nothing was changed") from None
    return []


def _lock(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    _count(arguments, 0)
    broker.lock()
    return []


VERBS: Final[dict[Verb, Callable[[Broker, Asker, Sequence[bytes]], Values]]] = {
    Verb.TIME: _time, Verb.STATUS: _status, Verb.SEAL: _seal, Verb.OPEN: _open, Verb.SEARCH: _search,
    Verb.MATCH: _match, Verb.CARRY: _carry, Verb.ORDER_HASH: _order_hash, Verb.HOUSE_SEAL: _house_seal,
    Verb.HOUSE_OPEN: _house_open, Verb.APPEND: _append, Verb.CHECKPOINT: _checkpoint, Verb.DESTROYED: _destroyed,
    Verb.DATE_HEARD: _date_heard, Verb.AGREE: _agree, Verb.UNLOCK: _unlock, Verb.LOCK: _lock,
}  # fmt: skip
_WHILE_LOCKED: Final = frozenset(
    {Verb.TIME, Verb.STATUS, Verb.APPEND, Verb.CHECKPOINT, Verb.DESTROYED, Verb.DATE_HEARD, Verb.AGREE, Verb.UNLOCK,
     Verb.LOCK}
)  # fmt: skip
_NOT_IN_DOUBT: Final = frozenset({Verb.SEAL, Verb.OPEN, Verb.SEARCH, Verb.MATCH, Verb.CARRY})


def _no(no: No) -> bytes:
    return pack([u8(no.status), no.clause.encode(), no.sentence.encode()])


def _key_of_day(row: Row) -> bytes:
    return pack([u32(row.day), u16(row.generation), token_hash(row)])


def _count(arguments: Sequence[bytes], count: int) -> None:
    if len(arguments) != count:
        raise Malformed(f"this verb takes {count} arguments")


def _account(arguments: Sequence[bytes], at: int = 0) -> int:
    if len(arguments) <= at:
        raise Malformed("this verb names an account")
    account = signed(arguments[at])
    if account == 0:
        raise No(Status.REFUSED, "RR-1", "account 0 is the installation; it has no day key and no order")
    return account


def _reference(arguments: Sequence[bytes], at: int) -> bytes:
    if len(arguments) <= at or len(arguments[at]) != 16:
        raise Malformed("a reference is 16 bytes")
    return arguments[at]


def _field(data: bytes) -> SearchField:
    try:
        return SearchField(number(data))
    except ValueError:
        raise Malformed("unknown search field") from None


def _normalised(field: SearchField, value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    match field:
        case SearchField.EMAIL:
            return email(text)
        case SearchField.PHONE:
            return phone(text)
        case SearchField.NAME_AND_POSTCODE:
            name, _, postcode = text.partition("\n")
            return name_and_postcode(name, postcode)


def _house(asker: Asker, arguments: Sequence[bytes]) -> tuple[HouseKind, bytes, bytes]:
    _count(arguments, 3)
    try:
        kind = HouseKind(number(arguments[0]))
    except ValueError:
        raise Malformed("unknown kind of house secret") from None
    if asker.peer not in house.ASKED_BY[kind]:
        raise No(Status.REFUSED, "ES-3", f"{asker.peer.name.lower()} has no secrets of kind {kind.name.lower()}")
    return kind, _reference(arguments, 1), arguments[2]
