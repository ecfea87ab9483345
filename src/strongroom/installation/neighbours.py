"""Other processes of this machine: whether one is what a file says it is. Pids are used again, so never a pid alone."""

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Final

from strongroom.formats.clock import SystemClock

PROC: Final = Path("/proc")
CAN_LOOK: Final = (PROC / "self" / "stat").exists()
"""Whether the system shows folders and descriptors of processes (Linux). Elsewhere `ps` shows commands only."""
LISTENING: Final = "0A"


def born(pid: int) -> str:
    """A name for this life of a pid, empty for the dead and for zombies; another process of that pid has another."""
    if not CAN_LOOK:
        return _ps(pid, "lstart=")
    try:
        words = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if words[0] in "ZX" else f"{words[19]} {SystemClock().boot_id()}"


def parent(pid: int) -> int:
    """The pid of a process's parent; 0 where it is not shown."""
    try:
        return int(
            (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[1]
        )
    except (OSError, IndexError):
        return 0


def is_postmaster(pid: int, folder: Path) -> bool:
    """Whether this pid is a living postgres of this data folder."""
    if not CAN_LOOK:
        words = _ps(pid, "command=")
        return "postgres -D " in words and str(folder) in words
    try:
        parts = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return parts[0].rsplit(b"/", 1)[-1] == b"postgres" and os.fsencode(folder) in parts


def is_postgres(pid: int) -> bool:
    """Whether this pid is any living PostgreSQL, whatever its folder."""
    if not CAN_LOOK:
        return "postgres" in _ps(pid, "command=")
    with contextlib.suppress(OSError):
        return bool(born(pid)) and (PROC / str(pid) / "comm").read_text(encoding="utf-8").strip() == "postgres"
    return False


def postgres_in(folder: Path) -> list[int]:
    """Every living PostgreSQL process that works in this folder: a backend keeps its folder, not its command line.

    Only such: an administrator's shell may stand in the folder too. Empty where the system does not show it.
    """
    if not CAN_LOOK:
        return []
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder and is_postgres(int(entry.name)):
                found.append(int(entry.name))
    return found


def listener(port: int) -> int | None:
    """The pid that listens on a TCP port; nothing where the system does not show it to us."""
    wanted: set[str] = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == LISTENING and int(words[1].rsplit(":", 1)[1], 16) == port:
                    wanted.add(f"socket:[{words[9]}]")
    if not wanted:
        return None
    for descriptor in PROC.glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) in wanted:
                return int(descriptor.parts[2])
    return None


def _ps(pid: int, what: str) -> str:
    """One column of `ps` for a pid; empty for the dead."""
    told = subprocess.run(["ps", "-o", what, "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()
