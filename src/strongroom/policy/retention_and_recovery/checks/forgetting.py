"""What shows that data goes on time: keys, rows and deadlines, each asked where it is (RR-2, RR-3, AZ-3)."""

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from strongroom.policy import definitions
from strongroom.policy.clauses import asking, terms
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown, unused
from strongroom.policy.encryption_and_storage import broker

SLACK: Final = timedelta(hours=1)
"""What a tick, a round and a step of a rehearsal may take."""
LIFE: Final = timedelta(days=28)
NEEDS_A_PERSON: Final = ("TokenRevoked", "RoleMissing", "AccessRefused")
"""Answers of Amazon's after which it tells nothing more until somebody does something."""


LATE: Final = """
SELECT count(*) FROM obligation WHERE kind IN ('forget day', 'forget cancelled') AND satisfied_at IS NULL
  AND withdrawn_at IS NULL AND due_at < %s
"""
CANCELLED: Final = """
SELECT count(DISTINCT (s.account_id, s.order_ref)) FROM sealed s
JOIN amazon_order o ON o.account_id = s.account_id AND o.ref = s.order_ref WHERE o.cancelled_at < %s
"""
PARTITIONS: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'sealed'::regclass
"""
CARRIED_ONCE: Final = """
SELECT count(*) FROM pg_constraint WHERE conname = 'sealed_is_carried_once' AND contype = 'c' AND convalidated
"""
"""The table's and each partition's own."""
OLDEST_ROW: Final = """
SELECT min(x.day) FROM selling_account a
CROSS JOIN LATERAL (SELECT min(day) AS day FROM sealed s WHERE s.account_id = a.id) x
"""
"""By account, so that each partition's key answers it."""


def nothing_readable_is_too_old(look: Look) -> Verdict:
    """The oldest living key, the oldest rows, and the rows of orders long fulfilled: none beyond its term."""
    term, state = terms.span("remove_pii_after"), broker.status()
    days = [definitions.day_of_number(key.day) for key in state.living if not key.house]
    oldest_key = min(days, default=look.now.date())
    oldest_row = asking.value(OLDEST_ROW) or look.now.date()
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


def dead_days_were_destroyed(look: Look) -> Verdict:
    """Each key ever known whose day is over: its death stands in the journal, with the token that only it had."""
    keys = asking.rows("SELECT account_id, day, generation, token_sha256, dropped_at FROM day_key")
    if not keys:
        return unused("Nothing was ever sealed.", keys=0)
    _, leaves = broker.destroyed(0)
    dead = {(leaf.account, leaf.day, leaf.generation): hashlib.sha256(leaf.token).digest() for leaf in leaves}
    over = [key for key in keys if _midnight(key[1]) + LIFE < look.now - SLACK]
    undying = [k for k in over if dead.get((k[0], definitions.day_number(k[1]), k[2])) != bytes(k[3])]
    risen = [k for k in broker.status().living if not k.house and (k.account, k.day, k.generation) in dead]
    kept = [k for k in over if k[4] is None and _midnight(k[1]) + terms.span("remove_pii_after") < look.now - SLACK]
    seen = {"keys": len(keys), "over": len(over), "undying": len(undying), "risen": len(risen), "kept": len(kept)}
    if undying or risen:
        return failed(
            f"Keys that live on after their day, or whose death stands nowhere: {len(undying) + len(risen)}.", **seen
        )
    if kept:
        return failed(f"Dead days whose rows were never dropped: {len(kept)}.", **seen)
    return passed(f"All {len(over)} keys whose days are over are dead; each death stands in the journal.", **seen)


def partitions_end_with_their_days(look: Look) -> Verdict:
    """The tables that sealed rows stand in, by their own names; and the constraint against carrying twice."""
    limit = (look.now - terms.span("remove_pii_after") - SLACK).date()
    names = [name for (name,) in asking.rows(PARTITIONS)]
    strange = [name for name in names if not name.removeprefix("sealed_").isdigit()]
    old = [name for name in names if name not in strange and name < f"sealed_{limit:%Y%m%d}"]
    once = asking.value(CARRIED_ONCE) or 0
    seen = {"partitions": len(names), "old": len(old), "strange": len(strange), "once": once}
    if old or strange:
        return failed(f"Tables of sealed rows of no day that may be here: {len(old) + len(strange)}.", **seen)
    if once != len(names) + 1:
        return failed("Rows may be carried again and again: the constraint against it is gone.", **seen)
    return passed(f"{len(names)} days have a table, none older than its term; nothing is carried twice.", **seen)


def the_time_is_not_in_doubt(look: Look) -> Verdict:  # noqa: ARG001 - the broker's own word is what counts
    """A clock that jumped: until somebody agrees, nobody knows what is overdue."""
    told = broker.time()
    if told.in_doubt:
        return unknown("The machine's clock jumped; until Amazon or a person agrees, nothing opens or is sealed.")
    return passed("The machine's clock and the key broker agree.")


def no_deadline_of_forgetting_passed(look: Look) -> Verdict:
    """Obligations to forget a day or a cancelled order that are open past their time."""
    late = asking.settled(lambda: asking.value(LATE, look.now), lambda late: not late)
    if late:
        return failed(f"{late:,} deadlines of forgetting passed undone.", late=late)
    return passed("No deadline of forgetting has passed.", late=0)


def cancelled_orders_are_gone(look: Look) -> Verdict:
    """Cancelled orders whose sealed rows still stand after the term, whatever any deadline says."""
    term = terms.span("forget_cancelled_after")
    late = asking.settled(lambda: asking.value(CANCELLED, look.now - term - SLACK), lambda late: not late)
    if late:
        return failed(f"{late:,} cancelled orders still hold personal data after {_hours(term)}.", late=late)
    return passed(f"No cancelled order holds personal data for longer than {_hours(term)}.", late=0)


def amazon_tells_of_cancellations(look: Look) -> Verdict:
    """Whoever does not hear what is cancelled cannot forget it in time."""
    term = terms.span("forget_cancelled_after")
    receivers = asking.rows("SELECT answered_at, failure FROM receiver WHERE account_id > 0")
    if not receivers:
        return unused("No marketplace is asked.", receivers=0)
    closed = [failure for _, failure in receivers if failure in NEEDS_A_PERSON]
    silent = [at for at, _ in receivers if at is None or at < look.now - term]
    seen = {"receivers": len(receivers), "closed": len(closed), "silent": len(silent)}
    if closed:
        return unknown("Amazon refuses to answer: what was cancelled meanwhile is not known.", **seen)
    if silent:
        return unknown(f"Amazon told nothing for {_hours(term)}: what was cancelled is not known.", **seen)
    return passed("Amazon tells us what is cancelled.", **seen)


def other_data_is_gone(look: Look) -> Verdict:
    """Tombstones, parcels, prints and calls that are here after the term, whatever any deadline says."""
    span = terms.in_force().span("other_data_gone_after")
    orders = asking.value("SELECT min(done_on) FROM amazon_order WHERE done_on IS NOT NULL")
    calls = asking.value(
        "SELECT count(*) FROM api_call c WHERE c.began_at < %s AND NOT EXISTS (SELECT FROM amazon_order o"
        " WHERE o.account_id = c.account_id AND o.call = c.id)",
        look.now - max(span.length(), terms.span("logs_kept")) - timedelta(days=1),
    ) or 0  # fmt: skip
    late = asking.value(
        "SELECT count(*) FROM amazon_order WHERE done_on < %s", look.now - span.length() - timedelta(days=3)
    ) or 0  # fmt: skip
    seen = {"late orders": late, "late calls": calls, "oldest": orders.date().isoformat() if orders else "none"}
    if late or calls:
        return failed(f"Orders and calls that are here after {span}: {late + calls:,}.", **seen)
    if orders is None:
        return unused("No order was ever done.", **seen)
    return passed(f"Nothing of Amazon's is older than {span}; the oldest order was done on {orders:%-d %B %Y}.", **seen)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


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
        "RR-2.keys",
        "Every key whose day is over is dead, and the journal says so.",
        "A key lives on after its day, or its death stands nowhere.",
        dead_days_were_destroyed,
    ),
    Check(
        "RR-2.tables",
        "The tables of sealed rows are those of days that may be here; nothing is carried twice.",
        "Rows stand where no day is, or were carried too often.",
        partitions_end_with_their_days,
    ),
    Check(
        "RR-2.time",
        "The machine's clock is believed.",
        "The machine's clock jumped.",
        the_time_is_not_in_doubt,
    ),
    Check(
        "RR-3.cancelled",
        "Cancelled orders lose their personal data within their term.",
        "A cancelled order still holds personal data.",
        cancelled_orders_are_gone,
    ),
    Check(
        "RR-3.heard",
        "Amazon tells us what is cancelled.",
        "Nobody tells us what is cancelled.",
        amazon_tells_of_cancellations,
    ),
    Check(
        "AZ-3.gone",
        "Tombstones and calls leave after their term.",
        "Something of Amazon's is here after its term.",
        other_data_is_gone,
    ),
)
