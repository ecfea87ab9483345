"""One function a verb (docs/formats/broker-protocol.md). Refusals come first, then the leaf, then the act."""

import hmac
import os
import struct
from collections.abc import Callable, Sequence
from typing import Final

from strongroom.formats import broker as wire
from strongroom.formats import house, leaf, leaf_shape
from strongroom.formats.broker import Status, Verb
from strongroom.formats.house import HouseKind
from strongroom.formats.leaf import Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.ring import Unlocks
from strongroom.formats.sealed import CannotOpen
from strongroom.formats.wire import number, pack, u32, u64, unpack
from strongroom.keybroker.asking import Asker, No, Values, account_of, exactly, reference_of
from strongroom.keybroker.broker import ACTS, Broker
from strongroom.keybroker.journal import Clash
from strongroom.keybroker.sealing import carry, match, open_parts, seal, search
from strongroom.keybroker.tree import JournalHangs

MOST_SEALED: Final = 1_000
MOST_APPENDED: Final = 10_000
ENTRY_AGE: Final = 5 * 60_000
ANSWER_AGE: Final = 24 * 3_600_000
CARRY_WINDOW: Final = 4
TAG_VERSION: Final = 1
HASH_VERSION: Final = 1


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
    exactly(arguments, 0)
    return list(wire.told(broker.told()))


def _status(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    exactly(arguments, 0)
    keys = pack([wire.living_key(key) for key in broker.living_keys()])
    journal = broker.journal
    return [
        *wire.told(broker.told()), broker.origin.encode(), u64(journal.size), journal.root(),
        u64(journal.signed_size), u32(broker.destroyed_through()), keys, u64(broker.strangers),
    ]  # fmt: skip


def _order_hash(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    account = account_of(arguments)
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
    entries, acts = [], []
    for argument in arguments:
        payload, salt = unpack(argument, items=2)
        leaf_shape.check_entry(payload)
        kind, _at = leaf.glance(payload)
        if kind in leaf.SAID_BY_BROKER:
            raise No(Status.REFUSED, "LM-2", f"only the broker itself says {Kind(kind).name.lower()}")
        if kind in ACTS:
            acts.append(payload)
        entries.append((payload, salt))
    for payload in acts:
        broker.appended(leaf.decode_entry(payload))
    return [u64(position) for position in broker.journal.append_encoded(entries)]


def _checkpoint(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    exactly(arguments, 0)
    return [broker.journal.sign().encode()]


def _destroyed(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    exactly(arguments, 1)
    since = number(arguments[0])
    found = [wire.destroyed(d) for position, d in broker.journal.destroyed if position >= since]
    return [u64(broker.journal.size), *found]


def _date_heard(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    exactly(arguments, 1)
    broker.date_heard(number(arguments[0]))
    return []


def _agree(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    exactly(arguments, 0)
    broker.agree()
    return []


def _unlock(broker: Broker, _: Asker, arguments: Sequence[bytes]) -> Values:
    exactly(arguments, 2)
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
    exactly(arguments, 0)
    broker.lock()
    return []


VERBS: Final[dict[Verb, Callable[[Broker, Asker, Sequence[bytes]], Values]]] = {
    Verb.TIME: _time, Verb.STATUS: _status, Verb.SEAL: seal, Verb.OPEN: open_parts, Verb.SEARCH: search,
    Verb.MATCH: match, Verb.CARRY: carry, Verb.ORDER_HASH: _order_hash, Verb.HOUSE_SEAL: _house_seal,
    Verb.HOUSE_OPEN: _house_open, Verb.APPEND: _append, Verb.CHECKPOINT: _checkpoint, Verb.DESTROYED: _destroyed,
    Verb.DATE_HEARD: _date_heard, Verb.AGREE: _agree, Verb.UNLOCK: _unlock, Verb.LOCK: _lock,
}  # fmt: skip


_WHILE_LOCKED: Final = frozenset(
    {Verb.TIME, Verb.STATUS, Verb.APPEND, Verb.CHECKPOINT, Verb.DESTROYED, Verb.DATE_HEARD, Verb.AGREE, Verb.UNLOCK,
     Verb.LOCK}
)  # fmt: skip


_NOT_IN_DOUBT: Final = frozenset({Verb.SEAL, Verb.OPEN, Verb.SEARCH, Verb.MATCH, Verb.CARRY})


def _house(asker: Asker, arguments: Sequence[bytes]) -> tuple[HouseKind, bytes, bytes]:
    exactly(arguments, 3)
    try:
        kind = HouseKind(number(arguments[0]))
    except ValueError:
        raise Malformed("unknown kind of house secret") from None
    if asker.peer not in house.ASKED_BY[kind]:
        raise No(Status.REFUSED, "ES-3", f"{asker.peer.name.lower()} has no secrets of kind {kind.name.lower()}")
    return kind, reference_of(arguments, 1), arguments[2]
