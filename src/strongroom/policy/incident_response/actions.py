"""From an alarm to an answer: every high alarm becomes a case, an incident or a written dismissal (DF-4, AM-9)."""

import uuid
from typing import Final

from django.db import connection, transaction
from django.db.models import Max

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.incident_response.models import Case
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Alarm
from strongroom.policy.obligations.actions import ObligationKind, open_obligation, satisfy

HERE: Final = definitions.INSTALLATION
HIGH: Final = 2
DECISIONS: Final = ("incident", "dismissed")
DECLARED: Final = "declared"
"""Somebody said so: a case without an alarm of a machine."""
_LOCK: Final = 7_305_223
CLOCKS: Final = (ObligationKind.ANSWER_ALARM, ObligationKind.LOOK_INTO_LOCK)


def open_cases() -> int:
    """A case for each high alarm that has none, with its clock; how many. Idempotent."""
    opened = 0
    for alarm in without_a_case():
        with transaction.atomic():
            opened += _open(alarm)
    return opened


def without_a_case() -> list[Alarm]:
    """Sweep: high alarms of all accounts that are open and have no case."""
    known = Case.objects.filter(account_id=HERE).values("alarm")
    found = Alarm.objects.filter(level__gte=HIGH, closed_at__isnull=True).exclude(id__in=known)
    return list(found.order_by("raised_at")[:500])


def take(*, number: int, by: Person) -> None:
    """From now on this person looks into it."""
    require(Permission.CASES_DECIDE, of=by)
    with transaction.atomic():
        if Case.objects.filter(account_id=HERE, number=number, decision="open").update(owner=by.pk):
            facts: dict[Fact, int | bytes] = {Fact.CASE: number, Fact.PERSON: reference_of(by)}
            journal.record(Kind.OWNER_CHANGED, by=reference_of(by), facts=facts)


@transaction.atomic
def declare(*, by: Person) -> int:
    """Open a case because somebody suspects something; its number. It waits for nobody and asks nothing (DF-4)."""
    made = _case(alarm_account=HERE, alarm=definitions.reference(), kind=DECLARED)
    me = reference_of(by)
    journal.record(Kind.CASE_OPENED, by=me, facts={Fact.CASE: made.number, Fact.ALARM: made.alarm.bytes})
    due = terms.in_force().span("answer_alarm").after(made.opened_at)
    open_obligation(account=HERE, kind=ObligationKind.ANSWER_ALARM, subject=made.id, due_at=due, by=me)
    return made.number


@transaction.atomic
def decide(*, number: int, decision: str, words: str, by: Person) -> Case:
    """An incident, or dismissed: in writing, once. Its alarm is answered and its clock stops.

    Raises `Refused` without words, with somebody in them, or where it is decided already.
    """
    require(Permission.CASES_DECIDE, of=by)
    if decision not in DECISIONS or len(words.strip()) < 10:
        raise Refused("DF-4", "Say whether it is an incident or dismissed, and why, in a sentence.")
    definitions.refuse_personal(words)
    case = Case.objects.select_for_update().get(account_id=HERE, number=number)
    if case.decision != "open":
        raise Refused("DF-4", "This case is decided already; a new alarm opens a new one.")
    case.decision, case.words, case.decided_at = decision, words.strip(), definitions.now()
    case.decided_by, case.owner = uuid.UUID(bytes=reference_of(by)), case.owner or by.pk
    Case.objects.filter(account_id=HERE, id=case.id).update(
        decision=decision, words=case.words, decided_at=case.decided_at, decided_by=case.decided_by, owner=case.owner
    )
    journal.record(
        Kind.CASE_DECIDED, by=reference_of(by),
        facts={Fact.CASE: case.number, Fact.STATE: DECISIONS.index(decision) + 1},
    )  # fmt: skip
    kind = _kind(case.alarm_kind)
    satisfy(account=HERE, kind=kind, subject=case.id, by=reference_of(by))
    transaction.on_commit(lambda: _answer(case))
    return case


def _answer(case: Case) -> None:
    """The alarm is closed by its case: in a transaction of its own, since it is of another account."""
    Alarm.objects.filter(account_id=case.alarm_account, id=case.alarm, closed_at__isnull=True).update(
        closed_at=definitions.now()
    )


def _case(*, alarm_account: int, alarm: uuid.UUID, kind: str) -> Case:
    """In the caller's transaction; numbers are given one after another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    newest = Case.objects.filter(account_id=HERE).aggregate(n=Max("number"))["n"] or 0
    made = Case(
        account_id=HERE, id=definitions.reference(), number=newest + 1, alarm_account=alarm_account, alarm=alarm,
        alarm_kind=kind, opened_at=definitions.now(), owner=0, decision="open", words="",
    )  # fmt: skip
    made.save(force_insert=True)
    return made


def _open(alarm: Alarm) -> bool:
    if Case.objects.filter(account_id=HERE, alarm_account=alarm.account_id, alarm=alarm.id).exists():
        return False
    case = _case(alarm_account=alarm.account_id, alarm=alarm.id, kind=alarm.kind)
    journal.record(
        Kind.CASE_OPENED, by=Actor.WATCH.reference, facts={Fact.CASE: case.number, Fact.ALARM: alarm.id.bytes}
    )
    kind = _kind(alarm.kind)
    term = "look_into_lock" if kind is ObligationKind.LOOK_INTO_LOCK else "answer_alarm"
    due = terms.in_force().span(term).after(alarm.raised_at)
    open_obligation(account=HERE, kind=kind, subject=case.id, due_at=due, by=Actor.WATCH, opened_at=alarm.raised_at)
    return True


def _kind(alarm_kind: str) -> ObligationKind:
    return ObligationKind.LOOK_INTO_LOCK if alarm_kind == "lockout" else ObligationKind.ANSWER_ALARM
