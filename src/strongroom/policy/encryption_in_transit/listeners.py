"""Every TCP socket of ours that listens, as Linux shows it, and what it answers in plain text (ET-2)."""

import contextlib
import json
import os
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TABLES: Final = (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6))
LISTENS: Final = "0A"
WAITS: Final = 0.8
"""Seconds that something in plain text may take to answer."""
HTTP: Final = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"
SMTP: Final = b"EHLO localhost\r\n"
_STARTUP: Final = struct.pack(">I", 196_608) + b"user\0postgres\0database\0postgres\0\0"
POSTGRESQL: Final = struct.pack(">I", len(_STARTUP) + 4) + _STARTUP
TONGUES: Final = {"HTTP": HTTP, "SMTP": SMTP, "PostgreSQL": POSTGRESQL}
TLS_ALERT: Final = b"\x15\x03"
"""How a TLS server says, in two bytes, that this is no TLS."""


@dataclass(frozen=True)
class Listener:
    """A listening socket: where it is reached from this machine, whose it is."""

    family: socket.AddressFamily
    host: str
    port: int
    uid: int
    inode: int


def ours(data: Path) -> list[Listener]:
    """Those of this installation's processes. Raises `FileNotFoundError` where the system has no such tables.

    By uid, where each process has its own. Under one uid, what another program of the same user holds is not ours;
    what we are not shown the holder of is: our processes are the ones that hide.
    """
    uids = {os.getuid(), *_uids(data)}
    mine = [each for each in _all() if each.uid in uids]
    holders = _holders({each.inode for each in mine})
    above = os.getppid()
    return [each for each in mine if each.inode not in holders or _is_below(holders[each.inode], above)]


def plain_answers(listeners: Sequence[Listener]) -> list[tuple[Listener, str]]:
    """Which of them answered to which language spoken in plain text."""
    asked = [(listener, tongue) for listener in listeners for tongue in TONGUES]
    with ThreadPoolExecutor(min(32, len(asked) or 1)) as pool:
        said = list(pool.map(lambda each: _answers(*each), asked))
    return [each for each, answered in zip(asked, said, strict=True) if answered]


def _answers(listener: Listener, tongue: str) -> bool:
    """Whether something but a TLS alert comes back. Mail servers speak first, so they are listened to before."""
    with contextlib.suppress(OSError), socket.socket(listener.family, socket.SOCK_STREAM) as asking:
        asking.settimeout(WAITS)
        asking.connect((listener.host, listener.port))
        if tongue == "SMTP" and _heard(asking):
            return True
        asking.sendall(TONGUES[tongue])
        return _heard(asking)
    return False


def _heard(asking: socket.socket) -> bool:
    try:
        said = asking.recv(64)
    except TimeoutError:
        return False
    return bool(said) and not said.startswith(TLS_ALERT)


def _all() -> Iterator[Listener]:
    for table, family in TABLES:
        if not Path(table).exists():
            if family is socket.AF_INET:
                raise FileNotFoundError(table)
            continue
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENS:
                address, _, port = words[1].partition(":")
                yield Listener(family, _host(address, family), int(port, 16), int(words[7]), int(words[9]))


def _host(address: str, family: socket.AddressFamily) -> str:
    """Where to reach it: the tables say addresses as little-endian words; one for all is reached at the loopback."""
    words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]
    host = socket.inet_ntop(family, b"".join(words))
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - looked at, not bound


def _uids(data: Path) -> list[int]:
    """The uids of a service's processes, as whoever started it wrote them down."""
    try:
        told = json.loads((data / "installation.json").read_text(encoding="utf-8"))
        return [int(uid) for role, uid in told["uids"].items() if role != "amazon"]  # a rehearsal's outside world
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _holders(inodes: set[int]) -> dict[int, int]:
    """Who holds these sockets, as far as this process is shown it."""
    found: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for link in (folder / "fd").iterdir():
                told = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
                if told is not None and int(told[1]) in inodes:
                    found[int(told[1])] = int(folder.name)
    return found


def _is_below(pid: int, above: int) -> bool:
    """Whether a process is this one or was started below it."""
    while pid > 1:
        if pid == above:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return False
    return above == 1
