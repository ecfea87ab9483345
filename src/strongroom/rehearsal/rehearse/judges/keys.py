"""What dies: keys on their day whatever our clock says, in every copy, and their rows (I9 to I13, RR-2, RR-3)."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from strongroom.formats import leaf as leaf_format
from strongroom.formats import ring as ring_format
from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.ring import KeyKind
from strongroom.formats.sealed import CannotOpen
from strongroom.policy.definitions import EPOCH
from strongroom.rehearsal.rehearse.memory import Memory
from strongroom.rehearsal.rehearse.seen import Seen

DAY: Final = 86_400.0
LIFE: Final = 28 * DAY
PROMISED: Final = 30 * DAY


def dies(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    def look() -> Iterator[str]:
        for row in now.ring.rows:
            if row.kind is KeyKind.DAY and ring_format.dies_at(row) / 1000 <= now.believed - 60:
                yield f"the key of day {row.day} lives past its time"
            if row.kind is KeyKind.DAY and row.day * DAY + PROMISED <= now.truth:
                yield f"the key of day {row.day} lives past the promise"
        known = {row.cell.hex() for row in now.ring.rows}
        for name in now.cells - known:
            if name.endswith(".new"):
                continue
            yield f"cell {name[:8]} belongs to no living key"
        alive = {(row.account, row.day) for row in now.ring.rows if row.kind is KeyKind.DAY}
        for row in now.rows["days"]:
            day = (row.day - EPOCH).days
            if row.dropped_at is not None and (row.account_id, day) in alive:
                yield f"day {day} was dropped while its key lives"
        yield from (f"{count} asked of what was forgotten, and it was shown" for count in _shown(memory))

    return look()


def _shown(memory: Memory) -> list[int]:
    asked, memory.forgotten = memory.forgotten, []
    return [sum(asked)] if any(asked) else []


def no_copy_opens(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    """Old rings are tried with the unlock secret and what every cell holds now; what failed once with the same bytes
    would fail again.
    """
    alive = {(row.account, row.day, row.generation) for row in now.ring.rows if row.kind is KeyKind.DAY}
    dead = [
        (row, unlock)
        for ring, unlock in memory.rings
        for row in ring.rows
        if row.kind is KeyKind.DAY and (row.account, row.day, row.generation) not in alive
    ]

    def look() -> Iterator[str]:
        cells = _read(memory.eyes.cells, now.cells)
        for row, unlock in dead:
            for cell in cells - memory.failed.setdefault((row, unlock), set()):
                try:
                    ring_format.open_row(row, unlock=unlock, cell=cell)
                except (CannotOpen, ValueError):
                    memory.failed[row, unlock].add(cell)
                else:
                    yield f"the key of day {row.day} opens from a copy of the ring"

    return look() if dead else None


def _read(folder: Path, names: set[str]) -> set[bytes]:
    """What these cells hold; one that went meanwhile holds nothing."""
    found = set()
    for name in names:
        with contextlib.suppress(OSError):
            found.add((folder / name).read_bytes())
    return found


def earlier_only(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    old_deadlines, old_orders = memory.deadlines, memory.orders
    memory.deadlines = {row.id: row.due_at for row in now.rows["deadlines"]}
    memory.orders = {row.ref: row for row in now.rows["orders"]}

    def look() -> Iterator[str]:
        for row in now.rows["deadlines"]:
            if row.id in old_deadlines and row.due_at > old_deadlines[row.id] and row.approval is None:
                yield f"deadline {row.id} ({row.kind}) moved later"
        for row in now.rows["orders"]:
            was = old_orders.get(row.ref)
            if was is None:
                continue
            if was.done_on is not None and row.done_on != was.done_on:
                yield f"order {row.ref} is done on another day"
            if was.fulfilled_at is not None and (row.fulfilled_at is None or row.fulfilled_at > was.fulfilled_at):
                yield f"order {row.ref} was fulfilled later than it was"
            if was.erased_at is not None and row.erased_at is None:
                yield f"order {row.ref} came back"

    return look() if old_deadlines or old_orders else None


def never_early(_: Seen | None, now: Seen, _memory: Memory) -> Iterator[str] | None:
    """Whatever our own clock says, a day's key dies neither before its 28 days nor after its promise."""
    dead = [each.entry for each in now.leaves if each.entry.kind is Kind.KEY_DESTROYED]

    def look() -> Iterator[str]:
        for entry in dead:
            age = now.truth - leaf_format.number(entry.facts, Fact.DAY) * DAY
            if age < LIFE - 2 * 3600:
                yield f"a key died after {age / DAY:.1f} days"
        if now.believed > now.truth + 2 * 3600:
            yield f"believed time leads by {(now.believed - now.truth) / 3600:.1f} h"

    return look()


def erased_whole(_: Seen | None, now: Seen, _memory: Memory) -> Iterator[str] | None:
    erased = [row for row in now.rows["orders"] if row.erased_at is not None]
    held = {row.order_ref for row in now.rows["sealed"]} | {row.order_ref for row in now.rows["parts"]}
    lines = {row.order_ref for row in now.rows["lines"]}

    def look() -> Iterator[str]:
        for row in erased:
            if row.ref in held or row.ref in lines or row.order_id is not None:
                yield f"order {row.ref} is said to be erased and is not"

    return look() if erased else None


def forgotten_when_due(before: Seen | None, now: Seen, _memory: Memory) -> Iterator[str] | None:
    """Of a cancelled order nothing is held past its 24 hours, where the worker could work (RR-3). One that came to be
    known as cancelled in this very step is forgotten by the next round.
    """
    known = {row.ref for row in before.rows["orders"] if row.cancelled_at is not None} if before else set()
    gone = [row for row in now.rows["orders"] if row.cancelled_at is not None]
    held = {row.order_ref for row in now.rows["sealed"]}

    def look() -> Iterator[str]:
        for row in gone:
            over = max(row.cancelled_at.timestamp() + DAY, now.undisturbed_since + 3600)
            if row.ref in held & known and now.finished and now.believed > over:
                yield f"order {row.ref} was cancelled and is held past its term"
        oldest = (datetime.fromtimestamp(now.believed, UTC).date()) - timedelta(days=28)
        late = {row.day for row in now.rows["sealed"] if row.day < oldest - timedelta(days=1)}
        if late and now.finished and now.truth - now.undisturbed_since > 3600:
            yield f"{len(late)} dead days still have rows"

    return look() if gone else None


def locked_is_locked(before: Seen | None, now: Seen, _memory: Memory) -> Iterator[str] | None:
    if before is None or not (before.locked and now.locked):
        return None

    def look() -> Iterator[str]:
        was = {(row.order_ref, row.part, row.write) for row in before.rows["sealed"]}
        new = {(row.order_ref, row.part, row.write) for row in now.rows["sealed"]} - was
        if new:
            yield f"{len(new)} parts were sealed while the broker was locked"
        if any(each.entry.kind is Kind.KEY_BORN for each in now.leaves):
            yield "a key was born while the broker was locked"

    return look()
