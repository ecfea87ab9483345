"""Runs what is due: quick checks one after another, slow ones beside them, none for longer than it may take (I28)."""

import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from strongroom.policy import definitions
from strongroom.policy.clauses.controls import Check, Look, Outcome, Verdict, unknown
from strongroom.policy.obligations import runs
from strongroom.policy.obligations.models import CheckDue, Run
from strongroom.policy.obligations.sweeper import beat

SOON: Final = timedelta(minutes=15)
"""How long a check that could not look waits at most before it tries again."""
RESTS: Final = 0.5
"""After each run a check rests so much of the time until it is due, in real time: so the machine is left to its work,
however fast a rehearsal's clock goes. Whoever asks has it at once."""
SLOW: Final = timedelta(seconds=40)
"""A check that may take this long runs beside the quick ones, so that none of them waits for it."""
MOST_LEFT_BEHIND: Final = 3
"""Checks that hang at once; beyond, the process ends and is started anew."""

log = logging.getLogger("strongroom.checks")


class TooManyHang(Exception):
    """So many checks hang that this process cannot be trusted to look at anything; it should end."""


class Runner:
    """Runs what is due. `look`: makes what a check is handed. One a process."""

    def __init__(self, checks: Sequence[Check], look: Callable[[], Look]) -> None:
        self._checks = {check.id: check for check in checks}
        self._look = look
        self._quick: _Hand | None = None
        self._slow: _Hand | None = None
        self._job: _Job | None = None
        self._behind: list[_Hand] = []
        self._rested: dict[str, float] = {}

    def round(self) -> int:
        """Everything that is due now, slow checks one at a time; how many ended. Raises `TooManyHang`."""
        ran = self._end_slow()
        runs.finish_abandoned(besides=[self._job.row.id] if self._job else [])
        for check in self._due(definitions.now()):
            if check.patience < SLOW:
                self.run(check)
                ran += 1
            elif self._job is None:
                self._begin_slow(check)
            ran += self._end_slow()
        beat(runs.CHECKS)
        return ran

    @property
    def has_ended(self) -> bool:
        """Whether a slow check ended since the last round, so that the next may begin."""
        return self._job is not None and self._job.ended.is_set()

    def run(self, check: Check) -> Verdict:
        """Run one check now and wait for it, whatever its schedule says; the verdict it is kept with."""
        self._refuse_many()
        hand = self._quick if self._quick is not None and self._quick.is_alive() else _Hand()
        self._quick = hand
        job = self._job_of(check)
        hand.take(job)
        if not job.ended.wait(check.patience.total_seconds()):
            self._leave(hand)
            self._quick = None
        return self._keep(job)

    def _begin_slow(self, check: Check) -> None:
        self._refuse_many()
        hand = self._slow if self._slow is not None and self._slow.is_alive() else _Hand()
        self._slow, self._job = hand, self._job_of(check)
        hand.take(self._job)

    def _end_slow(self) -> int:
        """Keep the slow check's run where it ended, or lasts too long; how many."""
        job = self._job
        if job is None or not (job.ended.is_set() or job.is_late):
            return 0
        if not job.ended.is_set() and self._slow is not None:
            self._leave(self._slow)
            self._slow = None
        self._job = None
        self._keep(job)
        return 1

    def _job_of(self, check: Check) -> "_Job":
        look = self._look()
        return _Job(check, look, runs.begin(check, look.now))

    def _keep(self, job: "_Job") -> Verdict:
        """How it ended; what did not end is unknown."""
        check, took = job.check, job.took or time.monotonic() - job.began
        patience = f"{check.patience.total_seconds():.0f} s"
        verdict = job.said[0] if job.said else unknown(f"It did not end within {patience} and was left behind.")
        runs.complete(job.row, verdict, milliseconds=round(took * 1000))
        self._rested[check.id] = time.monotonic() + RESTS * _interval(check, verdict.outcome).total_seconds()
        _schedule(check, job.look.now, verdict.outcome)
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

    def _refuse_many(self) -> None:
        self._behind = [hand for hand in self._behind if hand.is_alive()]
        if len(self._behind) >= MOST_LEFT_BEHIND:
            raise TooManyHang

    def _leave(self, hand: "_Hand") -> None:
        """What hangs is left behind; its thread ends when it does."""
        hand.take(None)
        self._behind.append(hand)


class _Job:
    """One run on its way. said: its verdict, once it ended."""

    def __init__(self, check: Check, look: Look, row: Run) -> None:
        self.check, self.look, self.row = check, look, row
        self.began = time.monotonic()
        self.said: list[Verdict] = []
        self.took: float | None = None
        self.ended = threading.Event()

    @property
    def is_late(self) -> bool:
        return time.monotonic() - self.began > self.check.patience.total_seconds()


class _Hand:
    """A thread that looks for the runner, one check after another, in one database connection of its own."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="looking", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def take(self, job: _Job | None) -> None:
        """The next to do; nothing ends this thread, after what it does now."""
        self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.said.append(_guarded(job.check, job.look))
            job.took = time.monotonic() - job.began
            job.ended.set()
        connection.close()


def _schedule(check: Check, now: datetime, outcome: Outcome) -> None:
    """The next time, spread by up to a tenth, so that not all checks come at once; soon, where it could not look.

    Who asked after this run began saw something that it may have missed: that wish stands.
    """
    spread = int.from_bytes(hashlib.sha256(f"{check.id}{now}".encode()).digest()[:4], "big") / 2**32
    due = now + _interval(check, outcome) * (0.9 + 0.1 * spread)
    if not CheckDue.objects.filter(check_id=check.id).update(due_at=due):
        CheckDue.objects.create(check_id=check.id, due_at=due)
    CheckDue.objects.filter(check_id=check.id, wanted_at__lte=now).update(wanted_at=None)


def _interval(check: Check, outcome: Outcome) -> timedelta:
    return min(check.interval, SOON) if outcome is Outcome.UNKNOWN else check.interval


def _guarded(check: Check, look: Look) -> Verdict:
    """What it says. Whatever it raises is an unknown, told by its type alone; then the next has a new connection."""
    try:
        return check.run(look)
    except Exception as problem:  # noqa: BLE001 - a check that fails to look must not look like one that passed
        log.warning("%s raised %s", check.id, type(problem).__name__)
        connection.close()
        return unknown(f"It could not look: {type(problem).__name__}.")
