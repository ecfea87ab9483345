"""When data must go, and when it may be carried. Plain values; no clock, no database."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from strongroom.policy.definitions import OrderState

DAY_KEY_LIFE: Final = timedelta(days=28)
"""What the broker has compiled in; here only to tell people when a key dies, never to keep one alive."""


@dataclass(frozen=True)
class Carriable:
    """What decides whether one order's parts may go under today's key."""

    day: date
    born: date
    state: OrderState
    done: bool
    answered_at: datetime
    left: bool
    """Our own rows say that it left: a shipment, a tracking number, or a label printed long ago."""
    left_confirmed: bool


def dies_at(day: date) -> datetime:
    """The moment after which nothing of that day opens."""
    return datetime.combine(day, time(), UTC) + DAY_KEY_LIFE


def in_window(*, day: date, now: datetime, window: timedelta) -> bool:
    """Whether a day's key is in the last hours of its life."""
    return dies_at(day) - window <= now < dies_at(day)


def why_not_carried(order: Carriable, *, now: datetime, answer_age: timedelta, end: timedelta) -> str | None:
    """`None` where the order may be carried, else the reason in words (RR-2)."""
    if order.done or order.state not in (OrderState.TO_SHIP, OrderState.PART_SHIPPED):
        return "it is not waiting to be shipped"
    if order.born != order.day:
        return "it was carried once already"
    if now >= datetime.combine(order.born, time(), UTC) + end:
        return "it was received too long ago"
    if order.left and not order.left_confirmed:
        return "our own records say that it left; a person must confirm that it did not"
    if now - order.answered_at > answer_age:
        return "Amazon's last answer for it is too old"
    return None


def waits_for_answer(order: Carriable, *, now: datetime, answer_age: timedelta) -> bool:
    """Whether a fresh answer of Amazon is all that is missing."""
    fresh = Carriable(order.day, order.born, order.state, order.done, now, order.left, order.left_confirmed)
    end = timedelta(days=84)
    return (
        now - order.answered_at > answer_age and why_not_carried(fresh, now=now, answer_age=answer_age, end=end) is None
    )


def is_tombstone_due(
    *, done: bool, to_ship: bool, had_data: bool, received_at: datetime, now: datetime, kept: timedelta, end: timedelta
) -> bool:
    """Whether an order that holds no sealed part loses its item lines and Amazon's id (DF-3).

    One still to ship keeps its id, so that it can be fetched again, until nothing could be carried any more; one whose
    PII is gone loses them at once; one that never had any after the term, counted from receipt.
    """
    if to_ship and not done:
        return now >= received_at + end
    return (done and had_data) or now >= received_at + kept
