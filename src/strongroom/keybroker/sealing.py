"""Seal, open, search, match, carry: what touches a customer's data. Refusals first, then the leaf, then the act."""

import hmac
import os
from collections.abc import Sequence
from typing import Final

from strongroom.formats import broker as wire
from strongroom.formats import leaf, sealed
from strongroom.formats.broker import MAX_BATCH, MAY_SEAL, Located, Sealed, Status, ToOpen, ToSeal
from strongroom.formats.house import HouseKind
from strongroom.formats.leaf import Entry, Fact, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import OPENS, Opens, Purpose
from strongroom.formats.ring import LAST_CARRY, Row
from strongroom.formats.sealed import CannotOpen, Contents, Day
from strongroom.formats.search import SearchField, email, name_and_postcode, phone, values
from strongroom.formats.secret import Secret
from strongroom.formats.wire import number, pack, u8
from strongroom.keybroker.asking import Asker, No, Values, account_of, exactly, item_refused, key_of_day, reference_of
from strongroom.keybroker.broker import Broker
from strongroom.keybroker.journal import own

MOST_SEALED: Final = 1_000
MOST_APPENDED: Final = 10_000
ENTRY_AGE: Final = 5 * 60_000
ANSWER_AGE: Final = 24 * 3_600_000
CARRY_WINDOW: Final = 4
TAG_VERSION: Final = 1
HASH_VERSION: Final = 1


def seal(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    account, by = account_of(arguments), reference_of(arguments, 1)
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
    return [pack([wire.sealed(item) for item in done]), pack([key_of_day(row)])]


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


def open_parts(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    account, by = account_of(arguments), reference_of(arguments, 2)
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
    return [item_refused(d) if isinstance(d, No) else _open_one(broker, d[0], opens) for d in decided]


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
    if entry.id in used or not broker.use_once(entry):
        raise No(Status.REFUSED, "AM-3", "the journal entry was used before; one leaf, one opening")
    used.add(entry.id)
    if not broker.budgets.may_open(asker.peer, by, broker.now, account):
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
        return item_refused(No(Status.GONE, "RR-2", "the key of that day is gone, or the row is another"))
    except Malformed as why:
        return item_refused(No(Status.MALFORMED, "ES-1", str(why)))
    shown = {name: value for name, value in opened.items() if name in opens.fields}
    return pack([u8(Status.OK), wire.fields(shown)])


def _contents(broker: Broker, located: Located) -> Contents:
    place, day = located.place, located.day
    wrap = broker.ring.wrap_key(place.account, day.day, day.generation)
    return sealed.unbundle(wrap, place, day, located.bundle)


def search(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
    exactly(arguments, 6)
    entry, salt = leaf.decode_entry(arguments[0]), arguments[1]
    account, by, field = account_of(arguments, 2), reference_of(arguments, 3), _field(arguments[4])
    said = (entry.kind, entry.account, entry.by, entry.facts.get(Fact.FIELD))
    if said != (Kind.SEARCHED, account, by, field) or abs(broker.now - entry.at) > ENTRY_AGE:
        raise No(Status.REFUSED, "AM-3", "the journal entry does not speak of this search")
    if not broker.use_once(entry):
        raise No(Status.REFUSED, "AM-3", "the journal entry was used before; one leaf, one search")
    if not broker.budgets.may_search(by, broker.now, account):
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
        wire.index_of_day(row.day, sealed.index(broker.ring.index_key(account, row.day, row.generation, field), tag))
        for row in broker.ring.day_keys(account)
    ]


def match(broker: Broker, asker: Asker, arguments: Sequence[bytes]) -> Values:
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


def carry(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    if len(arguments) < 5:
        raise Malformed("a carry names an entry, an account, an order and its parts")
    entry, salt = leaf.decode_entry(arguments[0]), arguments[1]
    account, order = account_of(arguments, 2), reference_of(arguments, 3)
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
    return [pack(carried), pack([key_of_day(key)])]


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
    elif any((row.place.account, row.place.order) != of for row in rows):
        why = "a row is of another order"
    elif any(row.day.born != row.day.day for row in rows):
        why = "it was carried once already"
    elif any(broker.today > row.day.born + LAST_CARRY for row in rows):
        why = "it was received more than 84 days ago"
    elif any(broker.today < _last_days(broker, row) for row in rows):
        why = "its day has more than four days left"
    elif not broker.use_once(entry):
        why = "the journal entry was used before"
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
