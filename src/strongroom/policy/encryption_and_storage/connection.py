"""The socket to the key broker: dialled over the channel that the supervisor handed to this process (ES-3)."""

import os
import socket
import struct
import threading
import time
from typing import Final

from strongroom.formats import broker
from strongroom.formats.broker import Answer, Status, Verb
from strongroom.formats.malformed import Malformed
from strongroom.formats.refused import Refused

CHANNEL: Final = "STRONGROOM_BROKER_CHANNEL"
"""Environment variable that names the file descriptor of this process's channel."""
SOCKET: Final = "STRONGROOM_BROKER_SOCKET"
"""In service grade instead: the broker's named socket, where it knows this process by its uid (ADR 10)."""
PATIENCE: Final = 5.0
"""Seconds to wait for an answer. The broker itself refuses after 2 what it cannot journal."""
DIAL_PATIENCE: Final = 1.0


class Unavailable(Exception):
    """The key broker does not answer. Nothing is sealed, opened or journalled until it does."""


class Locked(Unavailable):
    """The key broker is locked. Unlock it with `strongroom keys unlock`."""


class TimeInDoubt(Unavailable):
    """The machine's clock jumped; nothing opens until Amazon or a person (`strongroom keys agree`) confirms it."""


class Forgotten(Exception):
    """The key of that day is gone: the data was forgotten on time and cannot be opened by anybody."""


class OverBudget(Refused):
    """More was asked for within 24 hours than one person or process may."""


class Connection:
    """One connection to the broker, used by one thread; redialled when the broker restarts."""

    def __init__(self, channel: socket.socket | None = None, path: str | None = None) -> None:
        self._channel = channel
        self._path = path
        self._socket: socket.socket | None = None

    def ask(self, verb: Verb, *values: bytes) -> tuple[bytes, ...]:
        """The values of an OK answer. Every verb may be asked again: entries are known by their id.

        A broker that restarts or is born again is waited for up to `PATIENCE`; after that, others fail at once for a
        second, so that a page does not wait once for each thing it asks.
        """
        global _down_until  # noqa: PLW0603 - what one thread learnt spares the others
        if time.monotonic() < _down_until:
            raise Unavailable("the key broker does not answer")
        body = broker.frame(broker.request(verb, *values))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                return values_of(self._exchange(body))
            except (OSError, EOFError, Malformed):
                self.close()
        _down_until = time.monotonic() + 1.0
        raise Unavailable("the key broker does not answer")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, body: bytes) -> Answer:
        if self._socket is None:
            self._socket = self._dial()
        self._socket.sendall(body)
        (length,) = struct.unpack(">I", self._read(self._socket, 4))
        if length > broker.MAX_FRAME:
            raise Malformed("a frame is at most 32 MiB")
        return broker.parse_answer(self._read(self._socket, length))

    def _dial(self) -> socket.socket:
        if self._path is not None:
            dialled = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            dialled.settimeout(PATIENCE)
            try:
                dialled.connect(self._path)
            except OSError:
                dialled.close()
                time.sleep(0.05)
                raise
            return dialled
        if self._channel is None:
            raise Unavailable("this process was given no channel to the key broker")
        self._channel.settimeout(DIAL_PATIENCE)
        self._channel.send(b"D")
        _, descriptors, _, _ = socket.recv_fds(self._channel, 16, 1)
        if not descriptors:
            raise EOFError
        dialled = socket.socket(fileno=descriptors[0])
        dialled.settimeout(PATIENCE)
        return dialled

    @staticmethod
    def _read(source: socket.socket, length: int) -> bytes:
        found = bytearray()
        while len(found) < length:
            piece = source.recv(min(length - len(found), 1 << 20))
            if not piece:
                raise EOFError
            found += piece
        return bytes(found)


def values_of(answer: Answer) -> tuple[bytes, ...]:
    """The values of an answer, or what its status means as an exception."""
    if answer.status is Status.OK:
        return answer.values
    clause, sentence = [value.decode("utf-8", "replace") for value in (*answer.values, b"", b"")[:2]]
    match answer.status:
        case Status.LOCKED:
            raise Locked(sentence)
        case Status.TIME_IN_DOUBT:
            raise TimeInDoubt(sentence)
        case Status.GONE:
            raise Forgotten(sentence)
        case Status.OVER_BUDGET:
            raise OverBudget(clause or "AM-8", sentence)
        case Status.REFUSED:
            raise Refused(clause or "ES-3", sentence)
        case _:
            raise Unavailable(sentence)


_threads = threading.local()
_down_until = 0.0
_channel_lock = threading.Lock()
_channel: socket.socket | None = None
_path: str | None = None


def use_path(path: str) -> None:
    """Talk to the broker's named socket (the terminal's); called once, at start of a command."""
    global _path  # noqa: PLW0603 - one broker a process, set before anything asks
    _path = path


def here() -> Connection:
    """This thread's connection."""
    mine: Connection | None = getattr(_threads, "connection", None)
    if mine is None:
        path = _path or os.environ.get(SOCKET)
        mine = _threads.connection = Connection(None if path else _the_channel(), path)
    return mine


def _the_channel() -> socket.socket | None:
    global _channel  # noqa: PLW0603 - the descriptor is inherited once
    with _channel_lock:
        if _channel is None and os.environ.get(CHANNEL):
            _channel = socket.socket(fileno=os.dup(int(os.environ[CHANNEL])))
        return _channel
