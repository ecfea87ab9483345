"""The key broker's channels: one datagram socket pair a peer, both ends kept by the supervisor for its whole life.

So a restarted broker or peer takes the same one over, and nobody else on the machine can dial as that peer (ADR 5).
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Channel:
    """Both ends of a peer's way to the broker."""

    peers: socket.socket
    brokers: socket.socket

    def close(self) -> None:
        self.peers.close()
        self.brokers.close()


def make_channels(names: Sequence[str]) -> dict[str, Channel]:
    """A channel a peer (docs/formats/broker-protocol.md, "Peers")."""
    return {name: Channel(*socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)) for name in names}
