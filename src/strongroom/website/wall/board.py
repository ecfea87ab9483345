"""What is due next, for the board and the page of duties: one row a kind, with whose it is (DESIGN 1)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.urls import reverse

from strongroom.policy.clauses import terms
from strongroom.policy.clauses.profiles import Duty
from strongroom.policy.least_privilege.models import Grant, Person
from strongroom.policy.obligations import actions, evidence
from strongroom.policy.obligations.actions import ObligationKind
from strongroom.policy.obligations.models import Evidence, Obligation
from strongroom.policy.obligations.owners import Owner
from strongroom.policy.obligations.wall import Open

WORDS: Final = {
    ObligationKind.FORGET_DAY: "The last rows of {day} are gone",
    ObligationKind.FORGET_CANCELLED: "Cancelled orders are forgotten",
    ObligationKind.ASK_AGAIN: "Amazon is asked again before a key dies",
    ObligationKind.EXPLAIN_OPENING: "Somebody says why they opened an order",
    ObligationKind.ANSWER_ALARM: "An alarm is answered",
    ObligationKind.LOOK_INTO_LOCK: "Somebody looks into a locked account",
    ObligationKind.LEAVER_OUT: "A leaver's access ends",
    ObligationKind.FORGET_OTHER_DATA: "Other data of old orders goes",
    ObligationKind.CHANGE_KEY: "A key is changed",
}
Owners = Mapping[str, Owner]
"""Who answers for what, by clause."""
NEVER: Final = datetime.max.replace(tzinfo=UTC)
BY_ITSELF: Final = (ObligationKind.FORGET_DAY, ObligationKind.FORGET_CANCELLED, ObligationKind.FORGET_OTHER_DATA)


@dataclass(frozen=True)
class Line:
    """One row of the board. `whose`: a person, a role, or that it happens by itself."""

    due_at: datetime
    words: str
    clause: str
    whose: str
    count: int
    link: str
    late: bool


@dataclass(frozen=True)
class DutyLine:
    """One duty with its clock and its last evidence."""

    duty: Duty
    every: str
    obligation: Obligation | None
    last: Evidence | None
    whose: str
    mine: bool


def lines(waiting: Sequence[Open], answering: Owners, count: int = 5) -> list[Line]:
    """What is due next, soonest first: the first of each kind, and how many of it are open."""
    known = {duty.name: duty for duty in terms.in_force().duties()}
    return [
        Line(
            row.due_at, _words(row, known), row.clause, _whose(row, known, answering), row.count, _link(row),
            row.passed > 0,
        )
        for row in waiting[:count]
    ]  # fmt: skip


def duty_lines(me: Person, answering: Owners) -> list[DutyLine]:
    """Every duty in force: those that are late or due first, then by their day."""
    standing = {row.duty: row for row in Obligation.objects.open().filter(account_id=0, kind=ObligationKind.DUTY)}
    roles, last = {role.value for role in me.roles()}, evidence.newest()
    found = [
        DutyLine(
            duty, str(duty.cadence or ""), standing.get(duty.name), last.get((duty.clause, duty.name)),
            _owner(duty.clause, duty.owner, answering), _is_mine(duty, me, roles, answering),
        )
        for duty in terms.in_force().duties()
    ]  # fmt: skip
    return sorted(found, key=lambda line: line.obligation.due_at if line.obligation else NEVER)


def who_has(role: str) -> list[str]:
    """The names of those who have a role in force."""
    held = Grant.objects.in_force().filter(role=role, person__is_active=True).select_related("person")
    return [grant.person.name for grant in held.order_by("person__name")]


def _words(row: Open, known: dict[str, Duty]) -> str:
    if row.kind is ObligationKind.DUTY:
        duty = known.get(row.duty)
        return duty.words if duty is not None else f"The duty {row.duty}, no longer in the policy"
    subject = _first_subject(row) if row.kind is ObligationKind.FORGET_DAY else None
    return WORDS[row.kind].format(day=f"{actions.day_of(subject):%-d %B}" if subject else "")


def _first_subject(row: Open) -> uuid.UUID | None:
    found = Obligation.objects.open().filter(kind=row.kind, due_at=row.due_at)
    return found.values_list("subject", flat=True).first()  # sweep: one row


def _whose(row: Open, known: dict[str, Duty], answering: Owners) -> str:
    if row.kind in BY_ITSELF:
        return "by itself"
    duty = known.get(row.duty)
    return _owner(row.clause, duty.owner if duty is not None else "security", answering)


def _owner(clause: str, role: str, answering: Owners) -> str:
    """Whoever answers for the clause, where that is somebody; else the role."""
    row = answering.get(clause)
    return row.name if row is not None else role


def _is_mine(duty: Duty, me: Person, roles: set[str], answering: Owners) -> bool:
    row = answering.get(duty.clause)
    if row is not None:
        return me.pk in (row.person, row.delegate)
    return duty.owner in roles


def _link(row: Open) -> str:
    if row.kind is ObligationKind.DUTY:
        return reverse("duty", args=[row.duty])
    return reverse("clause", args=[row.clause])
