"""What shows that data goes on time: keys, rows and deadlines, each asked where it is (RR-2, RR-3)."""

from datetime import date, timedelta
from typing import Final

from strongroom.policy import definitions
from strongroom.policy.clauses import asking, terms
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed
from strongroom.policy.encryption_and_storage import broker

SLACK: Final = timedelta(hours=1)
"""What a tick, a round and a step of a rehearsal may take."""


def nothing_readable_is_too_old(look: Look) -> Verdict:
    """The oldest living key, the oldest rows, and the rows of orders long fulfilled: none beyond its term."""
    term, state = terms.span("remove_pii_after"), broker.status()
    days = [definitions.day_of_number(key.day) for key in state.living if not key.house]
    oldest_key = min(days, default=look.now.date())
    oldest_row = asking.value("SELECT min(day) FROM sealed") or look.now.date()
    late = asking.value(
        "SELECT count(*) FROM amazon_order o JOIN part p ON p.account_id = o.account_id AND p.order_ref = o.ref"
        " WHERE o.fulfilled_at < %s",
        look.now - term,
    )
    limit = (look.now - term - SLACK).date()
    seen = {
        "oldest key": oldest_key.isoformat(), "oldest row": oldest_row.isoformat(), "late orders": late or 0,
        "limit": limit.isoformat(),
    }  # fmt: skip
    if min(oldest_key, oldest_row) < limit or late:
        return failed(_too_old(oldest_key, oldest_row, limit, late or 0), **seen)
    age = (look.now.date() - min(oldest_key, oldest_row)).days
    return passed(f"The oldest data that any key opens is {age} d old; {term.days} d is the most.", **seen)


def no_deadline_of_forgetting_passed(look: Look) -> Verdict:
    """Obligations to forget a day or a cancelled order that are open past their time."""
    late = asking.value(
        "SELECT count(*) FROM obligation WHERE kind IN ('forget day', 'forget cancelled') AND satisfied_at IS NULL"
        " AND withdrawn_at IS NULL AND due_at < %s",
        look.now,
    )
    if late:
        return failed(f"{late:,} deadlines of forgetting passed undone.", late=late)
    return passed("No deadline of forgetting has passed.", late=0)


def cancelled_orders_are_gone(look: Look) -> Verdict:
    """Cancelled orders whose sealed rows still stand after the term, whatever any deadline says."""
    term = terms.span("forget_cancelled_after")
    late = asking.value(
        "SELECT count(DISTINCT (s.account_id, s.order_ref)) FROM sealed s JOIN amazon_order o"
        " ON o.account_id = s.account_id AND o.ref = s.order_ref WHERE o.cancelled_at < %s",
        look.now - term - SLACK,
    )
    if late:
        return failed(f"{late:,} cancelled orders still hold personal data after {_hours(term)}.", late=late)
    return passed(f"No cancelled order holds personal data for longer than {_hours(term)}.", late=0)


def _too_old(key: date, row: date, limit: date, late: int) -> str:
    if key < limit:
        return f"The key of {key:%-d %B} lives beyond its term."
    if row < limit:
        return f"Rows of {row:%-d %B} are still here, beyond their term."
    return f"{late:,} orders fulfilled longer ago than the term still hold personal data."


def _hours(span: timedelta) -> str:
    return f"{int(span.total_seconds() // 3600)} h"


CHECKS: Final = (
    Check(
        "RR-2.oldest",
        "No key, row or order holds personal data beyond its term.",
        "Something can still be read that should be gone.",
        nothing_readable_is_too_old,
    ),
    Check(
        "RR-2.deadlines",
        "Every day and every cancelled order was forgotten by its deadline.",
        "A deadline of forgetting passed and nothing was done.",
        no_deadline_of_forgetting_passed,
    ),
    Check(
        "RR-3.cancelled",
        "Cancelled orders lose their personal data within their term.",
        "A cancelled order still holds personal data.",
        cancelled_orders_are_gone,
    ),
)
