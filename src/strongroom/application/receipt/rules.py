"""What an answer of Amazon means for an order. Plain values in, plain values out; no clock, no database."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.policy.definitions import OrderState

MERCHANT: Final = "MERCHANT"
STATES: Final = {
    "PENDING_AVAILABILITY": OrderState.PENDING,
    "PENDING": OrderState.PENDING,
    "UNSHIPPED": OrderState.TO_SHIP,
    "PARTIALLY_SHIPPED": OrderState.PART_SHIPPED,
    "SHIPPED": OrderState.FULFILLED,
    "CANCELLED": OrderState.CANCELLED,
    "UNFULFILLABLE": OrderState.CANCELLED,
}
TO_SHIP: Final = frozenset({OrderState.TO_SHIP, OrderState.PART_SHIPPED})


@dataclass(frozen=True)
class Known:
    """What we hold of an order already."""

    updated_at: datetime
    fulfilled_at: datetime | None
    cancelled_at: datetime | None
    done_on: datetime | None
    sealed_version: datetime | None
    erased: bool


def state_of(status: str) -> OrderState:
    """Our state for Amazon's word; a word we do not know is `UNKNOWN`, and is kept beside it."""
    return STATES.get(status, OrderState.UNKNOWN)


def is_news(*, known: Known | None, updated_at: datetime) -> bool:
    """Whether an answer may change what we hold: an older one, late or repeated, may not."""
    return known is None or updated_at >= known.updated_at


def done_on(*, known: Known | None, state: OrderState, now: datetime) -> datetime | None:
    """The latch: the moment the order was first seen fulfilled or cancelled; never taken back (RR-2)."""
    if known is not None and known.done_on is not None:
        return known.done_on
    return now if state in (OrderState.FULFILLED, OrderState.CANCELLED) else None


def fulfilled_at(*, known: Known | None, state: OrderState, updated_at: datetime, now: datetime) -> datetime | None:
    """When the last item left, by the earliest proof; it only moves earlier."""
    if state is not OrderState.FULFILLED:
        return known.fulfilled_at if known else None
    seen = min(updated_at, now)
    return min(seen, known.fulfilled_at) if known and known.fulfilled_at else seen


def cancelled_at(*, known: Known | None, state: OrderState, updated_at: datetime, now: datetime) -> datetime | None:
    if state is not OrderState.CANCELLED:
        return known.cancelled_at if known else None
    seen = min(updated_at, now)
    return min(seen, known.cancelled_at) if known and known.cancelled_at else seen


def wants_personal_data(
    *,
    state: OrderState,
    fulfilled_by: str,
    done_on: datetime | None,
    updated_at: datetime,
    sealed_version: datetime | None,
) -> bool:
    """PII is asked for only where the merchant must still ship, and only when it is not held or was changed (RR-1)."""
    if fulfilled_by != MERCHANT or state not in TO_SHIP or done_on is not None:
        return False
    return sealed_version is None or updated_at > sealed_version


EXPEDITED: Final = {"sameday": 3, "nextday": 3, "secondday": 2, "expedited": 2, "scheduled": 1, "priority": 2}


def priority_of(service: str | None) -> int:
    """0 for standard service, more the faster the buyer paid for: `NEXT_DAY` of 2026-01-01, `NextDay` of v0."""
    return EXPEDITED.get(re.sub(r"[_\s-]", "", service or "").lower(), 0)
