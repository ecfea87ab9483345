"""What came in: nothing lost, nothing doubled, nothing held that is not ours, nothing asked too often (I15 to I18)."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.application.receipt.rules import TO_SHIP, state_of
from strongroom.rehearsal.marketplace.requests import ALLOWANCES
from strongroom.rehearsal.rehearse.memory import Memory
from strongroom.rehearsal.rehearse.seen import Seen

DAY: Final = 86_400.0


def nothing_lost(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    """Behind the watermark every order of Amazon's is here, once, as new as Amazon's own (I15, I16, I17)."""
    (receiver,) = now.rows["receiver"] or (None,)
    if receiver is None or receiver.watermark is None:
        return None
    until = receiver.watermark.timestamp() - 1
    ours = {bytes(row.order_hash): row for row in now.rows["orders"]}

    def look() -> Iterator[str]:
        for id_, theirs in now.ledger.items():
            if theirs["updated"] > until or _long_gone(theirs, now):
                continue
            row = ours.get(memory.eyes.hash_of(id_))
            if row is None:
                yield f"an order of {_moment(theirs['updated'])} is behind the watermark and not here"
            elif row.updated_at.timestamp() < theirs["updated"] - 1:
                yield f"order {row.ref} is older than Amazon's behind the watermark"
            elif abs(row.updated_at.timestamp() - theirs["updated"]) <= 1 and row.state != state_of(theirs["status"]):
                yield f"order {row.ref} is {row.state}, at Amazon {theirs['status']}"

    return look()


def _long_gone(theirs: dict[str, Any], now: Seen) -> bool:
    """Older than what an installation reads at its first start, or so old that its tombstone went too (AZ-3)."""
    return bool(theirs["created"] < now.truth - 300 * DAY)


def nothing_doubled(_: Seen | None, now: Seen, _memory: Memory) -> Iterator[str] | None:
    def look() -> Iterator[str]:
        ids = Counter(row.order_id for row in now.rows["orders"] if row.order_id is not None)
        yield from (f"{count} rows of one order" for count in ids.values() if count > 1)
        parts = Counter((row.order_ref, row.part) for row in now.rows["sealed"])
        yield from (f"order {ref} is sealed {n} times in part {part}" for (ref, part), n in parts.items() if n > 1)
        current = {(row.order_ref, row.part, row.write, row.day) for row in now.rows["parts"]}
        stored = {(row.order_ref, row.part, row.write, row.day) for row in now.rows["sealed"]}
        yield from (f"part {row[1]} of order {row[0]} is current and not stored" for row in current - stored)
        yield from (f"part {row[1]} of order {row[0]} is stored and not current" for row in stored - current)

    return look() if now.rows["orders"] else None


def sealed_when_due(before: Seen | None, now: Seen, _memory: Memory) -> Iterator[str] | None:
    """What must ship is held once the worker had its turn undisturbed; what is done is not sealed anew (RR-1, RR-2).

    An order that was carried once and waits on loses its data with that day's key, and is asked for again: a turn more.
    """
    if now.truth - now.undisturbed_since < 6 * 3600:
        return None
    held = {row.order_ref for row in now.rows["sealed"]}
    lost = {row.order_ref for row in before.rows["sealed"]} - held if before is not None else set()

    def look() -> Iterator[str]:
        for row in now.rows["orders"]:
            waits = row.state in TO_SHIP and row.fulfilled_by == "MERCHANT" and row.done_on is None
            due = row.received_at.timestamp() < now.undisturbed_since and row.ref not in lost
            if waits and row.ref not in held and due:
                yield f"order {row.ref} must ship and its data is not held"
            if row.ref in held and row.fulfilled_by != "MERCHANT":
                yield f"order {row.ref} is Amazon's to ship and its data is held"

    return look()


def within_allowance(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    new = [row for row in now.rows["calls"] if row.id not in memory.calls and row.operation in ALLOWANCES]

    def look() -> Iterator[str]:
        for row in new:
            memory.calls.add(row.id)
            rate, burst = ALLOWANCES[row.operation]
            tokens, at = memory.tokens.get(row.operation, (float(burst), row.began_at))
            tokens = min(float(burst), tokens + max(0.0, (row.began_at - at).total_seconds()) * rate) - 1
            memory.tokens[row.operation] = (tokens, max(at, row.began_at))
            if tokens < -1:
                yield f"{row.operation} was called more often than it may be"

    return look() if new else None


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
