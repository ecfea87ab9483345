"""A real key broker process for tests, on a clock the test moves, and this end of its protocol."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom.formats import broker as wire
from strongroom.formats import leaf
from strongroom.formats.broker import Answer, Located, Sealed, Status, Told, ToOpen, ToSeal, Verb
from strongroom.formats.leaf import Entry, Fact, Kind, Outcome
from strongroom.formats.parts import Part, Purpose
from strongroom.formats.sealed import Place
from strongroom.formats.secret import Secret
from strongroom.formats.wire import i64, pack, u8, unpack
from strongroom.rehearsal.clock import ClockDriver

MODULE = "strongroom.rehearsal.broker"
ACCOUNT = 7
PERSON = b"P" * 16
START = 1_795_000_000.0
DAY = 86_400


class Channel:
    """A channel of one peer, both ends kept here so that a restarted broker takes it over."""

    def __init__(self) -> None:
        self.ours, self.brokers = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.settimeout(5)

    def dial(self) -> socket.socket:
        self.ours.send(b"D")
        _, descriptors, _, _ = socket.recv_fds(self.ours, 16, 1)
        dialled = socket.socket(fileno=descriptors[0])
        dialled.settimeout(10)
        return dialled

    def close(self) -> None:
        self.ours.close()
        self.brokers.close()


@dataclass
class Broker:
    """One broker's folders, clock, channels and, while it runs, its process."""

    folder: Path
    clock: ClockDriver
    channels: dict[str, Channel] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    crash_at: str | None = None
    _dialled: dict[str, socket.socket] = field(default_factory=dict)

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def command(self, *arguments: str) -> list[str]:
        crash = ["--crash-at", self.crash_at] if self.crash_at else []
        return [sys.executable, "-m", MODULE, "--clock", str(self.folder / "clock"), *crash, *arguments]

    def create(self) -> subprocess.CompletedProcess[str]:
        secret = self.folder / "unlock"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_bytes(os.urandom(32))
        arguments = ("create", "--keys", str(self.keys), "--journal", str(self.journal), "--unlock-file", str(secret))
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)

    def start(self, *, unlocked: bool = True, extra: Sequence[str] = ()) -> None:
        """Start and wait until it serves; raises `AssertionError` with its words when it does not."""
        for name in ("web", "worker", "inspector"):
            if name not in self.channels:
                self.channels[name] = Channel()
        ready, written = os.pipe()
        descriptors = [channel.brokers.fileno() for channel in self.channels.values()]
        arguments = ["serve", "--keys", str(self.keys), "--journal", str(self.journal), "--ready-fd", str(written)]
        arguments += ["--socket", str(self.folder / "terminal.sock"), *extra]
        for name, channel in self.channels.items():
            arguments += ["--channel", f"{name}:{channel.brokers.fileno()}"]
        if unlocked:
            arguments += ["--unlock-file", str(self.folder / "unlock")]
        self.process = subprocess.Popen(
            self.command(*arguments), pass_fds=(*descriptors, written), stderr=subprocess.PIPE
        )
        os.close(written)
        served = os.read(ready, 16) == b"ready\n"
        os.close(ready)
        if not served:
            assert self.process.stderr is not None
            words = self.process.stderr.read().decode()
            self.process.stderr.close()
            self.process.wait()
            self.process = None
            raise AssertionError(words)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, name: signal.Signals) -> None:
        self.hang_up()
        if self.process is not None:
            self.process.send_signal(name)
            self.process.wait(10)
            assert self.process.stderr is not None
            self.process.stderr.close()
            self.process = None

    def hang_up(self) -> None:
        for dialled in self._dialled.values():
            dialled.close()
        self._dialled.clear()

    def raw(self, peer: str, body: bytes) -> Answer:
        """Send one request body as a peer; redials once, since a broker is reborn after a death."""
        for last in (False, True):
            try:
                return self._exchange(peer, body)
            except (OSError, EOFError):
                if peer in self._dialled:
                    self._dialled.pop(peer).close()
                if last:
                    raise
        raise AssertionError("unreachable")

    def ask(self, peer: str, verb: Verb, *values: bytes) -> Answer:
        return self.raw(peer, wire.request(verb, *values))

    def ok(self, peer: str, verb: Verb, *values: bytes) -> tuple[bytes, ...]:
        answer = self.ask(peer, verb, *values)
        assert answer.status is Status.OK, (answer.status, answer.values)
        return answer.values

    def _exchange(self, peer: str, body: bytes) -> Answer:
        if peer not in self._dialled:
            self._dialled[peer] = self._dial(peer)
        connection = self._dialled[peer]
        connection.sendall(wire.frame(body))
        length = int.from_bytes(_read(connection, 4), "big")
        return wire.parse_answer(_read(connection, length))

    def _dial(self, peer: str) -> socket.socket:
        if peer != "terminal":
            return self.channels[peer].dial()
        dialled = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        dialled.settimeout(10)
        dialled.connect(str(self.folder / "terminal.sock"))
        return dialled

    # what tests do most

    def told(self) -> Told:
        return wire.parse_told(self.ok("worker", Verb.TIME))

    def today(self) -> int:
        return self.told().at // 86_400_000

    def seal(self, *, order: bytes, write: int = 1, **fields: Any) -> Sealed:
        item = ToSeal(order, Part.RECIPIENT, write, {name: Secret(value) for name, value in fields.items()})
        values = self.ok("worker", Verb.SEAL, i64(ACCOUNT), PERSON, wire.to_seal(item))
        (sealed,) = unpack(values[0])
        return wire.parse_sealed(sealed)

    def opening(self, sealed: Sealed, *, order: bytes, **other: object) -> tuple[Entry, ToOpen]:
        """An opening's entry and request as they should be, but for what `other` says."""
        part = other.get("part", Part.RECIPIENT)
        assert isinstance(part, Part)
        facts = {
            Fact.PART: part,
            Fact.WRITE: other.get("write", 1),
            Fact.PURPOSE: other.get("purpose", Purpose.DELIVERY),
        }
        entry = Entry(
            id=other.get("id", os.urandom(16)),  # type: ignore[arg-type]
            kind=other.get("kind", Kind.OPENED),  # type: ignore[arg-type]
            outcome=Outcome.DONE,
            at=other.get("at", self.told().at),  # type: ignore[arg-type]
            account=other.get("account", ACCOUNT),  # type: ignore[arg-type]
            subject=other.get("subject", order),  # type: ignore[arg-type]
            by=other.get("by", PERSON),  # type: ignore[arg-type]
            facts=facts,  # type: ignore[arg-type]
        )
        located = Located(Place(ACCOUNT, order, Part.RECIPIENT, 1), sealed.day, sealed.bundle)
        return entry, ToOpen(leaf.encode_entry(entry), b"s" * 32, located, sealed.body)

    def open(self, request: ToOpen, *, peer: str = "web", purpose: Purpose = Purpose.DELIVERY) -> list[bytes]:
        """The status and values of the one item asked for."""
        answer = self.ask(peer, Verb.OPEN, i64(ACCOUNT), u8(purpose), PERSON, wire.to_open(request))
        if answer.status is not Status.OK:
            return [u8(answer.status), *answer.values]
        return unpack(answer.values[0])

    def append(self, entries: Sequence[Entry], peer: str = "worker") -> Answer:
        return self.ask(peer, Verb.APPEND, *(pack([leaf.encode_entry(e), b"s" * 32]) for e in entries))


def _read(connection: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        piece = connection.recv(length - len(found))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)


@contextmanager
def broker_in(folder: Path, *, start: float = START) -> Iterator[Broker]:
    """A created and running broker whose clock begins at `start`."""
    broker = Broker(folder, ClockDriver(folder / "clock", start=start))
    made = broker.create()
    assert made.returncode == 0, made.stderr
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
        for channel in broker.channels.values():
            channel.close()
