"""A port for a test's server: outside the range that the kernel hands out, where other tests' servers come and go."""

import secrets
import socket


def free_port() -> int:
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
