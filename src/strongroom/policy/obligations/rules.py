"""Whether a clause is true now: its state follows from runs, duties, deadlines and exceptions (DESIGN 1, I28).

Plain values in, a tile out. Nothing is true that was not shown: what did not run, is too old, crashed or was altered is
unknown. The worst part of a clause is its state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.policy.clauses.clauses import Clause, Grade
from strongroom.policy.clauses.controls import Check, Outcome
from strongroom.policy.clauses.profiles import Duty

AHEAD: Final = timedelta(minutes=5)
"""Evidence dated further ahead than this cannot be."""


class State(StrEnum):
    """A tile's state, worst first: the order everywhere."""

    FALSE = "false"
    UNKNOWN = "unknown"
    DUE = "due"
    EXCEPTED = "excepted"
    ATTESTED = "attested"
    TRUE = "true"
    NOT_USED = "not used"

    @property
    def rank(self) -> int:
        return list(State).index(self)

    @property
    def words(self) -> str:
        return self.value.capitalize()

    @property
    def slug(self) -> str:
        """As style sheets and icons name it: `not-used`."""
        return self.value.replace(" ", "-")


NOT_BUILT: Final = "Not built yet: nothing looks at this promise."
NEEDS_A_PERSON: Final = (State.FALSE, State.UNKNOWN, State.DUE)


@dataclass(frozen=True)
class RunSeen:
    """The last ended run of a check. `whole`: its row is the one that was journalled."""

    check_id: str
    outcome: Outcome
    reason: str
    began_at: datetime
    ended_at: datetime
    whole: bool = True


@dataclass(frozen=True)
class DutySeen:
    """How a duty stands: its open obligation, and the last evidence."""

    duty: Duty
    due_at: datetime | None
    warned: bool
    done_on: datetime | None
    withdrawn: bool = False


@dataclass(frozen=True)
class DeadlinesSeen:
    """Other open obligations of a clause, counted."""

    open: int = 0
    passed: int = 0
    warned: int = 0
    next_due: datetime | None = None


@dataclass(frozen=True)
class ExceptionSeen:
    """An approved exception in force."""

    until: datetime
    reason: str


@dataclass(frozen=True)
class Part:
    """One part of a clause's proof and how it stands. `name`: the check's id, the duty's name, or `deadlines`."""

    name: str
    state: State
    reason: str
    evidence_at: datetime | None = None
    fresh_until: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class Tile:
    """One clause on the wall. left: how much of its evidence's life, or of its time, is left, 0 to 1."""

    clause: Clause
    state: State
    reason: str
    parts: tuple[Part, ...]
    evidence_at: datetime | None = None
    due_at: datetime | None = None
    left: float = 0.0
    excepted_until: datetime | None = None

    @property
    def is_built(self) -> bool:
        """Whether anything looks at it at all."""
        return not any(part.reason == NOT_BUILT for part in self.parts)


def tile(
    clause: Clause, *, checks: Sequence[tuple[Check, RunSeen | None]], duties: Sequence[DutySeen],
    deadlines: DeadlinesSeen, exception: ExceptionSeen | None, now: datetime, lost: Sequence[str] = (),
) -> Tile:  # fmt: skip
    """The state of one clause. `lost`: watches that fell silent; without them no deadline is known to hold."""
    parts = [of_check(check, run, now) for check, run in checks]
    parts += [of_duty(duty, now) for duty in duties]
    if deadlines.open:
        parts.append(of_deadlines(deadlines, now))
    if clause.needs_a_check and not checks:
        parts.append(Part("check", State.UNKNOWN, NOT_BUILT))
    if lost and (duties or deadlines.open or not parts):
        parts.append(Part("watch", State.UNKNOWN, f"The {lost[0]} is silent: nobody counts deadlines."))
    if not parts:
        parts.append(Part("check", State.UNKNOWN, NOT_BUILT))
    made = _of_parts(clause, parts, now)
    if exception is not None and exception.until > now and made.state in NEEDS_A_PERSON:
        return replace(
            made, state=State.EXCEPTED, reason=f"{exception.reason} Without the exception: {made.reason}",
            excepted_until=exception.until, due_at=exception.until,
        )  # fmt: skip
    return made


def of_check(check: Check, run: RunSeen | None, now: datetime) -> Part:
    """How one check stands."""
    if run is None:
        return Part(check.id, State.UNKNOWN, "It has not run yet.")
    fresh_until = run.began_at + check.max_age
    part = Part(check.id, State.UNKNOWN, "", run.began_at, fresh_until)
    if not run.whole:
        return replace(part, reason="The row of its last run is not the one that was journalled.")
    if run.began_at > now + AHEAD:
        return replace(part, reason="Its last run is dated in the future.")
    if now > fresh_until:
        words = f"The last proof is {age(now - run.began_at)} old; {age(check.max_age)} is the most it may be."
        return replace(part, reason=words)
    states = {
        Outcome.PASS: State.TRUE,
        Outcome.FAIL: State.FALSE,
        Outcome.UNUSED: State.NOT_USED,
        Outcome.UNKNOWN: State.UNKNOWN,
    }
    return replace(part, state=states[run.outcome], reason=run.reason)


def of_duty(seen: DutySeen, now: datetime) -> Part:
    """How one duty stands: due from the installation on, attested while its evidence lasts, false when late."""
    part = Part(seen.duty.name, State.UNKNOWN, "", seen.done_on, seen.due_at, seen.due_at)
    if seen.withdrawn:
        return replace(part, state=State.FALSE, reason="Its evidence was withdrawn: it proves nothing.")
    if seen.due_at is None:
        if seen.duty.cadence is not None and seen.duty.cadence.every is None:
            return replace(part, state=State.NOT_USED, reason="Nothing has happened that asks for it.")
        return replace(part, reason="Nobody counts it: it has no open deadline.")
    if seen.due_at <= now:
        words = f"{seen.duty.words}: {age(now - seen.due_at)} late."
        return replace(part, state=State.FALSE, reason=words)
    if seen.done_on is None or seen.warned:
        what = "Never done yet" if seen.done_on is None else f"Last done on {seen.done_on:%-d %B %Y}"
        return replace(part, state=State.DUE, reason=f"{seen.duty.words}. {what}.")
    return replace(part, state=State.ATTESTED, reason=f"Done on {seen.done_on:%-d %B %Y}: {seen.duty.words.lower()}.")


def of_deadlines(seen: DeadlinesSeen, now: datetime) -> Part:
    """How the clause's other deadlines stand."""
    part = Part("deadlines", State.TRUE, f"{seen.open:,} open, none late.", due_at=seen.next_due)
    if seen.passed or (seen.next_due is not None and seen.next_due <= now):
        return replace(part, state=State.FALSE, reason=f"{max(seen.passed, 1):,} passed undone.")
    if seen.warned:
        return replace(part, state=State.DUE, reason=f"{seen.warned:,} due soon.")
    return part


def age(span: timedelta) -> str:
    """A length of time in at most two units."""
    minutes = int(span.total_seconds()) // 60
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"
    if minutes >= 60:
        return f"{hours} h {minutes % 60} min" if minutes % 60 and hours < 10 else f"{hours} h"
    return f"{minutes} min" if minutes else f"{int(span.total_seconds())} s"


def _of_parts(clause: Clause, parts: Sequence[Part], now: datetime) -> Tile:
    """The worst part decides. What is not used counts only where nothing else is there."""
    used = [part for part in parts if part.state is not State.NOT_USED] or list(parts)
    worst = min(used, key=lambda part: part.state.rank)
    state, reason = worst.state, worst.reason
    if state is State.TRUE and clause.grade is Grade.ATTESTED:
        state = State.ATTESTED
    evidence = [part.evidence_at for part in used if part.evidence_at is not None]
    due = [part.due_at for part in used if part.due_at is not None]
    left = min((_left(part, now) for part in used), default=0.0)
    return Tile(clause, state, reason, tuple(parts), min(evidence, default=None), min(due, default=None), left)


def _left(part: Part, now: datetime) -> float:
    """How much of a part's time is left."""
    if part.fresh_until is None or part.evidence_at is None:
        return 1.0 if part.state in (State.TRUE, State.NOT_USED) else 0.0
    whole = (part.fresh_until - part.evidence_at).total_seconds()
    return max(0.0, min(1.0, (part.fresh_until - now).total_seconds() / whole)) if whole > 0 else 0.0
