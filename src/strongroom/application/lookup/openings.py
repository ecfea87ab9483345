"""Who opened, extended, searched and printed what, for what, and who must say why (AM-3, LM-7).

Read from the journal's entries, counted by the database. A purpose stands at a fixed place of an opening's canonical
bytes (docs/formats/leaf.md: header of 68, count of 1, part of 2, write of 9, then purpose's number and value).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Case, Count, F, Func, IntegerField, Q, QuerySet, When
from django.db.models.functions import ExtractHour, TruncDate

from strongroom.application.lookup.rules import NIGHT, Answer, Habit, why_unusual
from strongroom.formats.leaf import PURPOSE_AT, Actor, Fact, Kind, Outcome
from strongroom.formats.parts import OPENS, Peer, Purpose
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal, references
from strongroom.policy.logging_and_monitoring.models import Entry, SellingAccount
from strongroom.policy.obligations.actions import ObligationKind, open_obligation, satisfy
from strongroom.policy.obligations.models import Obligation
from strongroom.policy.retention_and_recovery.actions import selling_accounts

SHOWN: Final = (Kind.OPENED, Kind.OPENING_EXTENDED, Kind.SEARCHED)
"""A print is its opening: for the label, by the person who asked for it."""
SPANS: Final = {"day": ("24 hours", 1), "week": ("7 days", 7), "month": ("28 days", 28)}
PROCESSES: Final = [uuid.UUID(bytes=actor.reference) for actor in Actor]
LONDON: Final = ZoneInfo("Europe/London")

Accounts = Sequence[int]
"""Whose orders the reader may see."""


@dataclass(frozen=True)
class Row:
    """What one person did, by purpose, and what stands out."""

    by: uuid.UUID
    total: int
    purposes: Mapping[str, int]
    unusual: list[str]


def entries(span: str, accounts: Accounts, *, by: uuid.UUID | None = None) -> QuerySet[Entry]:
    """What people did within a span, newest first; processes act for nobody and are left out."""
    since = definitions.now() - timedelta(days=SPANS[span][1])
    found = Entry.objects.filter(
        account_id__in=accounts, kind__in=SHOWN, at__gt=since, outcome=Outcome.DONE
    ).exclude(by__in=PROCESSES)  # fmt: skip
    if by is not None:
        found = found.filter(by=by)
    return found.annotate(purpose=_purpose()).order_by("-at", "id")


def totals(span: str, accounts: Accounts) -> list[Row]:
    """One row a person: counts by purpose, the busiest first."""
    counted = entries(span, accounts).order_by().values("by", "kind", what=F("purpose")).annotate(n=Count("id"))
    people: dict[uuid.UUID, dict[str, int]] = {}
    for row in counted:
        words = words_of(row["kind"], row["what"])
        mine = people.setdefault(row["by"], {})
        mine[words] = mine.get(words, 0) + row["n"]
    habits_ = habits(accounts)
    rows = [Row(by, sum(p.values()), p, why_unusual(habits_[by]) if by in habits_ else []) for by, p in people.items()]
    return sorted(rows, key=lambda row: (not row.unusual, -row.total))


def habits(accounts: Accounts) -> dict[uuid.UUID, Habit]:
    """What each person usually opens on a screen, and did in the last 24 hours. A day of labels is a day's work."""
    now = definitions.now()
    on_screen = [purpose for purpose, opens in OPENS.items() if Peer.WEB in opens.peers]
    opened = entries("month", accounts).filter(Q(kind=Kind.OPENED) & Q(purpose__in=on_screen))
    by_day: dict[uuid.UUID, dict[date, int]] = {}
    daily = opened.order_by().annotate(day=TruncDate("at", tzinfo=LONDON)).values("by", "day").annotate(n=Count("id"))
    for row in daily:
        by_day.setdefault(row["by"], {})[row["day"]] = row["n"]
    recent, before = Q(at__gt=now - timedelta(days=1)), Q(at__lte=now - timedelta(days=1))
    at_night = Q(hour__in=NIGHT)
    counts = {
        row["by"]: row
        for row in opened.order_by().annotate(hour=ExtractHour("at", tzinfo=LONDON)).values("by").annotate(
            today=Count("id", filter=recent), night=Count("id", filter=recent & at_night),
            nights_before=Count("id", filter=before & at_night),
        )
    }  # fmt: skip
    repeated: dict[uuid.UUID, int] = {}
    for one in opened.filter(recent).order_by().values("by", "subject").annotate(n=Count("id")):
        repeated[one["by"]] = max(repeated.get(one["by"], 0), one["n"])
    today = now.astimezone(LONDON).date()
    return {
        by: Habit(
            {day: n for day, n in days.items() if day != today}, counts[by]["today"], counts[by]["night"],
            counts[by]["nights_before"], repeated.get(by, 0),
        )
        for by, days in by_day.items()
    }  # fmt: skip


def days_of(span: str, accounts: Accounts) -> list[tuple[date, int]]:
    """Openings a day, oldest first, days without any too."""
    now, length = definitions.now().astimezone(LONDON).date(), SPANS[span][1]
    found = dict(
        entries("month", accounts).filter(kind=Kind.OPENED).order_by().annotate(day=TruncDate("at", tzinfo=LONDON))
        .values_list("day").annotate(n=Count("id"))
    )  # fmt: skip
    return [(day, found.get(day, 0)) for day in (now - timedelta(days=n) for n in range(max(length, 7) - 1, -1, -1))]


def words_of(kind: int, purpose: int | None) -> str:
    """What was done, in words."""
    match Kind(kind):
        case Kind.OPENED if purpose is not None and purpose in Purpose.__members__.values():
            return OPENS[Purpose(purpose)].words
        case Kind.OPENING_EXTENDED:
            return "Looked a minute longer"
        case Kind.SEARCHED:
            return "Searched for a customer"
        case _:
            return "Opened"


def asked(found: list[Entry]) -> dict[uuid.UUID, Obligation]:
    """Which of these must be explained, or were."""
    rows = Obligation.objects.filter(
        account_id__in={e.account_id for e in found}, kind=ObligationKind.EXPLAIN_OPENING,
        subject__in=[e.id for e in found],
    )  # fmt: skip
    return {row.subject: row for row in rows}


def ask_why(*, account: int, entry: uuid.UUID, by: Person) -> None:
    """Ask somebody about one thing they did. It is due in three days; the question stands in the journal."""
    require(Permission.OPENINGS_ASK, of=by)
    found = Entry.objects.filter(account_id=account, id=entry, kind__in=SHOWN).exclude(by__in=PROCESSES).first()
    me = reference_of(by)
    if found is None or found.by == uuid.UUID(bytes=me):
        raise Refused("AM-3", "Ask about what somebody else did.")
    with transaction.atomic():
        open_obligation(
            account=account, kind=ObligationKind.EXPLAIN_OPENING, subject=entry,
            due_at=definitions.now() + terms.span("explain_opening"), by=me,
        )  # fmt: skip
        journal.record(
            Kind.EXPLANATION_ASKED, by=me, account=account, subject=_order(found), facts={Fact.ENTRY: entry.bytes}
        )  # fmt: skip


def questions_for(person: Person) -> list[tuple[Obligation, Entry]]:
    """What a person must explain, the most urgent first."""
    selling = SellingAccount.objects.filter(id__gt=0).values("id")
    waiting = list(
        Obligation.objects.open()
        .filter(account_id__in=selling, kind=ObligationKind.EXPLAIN_OPENING)
        .order_by("due_at")
    )  # fmt: skip
    if not waiting:
        return []
    mine, accounts = references.all_of(person.pk), {each.account_id for each in waiting}
    entries_ = {
        e.id: e
        for e in Entry.objects.filter(
            account_id__in=accounts, id__in=[o.subject for o in waiting], by__in=mine
        ).annotate(purpose=_purpose())
    }  # fmt: skip
    return [(o, entries_[o.subject]) for o in waiting if o.subject in entries_]


def explain(*, obligation: uuid.UUID, answer: Answer, case: int | None, by: Person) -> None:
    """Say why, for oneself only; the question is closed with the entry that says so."""
    found = next(((o, e) for o, e in questions_for(by) if o.id == obligation), None)
    if found is None:
        raise Refused("AM-3", "This question is not yours, or is answered.")
    (due, entry), me = found, reference_of(by)
    facts: dict[Fact, int | bytes] = {Fact.REASON: answer, Fact.ENTRY: entry.id.bytes}
    if case is not None:
        facts[Fact.CASE] = case
    with transaction.atomic():
        journal.record(
            Kind.EXPLANATION_GIVEN, by=me, account=entry.account_id, subject=_order(entry), facts=facts
        )  # fmt: skip
        satisfy(account=entry.account_id, kind=ObligationKind.EXPLAIN_OPENING, subject=due.subject, by=me)


def overdue(now: datetime) -> int:
    """Questions that nobody answered in time."""
    return Obligation.objects.filter(
        account_id__in=selling_accounts(),
        kind=ObligationKind.EXPLAIN_OPENING,
        satisfied_at__isnull=True,
        due_at__lt=now,
    ).count()


def _order(entry: Entry) -> bytes | None:
    return entry.subject.bytes if entry.subject is not None else None


def _purpose() -> Case:
    """The purpose's number, of openings; other entries may be shorter than that."""
    byte = Func(F("payload"), PURPOSE_AT, function="get_byte", output_field=IntegerField())
    return Case(When(kind=Kind.OPENED, then=byte), default=None, output_field=IntegerField())
