"""Other data of Amazon's leaves as well: tombstones after their term, and calls that nothing names any more (AZ-3).

A tombstone holds no customer. It goes all the same, in batches, each with an entry that says how many; the entry comes
first, and the database deletes nothing without it.
"""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db import connection, transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.actions import ObligationKind, day_of, of_day, open_obligation, satisfy
from strongroom.policy.obligations.models import Obligation
from strongroom.policy.retention_and_recovery.models import Order

LAST_DAY: Final = 1_000_000
"""Days since 1970 beyond which a number is none."""
AHEAD: Final = timedelta(days=7)
"""How long before its term a day's data goes, so that none is late when the machine stood still for a while."""
AT_ONCE: Final = 1_000
TERM: Final = "other_data_gone_after"


def promise(order: Order) -> None:
    """The day on which an order was done has its deadline, once a day and account; in the caller's transaction."""
    if order.done_on is None:
        return
    day = order.done_on.astimezone(UTC).date()
    began = _midnight(day)
    open_obligation(
        account=order.account_id, kind=ObligationKind.FORGET_OTHER_DATA, subject=of_day(day),
        due_at=terms.in_force().span(TERM).after(began), by=Actor.RETENTION, opened_at=began,
    )  # fmt: skip


def forget_other_data(*, account: int) -> int:
    """Every day whose term is over or nearly: its tombstones go, then its deadline is met. How many orders."""
    gone = 0
    due = Obligation.objects.open().filter(
        account_id=account, kind=ObligationKind.FORGET_OTHER_DATA, due_at__lte=definitions.now() + AHEAD
    )
    for row in due.order_by("due_at"):
        if row.subject.int > LAST_DAY:
            continue  # no day of ours: what names it is broken, and its deadline passes and is told
        while batch := _of_day(account, row.subject):
            gone += _forget(account, batch)
        if not _still_there(account, row.subject):
            satisfy(
                account=account, kind=ObligationKind.FORGET_OTHER_DATA, subject=row.subject, by=Actor.RETENTION
            )  # fmt: skip
    return gone


def forget_calls(*, account: int) -> int:
    """Rows of the API log that are older than every term and that no order names. How many."""
    gone, before = 0, definitions.now() - max(terms.span("logs_kept"), terms.span(TERM))
    while batch := _old_calls(account, before):
        with transaction.atomic():
            entry = journal.record(
                Kind.LOGS_DROPPED, by=Actor.RETENTION.reference, account=account, facts={Fact.COUNT: len(batch)}
            )
            gone += _call("SELECT forget_calls(%s, %s, %s::uuid[])", account, entry.id, batch)
    return gone


def forget_sign_ins() -> int:
    """Where people signed in from, by month, once the log's term is over: nothing else of the log ever goes (LM-4)."""
    gone, today = 0, definitions.now().date()
    for month in _months():
        over = terms.in_force().span("logs_kept").after(_midnight(_next(month)))
        if over.date() > today:
            continue
        with transaction.atomic():
            entry = journal.record(
                Kind.LOGS_DROPPED, by=Actor.RETENTION.reference, subject=of_day(month).bytes,
                facts={Fact.DAY: definitions.day_number(month)},
            )  # fmt: skip
            with connection.cursor() as cursor:
                cursor.execute("SELECT drop_sign_ins(%s, %s)", [month, entry.id])
                gone += int(cursor.fetchone()[0])
    return gone


def _months() -> list[date]:
    """The first day of each month that has a partition."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT right(c.relname, 6) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'sign_in_detail'::regclass AND c.relkind = 'r' ORDER BY 1"
        )
        return [date(int(name[:4]), int(name[4:]), 1) for (name,) in cursor.fetchall()]


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@transaction.atomic
def _forget(account: int, batch: list[uuid.UUID]) -> int:
    entry = journal.record(
        Kind.OTHER_DATA_ERASED, by=Actor.RETENTION.reference, account=account, facts={Fact.COUNT: len(batch)}
    )
    return _call("SELECT forget_other_data(%s, %s, %s::uuid[])", account, entry.id, batch)


def _of_day(account: int, subject: uuid.UUID) -> list[uuid.UUID]:
    began = _midnight(day_of(subject))
    found = Order.objects.filter(
        account_id=account, erased_at__isnull=False, done_on__gte=began, done_on__lt=began + timedelta(days=1)
    )
    return list(found.values_list("ref", flat=True)[:AT_ONCE])


def _still_there(account: int, subject: uuid.UUID) -> bool:
    """Whether an order of that day is here, erased or not: then its deadline stays."""
    began = _midnight(day_of(subject))
    return Order.objects.filter(
        account_id=account, done_on__gte=began, done_on__lt=began + timedelta(days=1)
    ).exists()  # fmt: skip


def _old_calls(account: int, before: datetime) -> list[uuid.UUID]:
    """The oldest calls that no order names; the condition stands in the query, so that none is tried in vain."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.id FROM api_call c WHERE c.account_id = %s AND c.began_at < %s AND NOT EXISTS (SELECT"
            " FROM amazon_order o WHERE o.account_id = %s AND o.call = c.id) ORDER BY c.began_at LIMIT %s",
            [account, before, account, AT_ONCE],
        )
        return [id_ for (id_,) in cursor.fetchall()]


def _call(statement: str, account: int, entry: uuid.UUID, batch: list[uuid.UUID]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, [account, entry, batch])
        return int(cursor.fetchone()[0])
