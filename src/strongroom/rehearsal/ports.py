"""Ports for the servers of a rehearsal: outside the range from which the kernel serves clients, who come and go."""

import secrets
import socket
from typing import Final

FIRST: Final = 10_000
MANY: Final = 20_000
"""Up to 29,999: Linux takes clients' own ports from 32,768 on (`net.ipv4.ip_local_port_range`)."""


def free_port() -> int:
    """A port of this machine that nobody listens on. It stays free until somebody binds it, also minutes later."""
    while True:
        port = FIRST + secrets.randbelow(MANY)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
