"""On its named socket the key broker knows its peers by uid, and nobody else gets a word (ES-3)."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.formats import broker as wire
from strongroom.formats.broker import Answer, Status, Verb
from strongroom.formats.wire import i64, number, u64
from tests.keybroker.running import DAY, Broker, broker_in
from tests.keybroker.test_death import day_rows
from tests.keybroker.test_opening import ORDER, WHO

KNOCK = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
s.connect(sys.argv[1])
try:
    s.sendall(b"\\0\\0\\0\\1x")
    print(s.recv(10))
except OSError:
    print(b"")
"""


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    """Serving with this process's own uid as the website's."""
    with broker_in(folder) as running:
        running.stop()
        running.start(extra=("--peers", str(folder / "peers.sock"), "--peer", f"web:{os.getuid()}"))
        yield running


def ask(broker: Broker, verb: Verb, *values: bytes) -> Answer:
    """One request on the named socket; waits while the broker is born again."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as dialled:
                dialled.settimeout(10)
                dialled.connect(str(broker.folder / "peers.sock"))
                dialled.sendall(wire.frame(wire.request(verb, *values)))
                length = int.from_bytes(dialled.recv(4, socket.MSG_WAITALL), "big")
                assert length
                return wire.parse_answer(dialled.recv(length, socket.MSG_WAITALL))
        except (OSError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def strangers(broker: Broker) -> int:
    return number(broker.ok("inspector", Verb.STATUS)[10])


def knock(broker: Broker, uid: int) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", KNOCK, str(broker.folder / "peers.sock"), str(uid)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ran.stdout + ran.stderr


def test_the_uid_decides_who_one_is(broker: Broker) -> None:
    assert ask(broker, Verb.TIME).status is Status.OK
    refused = ask(broker, Verb.DESTROYED, u64(0))
    assert refused.status is Status.REFUSED
    assert b"web may not ask" in refused.values[1]
    assert ask(broker, Verb.CARRY, i64(1)).status is Status.REFUSED


@pytest.mark.skipif(os.getuid() != 0, reason="only root can knock as somebody else")
def test_another_uid_is_closed_unread_and_counted(broker: Broker) -> None:
    assert strangers(broker) == 0
    for _ in range(3):
        assert knock(broker, 59_999).strip() == "b''"
    assert strangers(broker) == 3
    assert ask(broker, Verb.TIME).status is Status.OK, "a flood of strangers holds up nobody"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can knock as somebody else")
def test_socket_and_count_outlive_the_brokers_rebirth(broker: Broker) -> None:
    knock(broker, 59_999)
    broker.seal(order=ORDER, **WHO)
    broker.clock.step(29 * DAY)
    deadline = time.monotonic() + 10
    while day_rows(broker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ask(broker, Verb.TIME).status is Status.OK
    assert strangers(broker) == 1
    knock(broker, 59_999)
    assert strangers(broker) == 2


def test_whoever_never_stops_asking_does_not_keep_a_dead_keys_bytes_alive(broker: Broker) -> None:
    assert broker.process is not None
    of_it = Path(f"/proc/{broker.process.pid}/cmdline")
    broker.seal(order=ORDER, **WHO)
    broker.clock.step(29 * DAY)
    until = time.monotonic() + 20
    while b"--resume-fd" not in of_it.read_bytes():
        assert time.monotonic() < until, "it was kept from its rebirth"
        assert ask(broker, Verb.TIME).status is Status.OK


@pytest.mark.parametrize(
    ("peers", "words"),
    [
        (("web:1", "worker:1"), "another peer's too"),
        (("king:1",), "say PEER:USER"),
        (("web:nobody-of-that-name",), "no such user"),
    ],
)
def test_one_uid_stands_for_one_peer(folder: Path, peers: tuple[str, ...], words: str) -> None:
    with broker_in(folder) as running:
        running.stop()
        pairs = [part for peer in peers for part in ("--peer", peer)]
        with pytest.raises(AssertionError, match=words):
            running.start(extra=("--peers", str(folder / "peers.sock"), *pairs))
