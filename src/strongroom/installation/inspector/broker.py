"""The inspector's way to the key broker: it may ask what time it is believed to be, and for the broker's state."""

import socket
import struct
from pathlib import Path
from typing import Final

from strongroom.formats import broker as wire
from strongroom.formats.broker import Status, Told, Verb
from strongroom.formats.malformed import Malformed
from strongroom.formats.wire import number

PATIENCE: Final = 3.0


class Silent(Exception):
    """The key broker does not answer."""


class Broker:
    """Asked anew each time: the inspector asks seldom, and a broker that was born again is another connection."""

    def __init__(self, *, channel: socket.socket | None = None, path: Path | None = None) -> None:
        self._channel = channel
        self._path = path

    def time(self) -> Told:
        """Believed time. Raises `Silent`."""
        try:
            return wire.parse_told(self._ask(Verb.TIME))
        except Malformed as why:
            raise Silent(str(why)) from None

    def strangers(self) -> int:
        """How many connections of unknown uids it has refused (ES-3). Raises `Silent`."""
        values = self._ask(Verb.STATUS)
        if len(values) < 11:
            raise Silent("it tells less than this version asks for")
        return number(values[10])

    def locked(self) -> bool:
        return self.time().locked

    def _ask(self, verb: Verb) -> tuple[bytes, ...]:
        try:
            with self._dial() as dialled:
                dialled.sendall(wire.frame(wire.request(verb)))
                (length,) = struct.unpack(">I", _read(dialled, 4))
                answer = wire.parse_answer(_read(dialled, length))
        except (OSError, EOFError, Malformed) as why:
            raise Silent(str(why)) from None
        if answer.status is not Status.OK:
            raise Silent(f"it refused {verb.name.lower()}")
        return answer.values

    def _dial(self) -> socket.socket:
        if self._path is not None:
            dialled = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            dialled.settimeout(PATIENCE)
            try:
                dialled.connect(str(self._path))
            except OSError:
                dialled.close()
                raise
            return dialled
        if self._channel is None:
            raise EOFError("no way to it was given")
        self._channel.settimeout(PATIENCE)
        self._channel.send(b"D")
        _, descriptors, _, _ = socket.recv_fds(self._channel, 16, 1)
        if not descriptors:
            raise EOFError
        dialled = socket.socket(fileno=descriptors[0])
        dialled.settimeout(PATIENCE)
        return dialled


def _read(source: socket.socket, length: int) -> bytes:
    if length > wire.MAX_FRAME:
        raise Malformed("a frame is at most 32 MiB")
    found = bytearray()
    while len(found) < length:
        piece = source.recv(min(length - len(found), 1 << 20))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)
