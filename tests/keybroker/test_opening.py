"""The leaf comes first, and only what the entry, the row, the purpose and the peer agree on is opened (AM-3, ES-3)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.formats import leaf
from strongroom.formats.broker import Sealed, Status, Verb, parse_fields, parse_index_of_day, to_seal
from strongroom.formats.leaf import Entry, Fact, Kind, Outcome
from strongroom.formats.parts import Part, Purpose
from strongroom.formats.sealed import Day
from strongroom.formats.wire import i64, number, pack, u8, u64
from tests.keybroker.running import ACCOUNT, PERSON, Broker, broker_in

ORDER = b"o" * 16
WHO: dict[str, Any] = {
    "name": "Zoë Ångström",
    "line1": "1 Lark Rise",
    "postcode": "SN8 1QX",
    "phone": "+44 7700 900123",
}


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    with broker_in(folder) as running:
        yield running


def leaves(broker: Broker) -> list[Entry]:
    """Every leaf, as a stranger reads it from the published tree."""
    from strongroom.policy.logging_and_monitoring.tree import PublishedTree

    broker.ok("worker", Verb.CHECKPOINT)
    tree = PublishedTree(broker.journal)
    tree.verify()
    return [tree.leaf(index).entry for index in range(tree.size)]


def test_it_opens_what_was_sealed_and_the_leaf_was_there_first(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    entry, request = broker.opening(sealed, order=ORDER)
    status, fields = broker.open(request)
    assert number(status) == Status.OK
    shown = parse_fields(Part.RECIPIENT, fields)
    assert {name: value.text() for name, value in shown.items()} == {n: v for n, v in WHO.items() if n != "phone"}
    (opened,) = [e for e in leaves(broker) if e.kind is Kind.OPENED]
    assert (opened.id, opened.by, opened.subject) == (entry.id, PERSON, ORDER)


def test_the_purpose_decides_which_fields_leave(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    _, request = broker.opening(sealed, order=ORDER, purpose=Purpose.CALL_BACK)
    _, fields = broker.open(request, purpose=Purpose.CALL_BACK)
    assert set(parse_fields(Part.RECIPIENT, fields)) == {"phone"}


@pytest.mark.parametrize(
    "lie",
    [
        {"account": 8}, {"subject": b"x" * 16}, {"write": 2}, {"part": Part.BUYER}, {"purpose": Purpose.CALL_BACK},
        {"by": b"Q" * 16}, {"kind": Kind.SIGN_IN}, {"at": 1_000},
    ],
    ids=str,
)  # fmt: skip
def test_an_entry_that_says_anything_else_opens_nothing_and_leaves_no_leaf(broker: Broker, lie: dict[str, Any]) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    _, request = broker.opening(sealed, order=ORDER, **lie)
    assert number(broker.open(request)[0]) == Status.REFUSED
    assert not [e for e in leaves(broker) if e.kind in (Kind.OPENED, Kind.SIGN_IN)]


def test_an_entry_opens_once(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    _, request = broker.opening(sealed, order=ORDER)
    assert number(broker.open(request)[0]) == Status.OK
    assert number(broker.open(request)[0]) == Status.REFUSED


def test_an_entry_that_the_sequencer_brought_first_opens_once_and_has_one_leaf(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    entry, request = broker.opening(sealed, order=ORDER)
    assert broker.append([entry]).status is Status.OK
    assert number(broker.open(request)[0]) == Status.OK
    assert number(broker.open(request)[0]) == Status.REFUSED
    assert len([e for e in leaves(broker) if e.kind is Kind.OPENED]) == 1


@pytest.mark.parametrize("peer", ["worker", "inspector", "terminal"])
def test_no_other_peer_opens_for_support(broker: Broker, peer: str) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    _, request = broker.opening(sealed, order=ORDER)
    assert number(broker.open(request, peer=peer)[0]) == Status.REFUSED


def test_a_swapped_bundle_or_body_does_not_open(broker: Broker) -> None:
    mine, other = broker.seal(order=ORDER, **WHO), broker.seal(order=b"p" * 16, name="Somebody Else")
    for swapped in (
        Sealed(mine.day, other.bundle, mine.body, {}),
        Sealed(mine.day, mine.bundle, other.body, {}),
        Sealed(Day(mine.day.born, mine.day.day - 1, 0), mine.bundle, mine.body, {}),
    ):
        _, request = broker.opening(swapped, order=ORDER)
        assert number(broker.open(request)[0]) == Status.GONE


@pytest.mark.parametrize(
    ("peer", "verb"),
    [("web", Verb.CARRY), ("web", Verb.UNLOCK), ("web", Verb.DESTROYED), ("worker", Verb.SEARCH), ("worker", Verb.LOCK),
     ("inspector", Verb.APPEND), ("inspector", Verb.SEAL), ("terminal", Verb.APPEND), ("terminal", Verb.HOUSE_OPEN)],
)  # fmt: skip
def test_each_peer_has_its_verbs_and_no_others(broker: Broker, peer: str, verb: Verb) -> None:
    assert broker.ask(peer, verb).status is Status.REFUSED


def test_the_web_may_not_seal_a_recipient(broker: Broker) -> None:
    from strongroom.formats.broker import ToSeal

    item = to_seal(ToSeal(ORDER, Part.RECIPIENT, 1, {}))
    assert broker.ask("web", Verb.SEAL, i64(ACCOUNT), PERSON, item).status is Status.REFUSED
    assert [e for e in leaves(broker) if e.kind is Kind.SEAL_REFUSED]


def test_a_totp_secret_is_the_webs_and_an_amazon_token_the_workers(broker: Broker) -> None:
    (sealed,) = broker.ok("web", Verb.HOUSE_SEAL, u8(1), b"i" * 16, b"secret")
    assert broker.ok("web", Verb.HOUSE_OPEN, u8(1), b"i" * 16, sealed) == (b"secret",)
    assert broker.ask("worker", Verb.HOUSE_OPEN, u8(1), b"i" * 16, sealed).status is Status.REFUSED
    assert broker.ask("web", Verb.HOUSE_OPEN, u8(1), b"j" * 16, sealed).status is Status.GONE


def test_a_customers_record_does_not_fit_under_a_house_key(broker: Broker) -> None:
    assert broker.ask("web", Verb.HOUSE_SEAL, u8(1), b"i" * 16, b"x" * 129).status is Status.REFUSED


def test_an_entry_is_appended_once_and_keeps_its_place(broker: Broker) -> None:
    entry = Entry(os.urandom(16), Kind.SIGN_IN, Outcome.DONE, broker.told().at, 0, bytes(16), PERSON, {})
    first, again = broker.append([entry]), broker.append([entry])
    assert first.status is again.status is Status.OK
    assert first.values == again.values
    forged = Entry(entry.id, Kind.SIGN_OUT, Outcome.DONE, entry.at, 0, bytes(16), PERSON, {})
    assert broker.append([forged]).status is Status.REFUSED


@pytest.mark.parametrize("kind", [Kind.KEY_DESTROYED, Kind.SEALED, Kind.HEARTBEAT, Kind.ORIGIN, Kind.UNLOCKED])
def test_nobody_else_says_what_only_the_broker_can_know(broker: Broker, kind: Kind) -> None:
    entry = Entry(os.urandom(16), kind, Outcome.DONE, broker.told().at, 0, bytes(16), PERSON, {})
    assert broker.append([entry]).status is Status.REFUSED


def test_every_seal_leaves_a_leaf_with_reference_part_and_write(broker: Broker) -> None:
    broker.seal(order=ORDER, write=77, **WHO)
    (said,) = [e for e in leaves(broker) if e.kind is Kind.SEALED]
    assert (said.subject, said.facts[Fact.PART], said.facts[Fact.WRITE]) == (ORDER, Part.RECIPIENT, 77)


def test_budgets_hold_and_survive_a_restart(broker: Broker) -> None:
    config = broker.folder / "broker.toml"
    config.write_text("[budgets]\nweb_openings_an_actor = 3\n")
    broker.stop()
    broker.start(extra=["--config", str(config)])
    sealed = broker.seal(order=ORDER, **WHO)

    def opens() -> int:
        return number(broker.open(broker.opening(sealed, order=ORDER)[1])[0])

    assert [opens(), opens()] == [Status.OK, Status.OK]
    broker.kill()
    broker.start(extra=["--config", str(config)])
    assert [opens(), opens()] == [Status.OK, Status.OVER_BUDGET]
    broker.clock.step(86_400 + 60)
    assert opens() == Status.OK
    assert [e for e in leaves(broker) if e.kind is Kind.OPEN_REFUSED]


@pytest.mark.parametrize(
    "setting", ["day_key_days = 29", "[budgets]\nsearches = 5000", "speed = 1", "[budgets]\nx = 1"]
)
def test_configuration_only_lowers(broker: Broker, setting: str) -> None:
    broker.stop()
    (broker.folder / "broker.toml").write_text(setting)
    with pytest.raises(AssertionError, match=r"broker\.toml"):
        broker.start(extra=["--config", str(broker.folder / "broker.toml")])


def search(broker: Broker, field: int, value: str) -> list[bytes]:
    entry = Entry(os.urandom(16), Kind.SEARCHED, Outcome.DONE, broker.told().at, ACCOUNT, bytes(16), PERSON,
                  {Fact.FIELD: field})  # fmt: skip
    values = (leaf.encode_entry(entry), b"s" * 32, i64(ACCOUNT), PERSON, u8(field), value.encode())
    found = [parse_index_of_day(value) for value in broker.ok("web", Verb.SEARCH, *values)]
    assert [day for day, _ in found] == sorted({day for day, _ in found}), "one value a living day"
    return [index for _, index in found]


def test_search_finds_by_index_and_verifies_in_the_bundle(broker: Broker) -> None:
    from strongroom.formats.broker import Located, located
    from strongroom.formats.sealed import Place

    sealed = broker.seal(order=ORDER, **WHO)
    broker.clock.step(86_400)
    later = broker.seal(order=b"p" * 16, name="Other", postcode="X", phone="+44 7700 900999")
    found = search(broker, 2, "07700 900 123")
    assert len(found) == 2, "one value a living day"
    assert sealed.indexes[2] in found
    assert later.indexes[2] not in found
    rows = [Located(Place(ACCOUNT, ORDER, Part.RECIPIENT, 1), sealed.day, sealed.bundle),
            Located(Place(ACCOUNT, b"p" * 16, Part.RECIPIENT, 1), later.day, later.bundle)]  # fmt: skip
    answers = broker.ok("web", Verb.MATCH, *(located(row) for row in rows))
    assert answers == (pack([u8(0), u8(1)]), pack([u8(0), u8(0)]))


def test_match_without_a_search_on_that_connection_is_refused(broker: Broker) -> None:
    assert broker.ask("web", Verb.MATCH, b"").status is Status.REFUSED


def test_order_hashes_are_keyed_by_account(broker: Broker) -> None:
    _, mine = broker.ok("worker", Verb.ORDER_HASH, i64(7), b"203-1")
    _, theirs = broker.ok("worker", Verb.ORDER_HASH, i64(8), b"203-1")
    assert mine != theirs
    assert (mine,) == broker.ok("worker", Verb.ORDER_HASH, i64(7), b"203-1")[1:]


def test_nonsense_closes_that_connection_and_holds_up_nobody(broker: Broker) -> None:
    silent = broker.channels["web"].dial()
    silent.sendall(b"\x00\x00\x01")  # a length that never ends
    liar = broker.channels["web"].dial()
    liar.sendall(b"\xff\xff\xff\xff")
    assert liar.recv(1) == b""
    assert broker.raw("worker", b"\x00").status is Status.MALFORMED
    assert broker.ask("worker", Verb.TIME, b"argument").status is Status.MALFORMED
    assert broker.told().at > 0
    silent.close()
    liar.close()


def test_the_first_leaf_is_origin_and_size_counts_all(broker: Broker) -> None:
    found = leaves(broker)
    assert found[0].kind is Kind.ORIGIN
    status = broker.ok("worker", Verb.STATUS)
    assert number(status[5]) == len(found)
    assert u64(len(found)) == status[7]
