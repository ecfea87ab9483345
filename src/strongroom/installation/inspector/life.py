"""The inspector's life: each look when it is due by policy time or asked for, one after the other, with its verdict."""

import contextlib
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from strongroom.formats import verdict, verdict_file
from strongroom.formats.clock import SystemClock
from strongroom.formats.grade import Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.owned_file import NotTheirs
from strongroom.formats.verdict import Verdict
from strongroom.installation import description
from strongroom.installation.description import Description
from strongroom.installation.folders import Folders, flush
from strongroom.installation.inspector import one_look
from strongroom.installation.inspector.broker import Broker, Silent
from strongroom.installation.inspector.looks import Plan
from strongroom.installation.inspector.one_look import Outcome
from strongroom.installation.inspector.seen import Surroundings

NO_TIME: Final = "The key broker does not tell the time, so that this verdict's age is not known."

RESTS_TIMES: Final = 10
PAUSES_TIMES: Final = 4
LONGEST_PAUSE: Final = 5.0
"""What is due, not asked for, leaves the machine to others: matters where time runs fast, as in a rehearsal."""


@dataclass
class _Turn:
    """What is known of a look between its runs. `began`: the machine's own monotonic seconds."""

    began: float = -1e9
    took: float = 0.0
    at: int = -(10**18)
    asked: int = 0
    memory: dict[str, Any] = field(default_factory=dict)
    hanging: int | None = None


class Inspector:
    """Looks into one installation. `rest`: least real seconds between two runs of one look, however much is asked."""

    def __init__(
        self, *, folders: Folders, verdicts: Path, wanted: Path, broker: Broker, plans: tuple[Plan, ...], rest: float,
        supervisor: int, shared: tuple[Path, ...] = (),
    ) -> None:  # fmt: skip
        self._folders = folders
        self._verdicts = verdicts
        self._wanted = wanted
        self._broker = broker
        self._plans = plans
        self._rest = rest
        self._supervisor = supervisor
        self._shared = shared
        self._turns = {plan.look: _Turn() for plan in plans}
        self._told = 0
        self._grade = Kind.SINGLE_USER
        self._pause_until = 0.0

    def round(self) -> int:
        """One look at what is due; returns how many looks were taken."""
        now = self._now()
        taken = 0
        for plan in self._plans:
            turn = self._turns[plan.look]
            first = turn.took == 0.0
            if self._is_asked(plan) or (self._is_due(plan, now) and (first or time.monotonic() >= self._pause_until)):
                self.take(plan)
                self._pause_until = time.monotonic() + min(LONGEST_PAUSE, PAUSES_TIMES * turn.took)
                taken += 1
        return taken

    def take(self, plan: Plan) -> Verdict:
        """Take one look and write its verdict."""
        turn = self._turns[plan.look]
        turn.began, turn.asked = time.monotonic(), self._asked(plan)
        at = self._now()
        turn.at = max(at or 0, self._told)
        outcome, grade = self._outcome(plan, turn)
        turn.memory, turn.hanging, turn.took = outcome.memory, outcome.hanging, time.monotonic() - turn.began
        made = Verdict(
            look=plan.look, at=self._told, boot=SystemClock().boot_id()[: verdict.LONGEST_BOOT],
            took=int(turn.took * 1000), grade=grade, saw={**outcome.saw, verdict_file.ASKED: turn.asked // 1000},
            problems=outcome.problems,
            unseen=outcome.unseen if at is not None else (*outcome.unseen, NO_TIME),
        )  # fmt: skip
        self._write(made)
        return made

    def _outcome(self, plan: Plan, turn: _Turn) -> tuple[Outcome, Kind]:
        if turn.hanging is not None and not one_look.gone(turn.hanging):
            words = ("An earlier run of this look still hangs.",)
            return Outcome(unseen=words, memory=turn.memory, hanging=turn.hanging), self._grade
        try:
            found = self._description()
        except FileNotFoundError:
            return Outcome(unseen=("There is no installation.json; restart Strongroom.",)), Kind.SINGLE_USER
        except (NotTheirs, ValueError) as why:
            problem = f"installation.json cannot be believed: {why}. Restart Strongroom, and look who changed it."
            return Outcome(problems=(problem,)), Kind.SINGLE_USER
        self._grade = found.grade.kind
        around = Surroundings(self._folders, found, self._supervisor, self._broker, self._shared, turn.memory)
        return one_look.take(plan, around), found.grade.kind

    def _description(self) -> Description:
        """Written by root, or in single-user grade by ourselves; then it says single-user, whatever stands there."""
        try:
            return description.read(self._folders.data, 0)
        except NotTheirs:
            found = description.read(self._folders.data, os.getuid())
            if found.grade.is_service:
                raise NotTheirs("service grade is root's to say") from None
            return found

    def _is_asked(self, plan: Plan) -> bool:
        turn = self._turns[plan.look]
        return self._asked(plan) != turn.asked and time.monotonic() - turn.began >= self._rest

    def _is_due(self, plan: Plan, now: int | None) -> bool:
        turn = self._turns[plan.look]
        real = time.monotonic() - turn.began
        if real < max(self._rest, RESTS_TIMES * turn.took):
            return False
        return real >= plan.every or (now is not None and now - turn.at >= plan.every * 1000)

    def _asked(self, plan: Plan) -> int:
        """When somebody last asked for this look; the file's times tell; its words are read by the two scans alone."""
        try:
            return (self._wanted / str(plan.look)).lstat().st_ctime_ns
        except OSError:
            return 0

    def _now(self) -> int | None:
        """Believed time in milliseconds; None while the broker is silent, and then the last that it told stands."""
        try:
            self._told = self._broker.time().at
        except Silent:
            return None
        return self._told

    def _write(self, made: Verdict) -> None:
        """As a whole, on disk when it returns. What no verdict may hold becomes one that says so."""
        try:
            data = verdict.encode(made)
        except Malformed as why:
            sys.stderr.write(f"inspector: {made.look}: {why}\n")
            empty = Verdict(made.look, made.at, made.boot, made.took, made.grade, {}, made.problems[:1],
                            ("This look found more than a verdict holds.",))  # fmt: skip
            data = verdict.encode(empty)
        path = self._verdicts / verdict_file.name_of(made.look)
        aside = path.with_name("new")
        try:
            aside.unlink(missing_ok=True)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o644)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            aside.rename(path)
            flush(self._verdicts)
        except OSError as why:  # a full disk: the former verdict grows old, and old is unknown
            sys.stderr.write(f"inspector: {made.look} was not written: {why.strerror}\n")
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
