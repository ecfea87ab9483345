"""Open, satisfy, move and withdraw: every clock of the policy, whoever started it (DESIGN 1)."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses.clauses import clause as clause_of
from strongroom.policy.least_privilege import approvals
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.models import Approval, ApprovalKind, Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.models import Obligation, Obligations

NO_SUBJECT: Final = uuid.UUID(int=0)
"""A duty is about no order, day or person."""


class ObligationKind(StrEnum):
    """What must be done. The words stand in the database."""

    FORGET_DAY = "forget day"
    FORGET_CANCELLED = "forget cancelled"
    ASK_AGAIN = "ask again"
    EXPLAIN_OPENING = "explain opening"
    DUTY = "duty"
    ANSWER_ALARM = "answer alarm"
    LOOK_INTO_LOCK = "look into lock"
    LEAVER_OUT = "leaver out"
    FORGET_OTHER_DATA = "forget other data"
    CHANGE_KEY = "change key"


@dataclass(frozen=True)
class KindFacts:
    """Which clause a kind keeps, when it warns (as a part of its time), and whether its deadline is of retention."""

    clause: str
    warns_at: float = 0.8
    is_retention: bool = False


KINDS: Final[Mapping[ObligationKind, KindFacts]] = {
    ObligationKind.FORGET_DAY: KindFacts("RR-2", 0.97, is_retention=True),
    ObligationKind.FORGET_CANCELLED: KindFacts("RR-3", 0.97, is_retention=True),
    ObligationKind.ASK_AGAIN: KindFacts("RR-2", is_retention=True),
    ObligationKind.EXPLAIN_OPENING: KindFacts("AM-3"),
    ObligationKind.DUTY: KindFacts(""),
    ObligationKind.ANSWER_ALARM: KindFacts("DF-4", 0.5),
    ObligationKind.LOOK_INTO_LOCK: KindFacts("AM-9", 0.5),
    ObligationKind.LEAVER_OUT: KindFacts("AM-5", 0.5),
    ObligationKind.FORGET_OTHER_DATA: KindFacts("AZ-3", 0.97, is_retention=True),
    ObligationKind.CHANGE_KEY: KindFacts("AZ-5", 0.5),
}


def of_day(day: date) -> uuid.UUID:
    """A day as the subject of an obligation."""
    return uuid.UUID(int=definitions.day_number(day))


def day_of(subject: uuid.UUID) -> date:
    return definitions.day_of_number(subject.int)


@transaction.atomic
def open_obligation(
    *, account: int, kind: ObligationKind, subject: uuid.UUID, due_at: datetime, by: Actor | bytes, duty: str = "",
    clause: str = "", opened_at: datetime | None = None,
) -> None:  # fmt: skip
    """Open it, once: a second opening of the same due act only moves its deadline earlier (DESIGN 1).

    opened_at: since when it runs, where that is before now; it is what its warning is counted from.
    """
    same = _same(account, kind, subject, duty)
    standing = same.first()
    if standing is not None:
        if due_at < standing.due_at:
            same.update(due_at=due_at, next_at=_next(kind, standing.opened_at, due_at, standing.warned_at))
        return
    facts = KINDS[kind]
    began = opened_at or definitions.now()
    row = Obligation(
        account_id=account, id=definitions.reference(), kind=kind, duty=duty, clause=clause or facts.clause,
        subject=subject, opened_at=began, due_at=due_at, first_due_at=due_at,
        next_at=_next(kind, began, due_at, None),
    )  # fmt: skip
    row.save(force_insert=True)
    _journal(Kind.OBLIGATION_OPENED, row, _reference(by), {Fact.DUE: definitions.milliseconds(due_at) // 1000})


@transaction.atomic
def satisfy(
    *, account: int, kind: ObligationKind, subject: uuid.UUID, by: Actor | bytes, duty: str = ""
) -> bool:  # fmt: skip
    """Close it with the journal entry that says so; false where none was open. Late stays visible as late."""
    standing = _same(account, kind, subject, duty).first()
    if standing is None:
        return False
    now = definitions.now()
    entry = _journal(Kind.OBLIGATION_SATISFIED, standing, _reference(by), {})
    _same(account, kind, subject, duty).update(satisfied_at=now, evidence=entry, next_at=None)
    return True


@transaction.atomic
def move_later(*, obligation: Obligation, due_at: datetime, approval: Approval, by: Person) -> None:
    """A later deadline, by approval; where it stood first stays visible. Raises `Refused` for one of retention."""
    content = later_content(obligation, due_at)
    if KINDS[ObligationKind(obligation.kind)].is_retention:
        raise Refused("RR-2", "A deadline of retention moves earlier only. Nobody can move it later.")
    used = approvals.use(id_=approval.pk, kind=ApprovalKind.LATER, content=content, by=reference_of(by))
    _one(obligation).update(
        due_at=due_at, approval=used.pk, next_at=_next(ObligationKind(obligation.kind), definitions.now(), due_at, None)
    )
    facts: dict[Fact, int | bytes] = {Fact.DUE: definitions.milliseconds(due_at) // 1000, Fact.APPROVAL: used.pk.bytes}
    _journal(Kind.OBLIGATION_MOVED, obligation, reference_of(by), facts)


@transaction.atomic
def withdraw(*, obligation: Obligation, approval: Approval, by: Person) -> None:
    """It need not be done, by approval with its reason; it stays visible. Never for a deadline of retention."""
    if KINDS[ObligationKind(obligation.kind)].is_retention:
        raise Refused("RR-2", "A deadline of retention is never withdrawn.")
    used = approvals.use(
        id_=approval.pk, kind=ApprovalKind.WITHDRAWAL, content=withdrawal_content(obligation), by=reference_of(by)
    )
    _one(obligation).update(withdrawn_at=definitions.now(), approval=used.pk, next_at=None)
    _journal(Kind.OBLIGATION_WITHDRAWN, obligation, reference_of(by), {Fact.APPROVAL: used.pk.bytes})


def later_content(obligation: Obligation, due_at: datetime) -> dict[str, str]:
    """What two people decide when a deadline is to move."""
    return {**withdrawal_content(obligation), "due": due_at.isoformat()}


def withdrawal_content(obligation: Obligation) -> dict[str, str]:
    return {"account": str(obligation.account_id), "obligation": str(obligation.id), "clause": obligation.clause}


def warning_at(kind: ObligationKind, opened_at: datetime, due_at: datetime) -> datetime:
    """When its owner is warned: a part of its time before it is due."""
    return opened_at + max(due_at - opened_at, timedelta(0)) * KINDS[kind].warns_at


def _next(kind: ObligationKind, opened_at: datetime, due_at: datetime, warned_at: datetime | None) -> datetime:
    return due_at if warned_at is not None else warning_at(kind, opened_at, due_at)


def _same(account: int, kind: ObligationKind, subject: uuid.UUID, duty: str) -> Obligations:
    return (
        Obligation.objects.open().select_for_update().filter(account_id=account, kind=kind, duty=duty, subject=subject)
    )


def _one(obligation: Obligation) -> Obligations:
    return Obligation.objects.open().filter(account_id=obligation.account_id, id=obligation.id)


def _journal(kind: Kind, row: Obligation, by: bytes, facts: Mapping[Fact, int | bytes]) -> uuid.UUID:
    entry = journal.record(
        kind, by=by, account=row.account_id, subject=row.subject.bytes,
        facts={Fact.CLAUSE: clause_of(row.clause).number, Fact.OBLIGATION: row.id.bytes, **facts},
    )  # fmt: skip
    return entry.id


def _reference(by: Actor | bytes) -> bytes:
    """A process's reference, or a person's as it is."""
    return by.reference if isinstance(by, Actor) else by
