"""Processes as the kernel shows them, and which of them are ours."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.formats.grade import Role
from strongroom.installation import neighbours
from strongroom.installation.inspector.seen import Surroundings
from strongroom.installation.neighbours import PROC

NAMES: Final = {
    "keybroker": Role.BROKER, "website": Role.WEB, "worker": Role.WORKER, "postgres": Role.DATABASE,
    "inspector": Role.INSPECTOR, "marketplace": Role.AMAZON, "printer": Role.AMAZON,
    "mail": Role.AMAZON,
}  # fmt: skip
"""The supervisor's names of its children."""
UNIT: Final = re.compile(r"/strongroom-([a-z]+)\.service")


@dataclass(frozen=True)
class Process:
    """One living process. `dumpable` None: the kernel does not tell (of root's own). Capability sets are bit masks."""

    pid: int
    parent: int
    uid: int
    name: str
    unit: str
    dumpable: bool | None
    no_new_privileges: bool
    core_limit: str
    capabilities: int
    tracer: int
    locked_kib: int
    swapped_kib: int
    born: str


def living() -> dict[int, Process]:
    """Every process, by pid."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, KeyError, ValueError, IndexError):
                found[int(entry.name)] = _read(entry)
    return found


def ours(around: Surroundings, everybody: Mapping[int, Process]) -> dict[int, Role | None]:
    """Our processes with their roles; without one where uid, name and unit do not tell.

    Under a supervisor: its recorded children with what descends from them, and in service grade what else it started
    under our uids. Under a service manager: what runs in our units.
    """
    if around.description.managed_by == "units":
        found = {pid: UNIT.search(process.unit) for pid, process in everybody.items()}
        return {pid: _unit_role(match[1]) for pid, match in found.items() if match is not None}
    record = _record(around)
    roles: dict[int, Role | None] = {}
    for pid in everybody:
        top = _below(around.supervisor, pid, everybody)
        role = record.get(top or 0) or around.role_of(everybody[pid].uid)
        if top is not None and role is not None:
            roles[pid] = role
    return roles


def descriptors() -> Iterator[tuple[str, int]]:
    """Each open socket's inode with a pid that holds it, as far as the system shows it to us."""
    for entry in PROC.glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if target.startswith("socket:["):
                yield target[8:-1], int(entry.parts[2])


def network_of(pid: int) -> int | None:
    """The number of a process's network namespace."""
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "ns" / "net").stat().st_ino
    return None


def _read(entry: Path) -> Process:
    status = dict(
        line.split(":\t", 1) for line in (entry / "status").read_text(encoding="utf-8", errors="replace").splitlines()
        if ":\t" in line
    )  # fmt: skip
    uid = int(status["Uid"].split()[1])
    return Process(
        pid=int(entry.name), parent=int(status["PPid"]), uid=uid, name=status["Name"], unit=_unit(entry),
        dumpable=_is_dumpable(entry, uid), no_new_privileges=status["NoNewPrivs"].strip() == "1",
        core_limit=_core_limit(entry),
        capabilities=int(status["CapEff"], 16) | int(status["CapPrm"], 16) | int(status["CapAmb"], 16),
        tracer=int(status["TracerPid"]), locked_kib=_kib(status, "VmLck"), swapped_kib=_kib(status, "VmSwap"),
        born=neighbours.born(int(entry.name)),
    )  # fmt: skip


def _is_dumpable(entry: Path, uid: int) -> bool | None:
    """The kernel gives the files of a process that is not dumpable to root (proc(5)); root's always are root's."""
    return None if uid == 0 else (entry / "environ").stat().st_uid == uid


def _core_limit(entry: Path) -> str:
    for line in (entry / "limits").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("Max core file size"):
            return "/".join(line.split()[4:6])
    return "unknown"


def _kib(status: Mapping[str, str], name: str) -> int:
    return int(status[name].split()[0]) if name in status else 0


def _unit(entry: Path) -> str:
    with contextlib.suppress(OSError):
        return (entry / "cgroup").read_text(encoding="utf-8", errors="replace")[:2000]
    return ""


def _unit_role(name: str) -> Role | None:
    return {**NAMES, "broker": Role.BROKER, "web": Role.WEB, "database": Role.DATABASE}.get(name)


def _record(around: Surroundings) -> dict[int, Role]:
    """The supervisor's children by pid; a pid counts only with the birth that was written beside it."""
    try:
        told = json.loads((around.folders.run / "children").read_text(encoding="utf-8"))
        return {
            child["pid"]: NAMES[name] for name, child in told.items()
            if name in NAMES and neighbours.born(child["pid"]) == child["born"]
        }  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _below(root: int, pid: int, everybody: Mapping[int, Process]) -> int | None:
    """The child of `root` that `pid` is or descends from."""
    for _ in range(64):
        process = everybody.get(pid)
        if process is None or process.parent == 0:
            return None
        if process.parent == root:
            return pid
        pid = process.parent
    return None
