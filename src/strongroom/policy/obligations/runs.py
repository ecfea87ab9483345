"""Runs of checks: when they are due, how each ends, and that every one is kept (I28).

A run is a row before it begins and is completed once, with its entry in the journal. A check that raises is unknown,
one that hangs is ended as unknown and left behind, and one whose process died is found by the next round.
"""

import hashlib
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.leaf import Outcome as Told
from strongroom.policy import definitions
from strongroom.policy.clauses.clauses import clause as clause_of
from strongroom.policy.clauses.controls import Check, Look, Outcome, Verdict, unknown
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.models import CheckDue, Run
from strongroom.policy.obligations.sweeper import beat

HERE: Final = definitions.INSTALLATION
CHECKS: Final = "checks"
"""The name of this watch's heartbeat."""
SOON: Final = timedelta(minutes=15)
"""How long a check that could not look waits at most before it tries again."""
RESTS: Final = 40
"""After each run a check rests this many times as long as it took, in real time: so none takes more than a fortieth of
a machine, however fast a rehearsal's clock goes. Whoever asks for it has it at once."""
MOST_LEFT_BEHIND: Final = 3
"""Checks that hang at once; beyond, the process ends and is started anew."""
TOLD: Final = {
    Outcome.PASS: Told.DONE,
    Outcome.UNUSED: Told.DONE,
    Outcome.FAIL: Told.REFUSED,
    Outcome.UNKNOWN: Told.FAILED,
}
LONGEST_REASON: Final = 400

log = logging.getLogger("strongroom.checks")


class TooManyHang(Exception):
    """So many checks hang that this process cannot be trusted to look at anything; it should end."""


class Runner:
    """Runs what is due, one after another. `look`: makes what a check is handed. One a process."""

    def __init__(self, checks: Sequence[Check], look: Callable[[], Look]) -> None:
        self._checks = {check.id: check for check in checks}
        self._look = look
        self._hand: _Hand | None = None
        self._behind: list[_Hand] = []
        self._rested: dict[str, float] = {}

    def round(self) -> int:
        """Everything that is due now; how many ran. Raises `TooManyHang`."""
        finish_abandoned()
        ran = 0
        for check in self._due(definitions.now()):
            self.run(check)
            ran += 1
        beat(CHECKS)
        return ran

    def run(self, check: Check) -> Verdict:
        """Run one check now, whatever its schedule says; the verdict it is kept with."""
        look = self._look()
        row = begin(check, look.now)
        began = time.monotonic()
        verdict = self._within(check, look)
        took = time.monotonic() - began
        complete(row, verdict, milliseconds=round(took * 1000))
        self._rested[check.id] = time.monotonic() + RESTS * took
        _schedule(check, look.now, verdict.outcome)
        return verdict

    def _due(self, now: datetime) -> list[Check]:
        """Checks never run, asked for, or past their time; those asked for first."""
        rows = {row.check_id: row for row in CheckDue.objects.all()}
        new = [check for id_, check in self._checks.items() if id_ not in rows]
        known = [row for id_, row in rows.items() if id_ in self._checks]
        wanted = [self._checks[row.check_id] for row in known if row.wanted_at is not None]
        late = sorted((row for row in known if row.wanted_at is None and row.due_at <= now), key=lambda row: row.due_at)
        awake = [self._checks[row.check_id] for row in late if self._rested.get(row.check_id, 0) <= time.monotonic()]
        return [*wanted, *new, *awake]

    def _within(self, check: Check, look: Look) -> Verdict:
        """The check in another thread, for as long as it may take; a thread that hangs is left behind with it."""
        self._behind = [hand for hand in self._behind if hand.is_alive()]
        if len(self._behind) >= MOST_LEFT_BEHIND:
            raise TooManyHang
        hand = self._hand if self._hand is not None and self._hand.is_alive() else _Hand()
        self._hand = hand
        verdict = hand.does(check, look, check.patience.total_seconds())
        if verdict is not None:
            return verdict
        self._behind.append(hand)
        self._hand = None
        return unknown(f"It did not end within {check.patience.total_seconds():.0f} s and was left behind.")


class _Hand:
    """A thread that looks for the runner, one check after another, in one database connection of its own."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Check, Look, list[Verdict], threading.Event] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="looking", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def does(self, check: Check, look: Look, seconds: float) -> Verdict | None:
        """What the check says; nothing where it did not end in time: then this thread ends as soon as it can."""
        said: list[Verdict] = []
        ended = threading.Event()
        self._jobs.put((check, look, said, ended))
        if ended.wait(seconds):
            return said[0]
        self._jobs.put(None)
        return None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            check, look, said, ended = job
            said.append(_guarded(check, look))
            ended.set()
        connection.close()


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


def finish_abandoned() -> int:
    """Runs that never came to an end, as when their process died: unknown; how many."""
    now = definitions.now()
    left = list(Run.objects.filter(account_id=HERE, ended_at__isnull=True, limit_at__lt=now))
    for row in left:
        complete(row, unknown("Its process ended before it did."), milliseconds=0)
    return len(left)


def want(ids: Sequence[str], now: datetime) -> int:
    """Ask for these checks to run now; how many are known."""
    return CheckDue.objects.filter(check_id__in=list(ids)).update(wanted_at=now)


def _schedule(check: Check, now: datetime, outcome: Outcome) -> None:
    """The next time, spread by up to a tenth, so that not all checks come at once; soon, where it could not look.

    Who asked after this run began saw something that it may have missed: that wish stands.
    """
    spread = int.from_bytes(hashlib.sha256(f"{check.id}{now}".encode()).digest()[:4], "big") / 2**32
    interval = min(check.interval, SOON) if outcome is Outcome.UNKNOWN else check.interval
    due = now + interval * (0.9 + 0.1 * spread)
    if not CheckDue.objects.filter(check_id=check.id).update(due_at=due):
        CheckDue.objects.create(check_id=check.id, due_at=due)
    CheckDue.objects.filter(check_id=check.id, wanted_at__lte=now).update(wanted_at=None)


def _guarded(check: Check, look: Look) -> Verdict:
    """What it says. Whatever it raises is an unknown, told by its type alone; then the next has a new connection."""
    try:
        return check.run(look)
    except Exception as problem:  # noqa: BLE001 - a check that fails to look must not look like one that passed
        log.warning("%s raised %s", check.id, type(problem).__name__)
        connection.close()
        return unknown(f"It could not look: {type(problem).__name__}.")


def newest(ids: Iterable[str]) -> list[Run]:
    """The last run that has ended, of each of these checks."""
    ended = Run.objects.filter(account_id=HERE, check_id__in=list(ids), ended_at__isnull=False)
    return list(ended.order_by("check_id", "-began_at").distinct("check_id"))


def last_of(check_id: str, count: int) -> list[Run]:
    """A check's last runs, newest first."""
    return list(Run.objects.filter(account_id=HERE, check_id=check_id).order_by("-began_at")[:count])
