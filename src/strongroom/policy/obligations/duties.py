"""Duties: what recurs by a cadence or on events. Each is one open obligation, counted from when it was last done."""

from datetime import datetime
from typing import Final

from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.clauses import clause as clause_of
from strongroom.policy.clauses.profiles import Duty
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Installation
from strongroom.policy.obligations import evidence
from strongroom.policy.obligations.actions import NO_SUBJECT, ObligationKind, open_obligation, satisfy
from strongroom.policy.obligations.models import Evidence, Obligation

HERE: Final = definitions.INSTALLATION


def duty(name: str) -> Duty:
    """The duty of this name, as the terms in force have it. Raises `KeyError` for an unknown one."""
    for each in terms.in_force().duties():
        if each.name == name:
            return each
    raise KeyError(name)


def keep_open() -> int:
    """Every duty with a cadence has its open obligation, never later than its cadence says; how many were opened."""
    standing = {row.duty: row for row in Obligation.objects.open().filter(account_id=HERE, kind=ObligationKind.DUTY)}
    done, installed, opened = evidence.newest(), _installed(), 0
    for each in terms.in_force().duties():
        if each.cadence is None or each.cadence.every is None:
            continue
        last = done.get((each.clause, each.name))
        since = last.effective_from if last is not None and last.withdrawn_at is None else installed
        due = each.cadence.every.after(since)
        if each.name not in standing or due < standing[each.name].due_at:
            open_obligation(
                account=HERE, kind=ObligationKind.DUTY, subject=NO_SUBJECT, due_at=due, by=Actor.WATCH,
                duty=each.name, clause=each.clause, opened_at=since,
            )  # fmt: skip
            opened += each.name not in standing
    return opened


@transaction.atomic
def happened(event: str, *, by: bytes, at: datetime | None = None) -> list[str]:
    """An event of the policy: every duty that starts on it is due within its time. The names of those."""
    now = at or definitions.now()
    started = []
    for each in terms.in_force().duties():
        if each.cadence is not None and event in each.cadence.on:
            open_obligation(
                account=HERE, kind=ObligationKind.DUTY, subject=NO_SUBJECT, due_at=each.within.after(now), by=by,
                duty=each.name, clause=each.clause,
            )  # fmt: skip
            journal.record(Kind.DUTY_STARTED, by=by, facts={Fact.CLAUSE: clause_of(each.clause).number})
            started.append(each.name)
    return started


@transaction.atomic
def do(
    *, name: str, words: str, on: datetime, by: Person, document_sha256: bytes | None = None, kept_at: str = ""
) -> Evidence:
    """It was done, on that day; with evidence. The next time is counted from then.

    Raises `Refused` where it was done longer ago than its cadence: it would be late again at once.
    """
    this = duty(name)
    every = this.cadence.every if this.cadence is not None else None
    until = every.after(on) if every is not None else None
    if until is not None and until <= definitions.now():
        raise Refused(this.clause, f"That is longer ago than {every}: it would be late again at once. Do it anew.")
    made = evidence.receive(
        clause=this.clause, duty=name, words=words, effective_from=on, effective_until=until, by=by,
        document_sha256=document_sha256, kept_at=kept_at,
    )  # fmt: skip
    _count_anew(this, on, until, reference_of(by))
    return made


@transaction.atomic
def seen(*, name: str, words: str, by: Actor) -> Evidence:
    """A process saw by itself, now, that it was done. The next time is counted from now."""
    this, now = duty(name), definitions.now()
    every = this.cadence.every if this.cadence is not None else None
    until = every.after(now) if every is not None else None
    made = evidence.observe(
        clause=this.clause, duty=name, words=words, effective_from=now, effective_until=until, by=by.reference
    )
    _count_anew(this, now, until, by.reference)
    return made


def _count_anew(this: Duty, on: datetime, until: datetime | None, by: bytes) -> None:
    """Close the duty's open deadline, and open the next, counted from when it was done."""
    satisfy(account=HERE, kind=ObligationKind.DUTY, subject=NO_SUBJECT, by=by, duty=this.name)
    if until is not None:
        open_obligation(
            account=HERE, kind=ObligationKind.DUTY, subject=NO_SUBJECT, due_at=until, by=by, duty=this.name,
            clause=this.clause, opened_at=on,
        )  # fmt: skip


def _installed() -> datetime:
    """What a cadence is counted from where the duty was never done."""
    installed = Installation.objects.filter(id=1).values_list("created_at", flat=True).first()
    return installed or definitions.now()
