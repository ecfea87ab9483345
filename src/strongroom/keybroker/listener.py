"""Sockets of the broker: channels that hand out connections, named sockets that tell by uid, and framed requests.

One thread. A peer that is slow, silent or sends nonsense holds up nobody: its bytes wait in its own buffer.
"""

import math
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.formats import broker as wire
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Peer
from strongroom.keybroker.asking import Asker

TICK: Final = 0.2
"""Seconds between looks at the time when nobody asks."""
REBORN_WITHIN: Final = 2.0
"""Seconds that a dead key's bytes may lie in this process's memory while others keep it busy."""
MOST_CONNECTIONS: Final = 128
"""Of one peer."""
MOST_HALF: Final = 64 << 20
"""Bytes of requests that did not arrive whole yet, of one peer."""
READ_AT_ONCE: Final = 1 << 20
MOST_UNSENT: Final = 64 << 20

Handle = Callable[[Asker, wire.Verb, list[bytes]], bytes]


@dataclass
class _Connection:
    socket: socket.socket
    asker: Asker
    received: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    last: bool = False


class Listener:
    """Serves until `stop`. `tick` is called between requests; a true answer ends `serve` at the next idle moment.

    `stranger` is told each uid that connected and is nobody's: the connection is closed unread (ES-3).
    """

    def __init__(self, handle: Handle, tick: Callable[[], bool], stranger: Callable[[int], None]) -> None:
        self._handle = handle
        self._tick = tick
        self._stranger = stranger
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, _Connection] = {}
        self._stopping = False

    def add_channel(self, descriptor: int, peer: Peer) -> None:
        """A datagram socket on which `D` asks for a connection as this peer."""
        channel = socket.socket(fileno=descriptor)
        channel.setblocking(False)
        self._selector.register(channel, selectors.EVENT_READ, lambda _: self._dialled(channel, peer))

    def add_terminal(self, path: Path) -> None:
        """The named socket for people at this machine: mode 0600, and the asker's uid must be ours or root's."""
        self._listen(path, {os.getuid(): Peer.TERMINAL, 0: Peer.TERMINAL}, mask=0o177)

    def add_peers(self, path: Path, uids: Mapping[int, Peer]) -> None:
        """The named socket of service grade. Anybody may knock, so that strangers are counted; the uid decides."""
        self._listen(path, uids, mask=0o111)

    def _listen(self, path: Path, uids: Mapping[int, Peer], *, mask: int) -> None:
        """Bound under its own name, by which the system shows it; who knocks in the moment without one tries again."""
        path.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(mask)
        try:
            server.bind(str(path))
        finally:
            os.umask(before)
        server.listen(64)
        server.setblocking(False)
        self._selector.register(server, selectors.EVENT_READ, lambda _: self._accepted(server, uids))

    def serve(self) -> None:
        """Answer until `stop` is called or a tick says that the process wants to be reborn.

        Then the next idle moment ends it, or `REBORN_WITHIN` where none comes: whoever is cut off asks again.
        """
        wanted = math.inf
        while not self._stopping:
            ready = self._selector.select(TICK)
            if self._tick():
                wanted = min(wanted, time.monotonic())
                if not ready or time.monotonic() - wanted >= REBORN_WITHIN:
                    return
            for key, events in ready:
                key.data(events)

    def stop(self) -> None:
        self._stopping = True

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stopping

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            descriptor = key.fileobj
            if isinstance(descriptor, socket.socket) and descriptor.fileno() in self._connections:
                descriptor.close()
        self._selector.close()

    def _dialled(self, channel: socket.socket, peer: Peer) -> None:
        try:
            asked, _, _, _ = channel.recvmsg(16)
        except OSError:
            return
        if asked != b"D" or len(self._of(peer)) >= MOST_CONNECTIONS:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            socket.send_fds(channel, [b"D"], [theirs.fileno()])
        except OSError:
            ours.close()
        else:
            self._register(ours, peer)
        theirs.close()

    def _accepted(self, server: socket.socket, uids: Mapping[int, Peer]) -> None:
        try:
            accepted, _ = server.accept()
        except OSError:  # who knocked is gone
            return
        uid = _uid_of(accepted)
        peer = uids.get(uid)
        if peer is None:
            self._stranger(uid)
        if peer is None or len(self._of(peer)) >= MOST_CONNECTIONS:
            accepted.close()
            return
        self._register(accepted, peer)

    def _of(self, peer: Peer) -> list[_Connection]:
        """A peer's connections: what one has too many of is no other's trouble."""
        return [each for each in self._connections.values() if each.asker.peer is peer]

    def _register(self, connected: socket.socket, peer: Peer) -> None:
        connected.setblocking(False)
        connection = _Connection(connected, Asker(peer))
        self._connections[connected.fileno()] = connection
        self._selector.register(connected, selectors.EVENT_READ, lambda events: self._served(connection, events))

    def _served(self, connection: _Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_READ and not connection.last:
                self._receive(connection)
            self._send(connection)
        except (OSError, EOFError):
            self._drop(connection)

    def _receive(self, connection: _Connection) -> None:
        piece = connection.socket.recv(READ_AT_ONCE)
        if not piece:
            raise EOFError
        connection.received += piece
        if sum(len(each.received) for each in self._of(connection.asker.peer)) > MOST_HALF:
            raise EOFError
        while (body := _next_frame(connection.received)) is not None and not connection.last:
            connection.unsent += wire.frame(self._answer(connection, body))
            if len(connection.unsent) > MOST_UNSENT:
                raise EOFError

    def _answer(self, connection: _Connection, body: bytes) -> bytes:
        """One answer; after a request that is not understood the connection ends."""
        try:
            verb, arguments = wire.parse_request(body)
        except Malformed as why:
            connection.last = True
            return wire.answer(wire.Status.MALFORMED, b"ES-3", str(why).encode())
        return self._handle(connection.asker, verb, arguments)

    def _send(self, connection: _Connection) -> None:
        if connection.unsent:
            try:
                sent = connection.socket.send(connection.unsent)
            except BlockingIOError:
                sent = 0
            del connection.unsent[:sent]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        if connection.last and not connection.unsent:
            raise EOFError
        key = self._selector.get_key(connection.socket)
        if key.events != wanted:
            self._selector.modify(connection.socket, wanted, key.data)

    def _drop(self, connection: _Connection) -> None:
        self._connections.pop(connection.socket.fileno(), None)
        self._selector.unregister(connection.socket)
        connection.socket.close()


def _next_frame(received: bytearray) -> bytes | None:
    """The next whole frame's body, taken out of the buffer. Raises `EOFError` for a length no frame may have."""
    if len(received) < 4:
        return None
    (length,) = struct.unpack_from(">I", received)
    if length > wire.MAX_FRAME:
        raise EOFError
    if len(received) < 4 + length:
        return None
    body = bytes(received[4 : 4 + length])
    del received[: 4 + length]
    return body


def _uid_of(connected: socket.socket) -> int:
    """The uid at the other end (SO_PEERCRED); -1 where the system does not tell, which is nobody's."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return -1
    _, uid, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(uid)
