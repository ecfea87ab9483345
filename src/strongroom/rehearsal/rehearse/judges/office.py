"""What people meet: labels, leavers, deadlines and tiles (I19, I21, I26 to I28)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from strongroom.rehearsal.rehearse.memory import Memory
from strongroom.rehearsal.rehearse.seen import Seen

NOTICED: Final = timedelta(minutes=5)


def printed_once(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    old, memory.states = memory.states, {row.id: row.state for row in now.rows["prints"]}

    def look() -> Iterator[str]:
        for id_, state in old.items():
            if id_ not in memory.states:
                yield f"label {id_} vanished from the ledger"
            elif state in ("sent", "unknown", "confirmed") and memory.states[id_] == "queued":
                yield f"label {id_} was sent and waits to be printed again"
        could = sum(row.job is not None for row in now.rows["prints"])
        if now.printed > could:
            yield f"{now.printed} labels came out and {could} were sent"

    return look() if now.rows["prints"] else None


def leaver_is_out(_: Seen | None, _now: Seen, memory: Memory) -> Iterator[str] | None:
    asked, memory.leavers = memory.leavers, []
    return iter(["a leaver's session was answered"] if any(asked) else []) if asked else None


def shown_as_late(before: Seen | None, now: Seen, _memory: Memory) -> Iterator[str] | None:
    """A deadline that is open past its time is marked as passed (I26, I27: as every clock of the policy). One that was
    opened since the last look, late as what it is about was heard late, has its turn with the next watch.
    """
    known = {row.id for row in before.rows["deadlines"]} if before else set()
    past = [
        row
        for row in now.rows["deadlines"]
        if row.satisfied_at is None and row.withdrawn_at is None and row.due_at < now.at() - NOTICED and row.id in known
    ]

    def look() -> Iterator[str]:
        for row in past:
            if row.breached_at is None:
                yield f"{row.kind} was due at {row.due_at:%Y-%m-%d %H:%M} and is not shown as late"

    return look() if past and now.finished else None


def green_on_fresh(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    """A true tile's checks passed, and lately, or had nothing to look at. Runs that ended since then may say more."""
    asked, memory.shown_true = memory.shown_true, []
    runs = {row.check_id: row for row in now.rows["runs"]}
    since = now.at() - timedelta(seconds=30)

    def look() -> Iterator[str]:
        for id_, clause, seconds in asked:
            run = runs.get(id_)
            if run is None:
                yield f"{clause} is shown as true, and {id_} never ran"
            elif run.ended_at < since and run.outcome not in ("pass", "unused"):
                yield f"{clause} is shown as true, and {id_} said {run.outcome}"
            elif run.began_at < now.at() - timedelta(seconds=seconds + 60):
                yield f"{clause} is shown as true, and {id_} ran too long ago"

    return look() if asked else None
