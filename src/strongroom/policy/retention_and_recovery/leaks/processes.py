"""What processes show of themselves (arguments, environment), and what stays in their memory, and for how long."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from strongroom.policy.retention_and_recovery.leaks.looking import Scanner

PROC: Final = Path("/proc")
_REGION: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)\s*(.*)$")
STEP: Final = 8 << 20
NEVER_READ: Final = frozenset({"[vvar]", "[vsyscall]", "[vvar_vclock]"})


def family(roots: Iterable[int]) -> list[int]:
    """These processes and all that descend from them, as far as the system shows."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            parent = _parent(int(entry.name))
            if parent:
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], list(dict.fromkeys(roots))
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return sorted(set(found))


def look_at(scanner: Scanner, pids: Iterable[int]) -> None:
    """Arguments and environment of each."""
    for pid in pids:
        for what in ("cmdline", "environ"):
            path = PROC / str(pid) / what
            try:
                scanner.data(f"{path} ({named(pid)})", path.read_bytes())
            except OSError as why:
                scanner.not_read(str(path), why)


def named(pid: int) -> str:
    """What the process calls itself, or a number."""
    try:
        return (PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return str(pid)


def copies(pid: int, wanted: Mapping[str, bytes]) -> dict[str, int]:
    """How often each of some byte strings stands in a process's memory now. Needs root, or the same debugger's rights.

    Memory that even the kernel's reads do not reach (memfd_secret) is passed over. Raises `OSError` where the process
    cannot be looked into at all.
    """
    longest = max(len(data) for data in wanted.values())
    counts = dict.fromkeys(wanted, 0)
    with (PROC / str(pid) / "mem").open("rb", buffering=0) as memory:
        for begins, ends in _regions(pid):
            at, before = begins, b""
            while at < ends:
                try:
                    data = os.pread(memory.fileno(), min(STEP, ends - at), at)
                except OSError:
                    break
                if not data:
                    break
                for name, needle in wanted.items():
                    block = before[-(len(needle) - 1) :] + data if len(needle) > 1 else data
                    counts[name] += block.count(needle)
                at, before = at + len(data), data[-longest:]
    return counts


def _regions(pid: int) -> list[tuple[int, int]]:
    """What a process may write, and what has no file behind it."""
    found = []
    for line in (PROC / str(pid) / "maps").read_text(encoding="utf-8", errors="replace").splitlines():
        region = _REGION.match(line)
        if region and region[3][0] == "r" and region[5] not in NEVER_READ and (region[3][1] == "w" or region[4] == "0"):
            found.append((int(region[1], 16), int(region[2], 16)))
    return found


def _parent(pid: int) -> int:
    try:
        words = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        return int(words[1])
    except (OSError, IndexError, ValueError):
        return 0
