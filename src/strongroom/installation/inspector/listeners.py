"""Look `listeners`: every listening socket with who holds it (ET-2, ET-3)."""

import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.formats.grade import Role
from strongroom.installation.description import Listener
from strongroom.installation.inspector import processes
from strongroom.installation.inspector.processes import Process
from strongroom.installation.inspector.seen import Seen, Surroundings, shown
from strongroom.installation.neighbours import PROC

STATES: Final = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
"""TCP that listens; UDP that is not connected to one other end, so that anybody may send to it."""
ACCEPTS: Final = 0x10000
FIRST_PERSON: Final = 1000
WELL_KNOWN: Final = {
    ("tcp", 22): {"sshd", "systemd"},
    ("tcp", 53): {"systemd-resolve", "dnsmasq", "named", "unbound"},
    ("udp", 53): {"systemd-resolve", "dnsmasq", "named", "unbound"},
    ("udp", 68): {"dhclient", "dhcpcd", "systemd-network", "NetworkManager"},
    ("udp", 546): {"dhclient", "dhcpcd", "systemd-network", "NetworkManager"},
    ("udp", 123): {"chronyd", "ntpd", "systemd-timesyn"},
    ("udp", 323): {"chronyd"},
}
"""Administration, names and time of the machine, by port and program: they carry no Amazon Information."""


@dataclass(frozen=True)
class Found:
    """One listening socket. `pid` None: not shown to us."""

    kind: str
    address: str
    port: int
    uid: int
    pid: int | None

    def words(self) -> str:
        return f"{self.kind} {self.address}:{self.port}" if self.kind != "unix" else f"unix {self.address}"


def look(around: Surroundings, seen: Seen) -> None:
    everybody = processes.living()
    roles = processes.ours(around, everybody)
    holders = dict(processes.descriptors())
    told: dict[str, list[str]] = {"ours": [], "foreign": [], "unlisted": []}
    heard: set[Listener] = set()
    views = _views(list(roles))
    for found in (found for view in views for found in _internet(view, holders)):
        wanted = _wanted(around, found)
        process = everybody.get(found.pid or 0)
        kind = _kind(around, found, process, wanted, ours=found.pid in roles or around.role_of(found.uid) is not None)
        told[kind].append(f"{found.words()} {_holder(found, process)}")
        if kind == "ours":
            heard |= {wanted} if wanted else set()
            _judge_ours(around, seen, found, wanted)
        elif kind == "unlisted" and around.is_service:
            seen.problem(
                f"Something unlisted listens: {found.words()}, {_holder(found, process)}.",
                f"End it, or list it as `{found.kind}/{found.port}` in [network] other_listeners if it carries no"
                " Amazon Information.",
            )
    heard |= _unix(around, seen, views, holders, told["ours"])
    for name, words in told.items():
        seen.saw(name, sorted(words))
    silent = [one for one in around.description.listeners if one not in heard]
    seen.saw("silent", sorted(f"{one.kind} {one.address}:{one.port} {one.role}" for one in silent))
    if not around.is_service:
        seen.cannot("Under one uid, whose a socket is cannot be told for sure; it needs `strongroom init`.")


def listening() -> list[str]:
    """What listens on this machine now, as the configuration lists it (`tcp/22`)."""
    return sorted({f"{found.kind}/{found.port}" for found in _internet(PROC / "self" / "net", {})})


def _kind(around: Surroundings, found: Found, process: Process | None, wanted: Listener | None, *, ours: bool) -> str:
    if ours or wanted is not None:
        return "ours"
    if f"{found.kind}/{found.port}" in around.description.others:
        return "foreign"
    by = WELL_KNOWN.get((found.kind, found.port), set())
    return "foreign" if process is not None and process.name in by and found.uid < FIRST_PERSON else "unlisted"


def _judge_ours(around: Surroundings, seen: Seen, found: Found, wanted: Listener | None) -> None:
    if wanted is None:
        seen.problem(
            f"One of our processes listens where it should not: {found.words()}.",
            "Restart Strongroom; if it is there again, look which process it is (ss -lpn).",
        )
        return
    uid = around.description.grade.uids.get(wanted.role)
    if uid is not None and found.uid != uid:
        seen.problem(
            f"Where the {wanted.role} should listen, {found.words()}, somebody else does (uid {found.uid}).",
            "End that process, then restart Strongroom.",
        )


def _wanted(around: Surroundings, found: Found) -> Listener | None:
    for one in around.description.listeners:
        if (one.kind, one.port) == (found.kind, found.port) and _address(one.address) == found.address:
            return one
    return None


def _address(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return {"localhost": "127.0.0.1"}.get(name, name)


def _holder(found: Found, process: Process | None) -> str:
    return f"{process.name}, uid {found.uid}" if process is not None else f"uid {found.uid}"


def _views(pids: list[int]) -> list[Path]:
    """The network as we see it, and as each process of ours does that has another one, as the key broker."""
    networks = {processes.network_of(os.getpid()): PROC / "self" / "net"}
    for pid in pids:
        network = processes.network_of(pid)
        if network is not None:
            networks.setdefault(network, PROC / str(pid) / "net")
    return list(networks.values())


def _internet(view: Path, holders: dict[str, int]) -> Iterator[Found]:
    for name, state in STATES.items():
        for words in _lines(view / name):
            if words[3] == state:
                address, port = words[1].rsplit(":", 1)
                yield Found(name[:3], _from_hex(address), int(port, 16), int(words[7]), holders.get(words[9]))


def _lines(path: Path) -> Iterator[list[str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # a kernel without IPv6, or a process that has just ended
        return
    for line in text.splitlines()[1:]:
        yield line.split()


def _from_hex(words: str) -> str:
    """An address as /proc/net shows it: 32-bit words in the machine's own order of bytes."""
    numbers = [int(words[at : at + 8], 16) for at in range(0, len(words), 8)]
    packed = struct.pack(f"={len(numbers)}I", *numbers)
    return socket.inet_ntop(socket.AF_INET if len(numbers) == 1 else socket.AF_INET6, packed)


def _unix(
    around: Surroundings, seen: Seen, views: list[Path], holders: dict[str, int], told: list[str]
) -> set[Listener]:  # fmt: skip
    """Named sockets in our folders: each must be wanted, and belong to whom it should."""
    here = (str(around.folders.data.resolve()), str(around.folders.run.resolve()), str(around.folders.run))
    heard = set()
    for words in (words for view in views for words in _lines(view / "unix")):
        if len(words) < 8 or not int(words[3], 16) & ACCEPTS:
            continue
        path = " ".join(words[7:])
        if not any(path == folder or path.startswith(f"{folder}/") for folder in here):
            continue
        wanted = next((one for one in around.description.listeners if one.address == path), None)
        told.append(f"unix {path}")
        if wanted is None:
            seen.problem(
                f"An unlisted socket listens in our folders: {shown(Path(path))}"
                f" (process {holders.get(words[6], 'unknown')}).",
                "Look which process it is (ss -lxp), and end it.",
            )
        else:
            heard.add(wanted)
            _owner_of(around, seen, wanted)
    return heard


def _owner_of(around: Surroundings, seen: Seen, wanted: Listener) -> None:
    uid = around.description.grade.uids.get(wanted.role, around.description.grade.uids.get(Role.WEB))
    try:
        state = Path(wanted.address).lstat()
    except OSError:
        return
    if uid is not None and state.st_uid != uid:
        seen.problem(
            f"The socket {shown(Path(wanted.address))} belongs to uid {state.st_uid}, not to the {wanted.role}.",
            "Restart Strongroom.",
        )
