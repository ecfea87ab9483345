"""Runs of checks: when they are due, how each ends, and that every one is kept (I28).

A run is a row before it begins and is completed once, with its entry in the journal. A check that raises is unknown,
one that hangs is ended as unknown and left behind, and one whose process died is found by the next round.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.leaf import Outcome as Told
from strongroom.policy import definitions
from strongroom.policy.clauses.clauses import clause as clause_of
from strongroom.policy.clauses.controls import Check, Outcome, Verdict, unknown
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.models import CheckDue, Run

HERE: Final = definitions.INSTALLATION
CHECKS: Final = "checks"
"""The name of this watch's heartbeat."""
TOLD: Final = {
    Outcome.PASS: Told.DONE,
    Outcome.UNUSED: Told.DONE,
    Outcome.FAIL: Told.REFUSED,
    Outcome.UNKNOWN: Told.FAILED,
}
LONGEST_REASON: Final = 400


def begin(check: Check, now: datetime, source: str = "worker") -> Run:
    """The row of a run that begins now."""
    row = Run(
        account_id=HERE, id=definitions.reference(), check_id=check.id, clause=check.clause, began_at=now,
        limit_at=now + check.patience + timedelta(seconds=60), source=source,
    )  # fmt: skip
    row.save(force_insert=True)
    return row


@transaction.atomic
def complete(row: Run, verdict: Verdict, *, milliseconds: int) -> None:
    """How it ended, with its entry; once."""
    reason = verdict.reason[:LONGEST_REASON]
    row.outcome, row.reason, row.inputs_sha256 = verdict.outcome, reason, verdict.digest
    row.seen = json.dumps(dict(verdict.seen), sort_keys=True, ensure_ascii=False)
    row.ended_at, row.milliseconds = definitions.now(), milliseconds
    entry = journal.record(
        Kind.CHECK_RAN, by=Actor.WATCH.reference, outcome=TOLD[verdict.outcome],
        facts={Fact.CLAUSE: clause_of(row.clause).number, Fact.HASH: digest_of(row)},
    )  # fmt: skip
    row.entry = entry.id
    ended = ["outcome", "reason", "seen", "inputs_sha256", "ended_at", "milliseconds", "entry"]
    changed = Run.objects.filter(account_id=HERE, id=row.id, ended_at__isnull=True).update(
        **{name: getattr(row, name) for name in ended}
    )
    if not changed:
        transaction.set_rollback(True)


def digest_of(row: Run) -> bytes:
    """What the journal holds of a run: SHA-256 over check, time, outcome, reason, figures and source; 32 bytes."""
    began = definitions.milliseconds(row.began_at)
    said = [row.check_id, began, row.outcome, row.reason, bytes(row.inputs_sha256 or b"").hex(), row.source]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).digest()


def finish_abandoned(besides: Sequence[uuid.UUID] = ()) -> int:
    """Runs that never came to an end, as when their process died: unknown; how many. `besides`: still on their way."""
    now = definitions.now()
    left = list(Run.objects.filter(account_id=HERE, ended_at__isnull=True, limit_at__lt=now).exclude(id__in=besides))
    for row in left:
        complete(row, unknown("Its process ended before it did."), milliseconds=0)
    return len(left)


def want(ids: Sequence[str], now: datetime) -> int:
    """Ask for these checks to run now; how many are known."""
    return CheckDue.objects.filter(check_id__in=list(ids)).update(wanted_at=now)


def newest(ids: Iterable[str]) -> list[Run]:
    """The last run that has ended, of each of these checks."""
    ended = Run.objects.filter(account_id=HERE, check_id__in=list(ids), ended_at__isnull=False)
    return list(ended.order_by("check_id", "-began_at").distinct("check_id"))


def last_of(check_id: str, count: int) -> list[Run]:
    """A check's last runs, newest first."""
    return list(_last_of(check_id, count))


def last_of_each(ids: Sequence[str], count: int) -> list[Run]:
    """The last runs of each of these checks, in no order: one statement, however many checks."""
    return list(Run.objects.none().union(*(_last_of(id_, count) for id_ in ids), all=True))


def _last_of(check_id: str, count: int) -> QuerySet[Run]:
    return Run.objects.filter(account_id=HERE, check_id=check_id).order_by("-began_at")[:count]
