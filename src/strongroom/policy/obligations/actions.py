"""Open and satisfy: the two ends of every clock of the policy."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.policy import definitions
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.models import Obligation


class ObligationKind(StrEnum):
    """What must be done. The words stand in the database."""

    FORGET_DAY = "forget day"
    FORGET_CANCELLED = "forget cancelled"
    ASK_AGAIN = "ask again"
    EXPLAIN_OPENING = "explain opening"


CLAUSES = {
    ObligationKind.FORGET_DAY: "RR-2",
    ObligationKind.FORGET_CANCELLED: "RR-3",
    ObligationKind.ASK_AGAIN: "RR-2",
    ObligationKind.EXPLAIN_OPENING: "AM-3",
}
CLAUSE_NUMBERS = {"RR-2": 202, "RR-3": 203, "AM-3": 403}


def of_day(day: date) -> uuid.UUID:
    """A day as the subject of an obligation."""
    return uuid.UUID(int=definitions.day_number(day))


def day_of(subject: uuid.UUID) -> date:
    return definitions.day_of_number(subject.int)


@transaction.atomic
def open_obligation(
    *, account: int, kind: ObligationKind, subject: uuid.UUID, due_at: datetime, by: Actor | bytes
) -> None:
    """Open it, once: a second opening of the same due act only moves a retention deadline earlier (DESIGN 1)."""
    same = Obligation.objects.select_for_update().filter(
        account_id=account, kind=kind, subject=subject, satisfied_at__isnull=True
    )
    standing = same.first()
    if standing is not None:
        if due_at < standing.due_at:
            same.update(due_at=due_at)
        return
    clause = CLAUSES[kind]
    Obligation(
        account_id=account,
        id=definitions.reference(),
        kind=kind,
        clause=clause,
        subject=subject,
        opened_at=definitions.now(),
        due_at=due_at,
    ).save(force_insert=True)
    journal.record(
        Kind.OBLIGATION_OPENED,
        by=_reference(by),
        account=account,
        subject=subject.bytes,
        facts={Fact.CLAUSE: CLAUSE_NUMBERS[clause], Fact.DUE: definitions.milliseconds(due_at) // 1000},
    )


@transaction.atomic
def satisfy(*, account: int, kind: ObligationKind, subject: uuid.UUID, by: Actor | bytes) -> bool:
    """Close it with the journal entry that says so; false where none was open."""
    open_one = Obligation.objects.select_for_update().filter(
        account_id=account, kind=kind, subject=subject, satisfied_at__isnull=True
    )
    if not open_one.exists():
        return False
    entry = journal.record(
        Kind.OBLIGATION_SATISFIED,
        by=_reference(by),
        account=account,
        subject=subject.bytes,
        facts={Fact.CLAUSE: CLAUSE_NUMBERS[CLAUSES[kind]]},
    )
    open_one.update(satisfied_at=definitions.now(), evidence=entry.id)
    return True


def _reference(by: Actor | bytes) -> bytes:
    """A process's reference, or a person's as it is."""
    return by.reference if isinstance(by, Actor) else by
