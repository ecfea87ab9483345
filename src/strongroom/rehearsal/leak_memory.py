"""What stays in memory, measured: plaintext after an opening, and a day key in the broker after its death.

Needs root (or the same rights a debugger needs); what it cannot look into is said to be unknown.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from strongroom.formats import ring as format_
from strongroom.formats import sealed
from strongroom.formats.ring import KeyKind, Unlocks
from strongroom.formats.sealed import CannotOpen
from strongroom.keybroker import secrets
from strongroom.keybroker.cells import FileCells
from strongroom.policy.retention_and_recovery.leaks import processes
from strongroom.policy.retention_and_recovery.leaks.canaries import Customer
from strongroom.policy.retention_and_recovery.leaks.forms import needles
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal

MOMENTS: Final = (0.0, 1.0, 3.0, 10.0, 30.0)
IN_MEMORY: Final = frozenset({"utf-8", "utf-16-le", "utf-32-le", "latin-1"})
"""How a process keeps text: as it came, and as Python's own strings hold it."""


def half_lives(rehearsal: Rehearsal, support: Browser, customer: Customer, path: str) -> dict[str, Any]:
    """Copies of a canary's street in web, worker and broker over some seconds in which pages are asked for."""
    canary = next(each for each in customer.canaries if each.id.endswith(".line1"))
    wanted = {f"{n.form} {i}": n.data for i, n in enumerate(needles([canary])) if n.form in IN_MEMORY}
    support.reveal(path)
    began, rows = time.monotonic(), []
    for moment in MOMENTS:
        while time.monotonic() - began < moment:
            support.get("/orders/")
            time.sleep(0.2)
        rows.append({"seconds": moment, **_counted(rehearsal, wanted)})
    return {
        "plaintext": rows,
        "half_life_seconds": {name: _half_life(rows, name) for name in ("website", "worker", "keybroker")},
    }


def destroyed_key(rehearsal: Rehearsal, live: Callable[[], None]) -> dict[str, Any]:
    """Whether the broker's memory holds the oldest day key before its death (it must) and after it (it must not).

    The key is known here only because a rehearsal's unlock file lies beside its ring: opened before the death as the
    broker opens it, with the cell that is overwritten later.
    """
    keys = _oldest_key(rehearsal)
    if keys is None:
        live()
        return {"destroyed_key": None}
    before = _copies(rehearsal, keys)
    live()
    after = _copies(rehearsal, keys)
    return {"destroyed_key": {"copies_before": before, "copies_after": after, "died": _oldest_key(rehearsal) != keys}}


def _oldest_key(rehearsal: Rehearsal) -> dict[str, bytes] | None:
    folder = rehearsal.folders.keys
    ring = format_.decode((folder / "ring").read_bytes())
    row = min((row for row in ring.rows if row.kind is KeyKind.DAY), key=lambda row: row.day, default=None)
    if row is None:
        return None
    try:
        unlock = secrets.open_envelopes(ring, Unlocks.FILE, (rehearsal.folders.data / "rehearsal-unlock").read_bytes())
        key = format_.open_row(row, unlock=unlock, cell=FileCells(folder / "cells").read(row.cell))
    except CannotOpen:
        return None
    return {"key": key, "wrap": sealed.wrap_key(key)}


def _copies(rehearsal: Rehearsal, wanted: dict[str, bytes]) -> dict[str, int] | None:
    try:
        return processes.copies(rehearsal.running.supervisor.pid("keybroker"), wanted)
    except OSError:
        return None


def _counted(rehearsal: Rehearsal, wanted: dict[str, bytes]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for name in ("website", "worker", "keybroker"):
        pids = processes.family([rehearsal.running.supervisor.pid(name)])
        try:
            found[name] = sum(sum(processes.copies(pid, wanted).values()) for pid in pids)
        except OSError:
            found[name] = None
    return found


def _half_life(rows: list[dict[str, Any]], name: str) -> float | None:
    """When half of the first look's copies were gone; 0 where there was none, None where it is not known by then."""
    first = rows[0][name]
    if first is None:
        return None
    return next((row["seconds"] for row in rows if row[name] is not None and row[name] <= first / 2), None)
