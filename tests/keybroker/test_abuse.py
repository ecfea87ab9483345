"""A peer that misuses the protocol, or was taken over, hurts itself alone: others have their answer (ES-3, AM-3)."""

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from strongroom.formats import broker as wire
from strongroom.formats.broker import Status, Verb, to_seal
from strongroom.formats.leaf import Kind
from strongroom.formats.wire import i64, number, pack, u8, u16
from tests.keybroker.running import ACCOUNT, PERSON, Broker, broker_in
from tests.keybroker.test_opening import ORDER, WHO, leaves

MOST_CONNECTIONS = 128
HALF = struct.pack(">I", 32 << 20)


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    with broker_in(folder) as running:
        yield running


def resident(broker: Broker) -> int:
    """Bytes of memory the process has."""
    assert broker.process is not None
    return int(Path(f"/proc/{broker.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_answered(broker: Broker, peer: str = "worker") -> bool:
    began = time.monotonic()
    answered = broker.ask(peer, Verb.TIME).status is Status.OK
    return answered and time.monotonic() - began < 2


def test_a_flood_of_connections_leaves_others_their_answer(broker: Broker) -> None:
    """The website, taken over, dials as often as it is let; the worker still dials anew."""
    held: list[socket.socket] = []
    broker.channels["web"].ours.settimeout(0.5)
    with suppress(TimeoutError):
        while len(held) < MOST_CONNECTIONS + 20:
            held += [broker.channels["web"].dial()]
    assert len(held) <= MOST_CONNECTIONS
    broker.hang_up()
    assert is_answered(broker, "worker")
    for each in held:
        each.close()
    broker.channels["web"].ours.settimeout(5)
    assert is_answered(broker, "web"), "and when it is over the website is served again"


def test_half_frames_fill_no_memory(broker: Broker) -> None:
    """Each announces 32 MiB and sends all of it but the end."""
    before, held = resident(broker), []
    for _ in range(8):
        dialled = broker.channels["web"].dial()
        held.append(dialled)
        dialled.settimeout(2)
        try:
            dialled.sendall(HALF + bytes((32 << 20) - 1))
        except OSError:
            continue  # it was closed in the middle, which is right
    assert is_answered(broker)
    assert resident(broker) - before < 160 << 20
    for each in held:
        each.close()


@pytest.mark.parametrize("length", [(32 << 20) + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_frame_that_is_too_long_is_closed_before_it_is_read(broker: Broker, length: int) -> None:
    dialled = broker.channels["web"].dial()
    dialled.sendall(struct.pack(">I", length))
    assert dialled.recv(1) == b""
    assert is_answered(broker)
    dialled.close()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\0\0", pack([u8(0), u8(Verb.TIME)]), pack([u8(2), u8(Verb.TIME)]), pack([u8(255), u8(Verb.TIME)]),
        pack([u8(1)]), pack([u8(1), u8(0)]), pack([u8(1), u8(255)]), pack([u16(1), u8(Verb.TIME)]),
        pack([u8(1), u16(Verb.TIME)]), pack([u8(1), u8(Verb.TIME)]) + b"\0", b"\xff\xff" + bytes(40),
    ],
    ids=lambda body: body.hex()[:24] or "nothing",
)  # fmt: skip
def test_another_version_and_another_spelling_end_the_connection_after_one_answer(broker: Broker, body: bytes) -> None:
    dialled = broker.channels["web"].dial()
    dialled.sendall(wire.frame(body) + wire.frame(wire.request(Verb.TIME)))
    length = int.from_bytes(dialled.recv(4, socket.MSG_WAITALL), "big")
    assert wire.parse_answer(dialled.recv(length, socket.MSG_WAITALL)).status is Status.MALFORMED
    assert dialled.recv(1) == b"", "what came behind it is not answered"
    assert is_answered(broker)
    dialled.close()


@pytest.mark.parametrize("verb", list(Verb))
def test_any_verb_with_arguments_of_nobody_is_refused_and_changes_nothing(broker: Broker, verb: Verb) -> None:
    """Too few, too many, of other widths: for each peer that may ask it, and for each that may not."""
    size = number(broker.ok("worker", Verb.STATUS)[5])
    for peer in ("web", "worker", "inspector"):
        for arguments in ([], [b""], [b"\0" * 8] * 3, [os.urandom(40)] * 4, [u8(1)] * 7):
            if verb in (Verb.TIME, Verb.STATUS, Verb.CHECKPOINT, Verb.ORDER_HASH) and len(arguments) < 2:
                continue  # these are asked with nothing, or with little
            answer = broker.ask(peer, verb, *arguments)
            assert answer.status is not Status.OK or verb in (Verb.DATE_HEARD, Verb.ORDER_HASH), (peer, arguments)
    refused = {Kind.SEAL_REFUSED, Kind.OPEN_REFUSED, Kind.SEARCH_REFUSED, Kind.HEARTBEAT, Kind.UNLOCK_REFUSED}
    new = leaves(broker)[size:]
    assert {entry.kind for entry in new} <= refused | {Kind.SIGNING_KEY}, {entry.kind for entry in new}


def test_two_requests_in_one_packet_and_one_in_many_are_each_answered_once(broker: Broker) -> None:
    dialled = broker.channels["worker"].dial()
    frame = wire.frame(wire.request(Verb.TIME))
    dialled.sendall(frame * 50)
    for byte in frame:
        dialled.sendall(bytes([byte]))
    for _ in range(51):
        length = int.from_bytes(dialled.recv(4, socket.MSG_WAITALL), "big")
        assert wire.parse_answer(dialled.recv(length, socket.MSG_WAITALL)).status is Status.OK
    dialled.close()


def test_who_asks_and_does_not_read_is_dropped_and_the_rest_is_served(broker: Broker) -> None:
    broker.seal(order=ORDER, **WHO)
    dialled = broker.channels["worker"].dial()
    dialled.setblocking(False)
    frame, sent = wire.frame(wire.request(Verb.STATUS)) * 1_000, 0
    began = time.monotonic()
    while sent < 400_000_000 and time.monotonic() - began < 3:
        try:
            sent += dialled.send(frame)
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            break
    assert is_answered(broker, "web")
    assert resident(broker) < 600 << 20
    dialled.close()


def test_a_search_is_paid_for_after_a_restart_too(broker: Broker) -> None:
    from strongroom.formats import leaf
    from strongroom.formats.leaf import Entry, Fact, Outcome

    config = broker.folder / "broker.toml"
    config.write_text("[budgets]\nsearches_an_actor = 2\n")
    broker.stop()
    broker.start(extra=["--config", str(config)])

    def searched() -> Status:
        entry = Entry(
            os.urandom(16), Kind.SEARCHED, Outcome.DONE, broker.told().at, ACCOUNT, bytes(16), PERSON, {Fact.FIELD: 2}
        )
        values = (leaf.encode_entry(entry), b"s" * 32, i64(ACCOUNT), PERSON, u8(2), b"07700900123")
        return broker.ask("web", Verb.SEARCH, *values).status

    assert searched() is Status.OK
    broker.kill()
    broker.start(extra=["--config", str(config)])
    assert [searched(), searched()] == [Status.OK, Status.OVER_BUDGET]


def test_a_thousand_parts_at_once_are_sealed_and_one_more_is_refused_whole(broker: Broker) -> None:
    from strongroom.formats.broker import ToSeal
    from strongroom.formats.parts import Part
    from strongroom.formats.secret import Secret

    items = [to_seal(ToSeal(os.urandom(16), Part.RECIPIENT, 1, {"name": Secret("A")})) for _ in range(1_001)]
    assert broker.ask("worker", Verb.SEAL, i64(ACCOUNT), PERSON, *items).status is not Status.OK
    assert not [entry for entry in leaves(broker) if entry.kind is Kind.SEALED]
