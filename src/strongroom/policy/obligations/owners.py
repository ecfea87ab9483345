"""Who answers for a clause, who stands in, and clauses that are not kept for a while by approval (DESIGN 1)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.clauses import clause as clause_of
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege import approvals
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Approval, ApprovalKind, Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.models import ClauseException, ClauseOwner

LONGEST_EXCEPTION: Final = timedelta(days=90)
NEVER_EXCEPTED: Final = frozenset({"RR-2", "RR-3", "ES-1", "AM-3", "LM-2"})
"""What the system itself enforces without a switch cannot be excepted: there would be nothing to except."""


@dataclass(frozen=True)
class Owner:
    """Whoever answers for a clause, and the number of who stands in."""

    person: int
    name: str
    delegate: int | None


@transaction.atomic
def hand_over(*, clause: str, to: Person, delegate: Person | None, by: Person) -> ClauseOwner:
    """From now on this person answers for the clause; who did before stays in the rows."""
    require(Permission.POLICY_OWN, of=by)
    if clause not in all_clauses():
        raise Refused("GS-2", "There is no such clause.")
    if not to.is_active or (delegate is not None and (not delegate.is_active or delegate.pk == to.pk)):
        raise Refused("AM-5", "An owner works here, and somebody else stands in.")
    now = definitions.now()
    ClauseOwner.objects.select_for_update().filter(clause=clause, until__isnull=True).update(until=now)
    made = ClauseOwner(clause=clause, person=to, delegate=delegate, since=now, given_by=by)
    made.save(force_insert=True)
    journal.record(
        Kind.OWNER_CHANGED, by=reference_of(by),
        facts={Fact.CLAUSE: clause_of(clause).number, Fact.PERSON: reference_of(to)},
    )  # fmt: skip
    return made


def answering() -> dict[str, Owner]:
    """Who answers for what now, by clause."""
    rows = ClauseOwner.objects.filter(until__isnull=True)
    named = rows.values_list("clause", "person_id", "person__name", "delegate_id")
    return {clause: Owner(person, name, delegate) for clause, person, name, delegate in named}


def owner_of(clause: str) -> ClauseOwner | None:
    """Who answers for one clause now, and who stands in."""
    rows = ClauseOwner.objects.filter(clause=clause, until__isnull=True)
    return rows.select_related("person", "delegate").first()


def propose_exception(*, clause: str, reason: str, until: datetime, by: Person) -> Approval:
    """Ask to be excepted from a clause until a day. Raises `Refused` beyond 90 days, and for what has no switch."""
    now = definitions.now()
    if clause not in all_clauses() or clause in NEVER_EXCEPTED:
        raise Refused("GS-2", "This clause is enforced by the system itself; there is nothing to except.")
    if not now < until <= now + LONGEST_EXCEPTION:
        raise Refused("GS-2", "An exception ends within 90 days. Propose it anew then, if it is still needed.")
    return approvals.propose(
        kind=ApprovalKind.EXCEPTION, subject=clause, content=_content(clause, reason, until), reason=reason, by=by
    )


@transaction.atomic
def make_exception(*, approval: Approval, by: Person) -> ClauseException:
    """An approved exception is in force until its day, or until it is ended."""
    content = approvals.content_of(approval)
    approvals.use(id_=approval.pk, kind=ApprovalKind.EXCEPTION, content=content, by=reference_of(by))
    now = definitions.now()
    clause = str(content["clause"])
    ClauseException.objects.filter(clause=clause, ended_at__isnull=True).update(ended_at=now)
    made = ClauseException(
        clause=clause, reason=content["reason"], since=now, until=datetime.fromisoformat(content["until"]),
        approval=approval,
    )  # fmt: skip
    made.save(force_insert=True)
    facts: dict[Fact, int | bytes] = {
        Fact.CLAUSE: clause_of(clause).number,
        Fact.APPROVAL: approval.pk.bytes,
        Fact.DUE: definitions.milliseconds(made.until) // 1000,
    }
    journal.record(Kind.EXCEPTION_MADE, by=reference_of(by), facts=facts)
    return made


@transaction.atomic
def end_exceptions() -> int:
    """Those whose day has come end by themselves; how many."""
    over = list(ClauseException.objects.select_for_update().filter(ended_at__isnull=True, until__lte=definitions.now()))
    for row in over:
        _end(row, Actor.WATCH.reference)
    return len(over)


@transaction.atomic
def end_exception(*, clause: str, by: Person) -> None:
    """It is kept again, before its day."""
    require(Permission.POLICY_OWN, of=by)
    for row in ClauseException.objects.select_for_update().filter(clause=clause, ended_at__isnull=True):
        _end(row, reference_of(by))


def _end(row: ClauseException, by: bytes) -> None:
    ClauseException.objects.filter(pk=row.pk).update(ended_at=definitions.now())
    journal.record(Kind.EXCEPTION_ENDED, by=by, facts={Fact.CLAUSE: clause_of(row.clause).number})


def _content(clause: str, reason: str, until: datetime) -> dict[str, Any]:
    return {"clause": clause, "reason": reason, "until": until.isoformat()}
