"""One clause's page: its parts, its ninety days with gaps as gaps, its runs and evidence, who answers (I28)."""

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from strongroom.policy.clauses import asking
from strongroom.policy.logging_and_monitoring.models import Leaf
from strongroom.policy.obligations import runs
from strongroom.policy.obligations.models import Evidence, Run, Turn
from strongroom.policy.obligations.rules import State, age

DAYS: Final = 90
WATCHED: Final = timedelta(days=30)
"""A promise that broke is watched for so long after it was mended."""
HEIGHTS: Final = {
    State.FALSE: 56, State.UNKNOWN: 42, State.DUE: 28, State.EXCEPTED: 22, State.ATTESTED: 14, State.TRUE: 14,
    State.NOT_USED: 6,
}  # fmt: skip


@dataclass(frozen=True)
class Day:
    """One day of the strip: its worst state, or a gap where nobody looked."""

    day: date
    state: State | None
    x: int

    @property
    def height(self) -> int:
        return HEIGHTS[self.state] if self.state is not None else 0

    @property
    def y(self) -> int:
        return 58 - self.height


@dataclass(frozen=True)
class Stretch:
    """A stretch of time in which a clause was not simply true. `until` is empty where it lasts."""

    state: State
    since: datetime
    until: datetime | None
    reason: str

    @property
    def lasted(self) -> str:
        return age(self.until - self.since) if self.until is not None else "until now"


@dataclass(frozen=True)
class Shown:
    """One piece of evidence or one run: the time it speaks of, and the time it came."""

    at: datetime
    received: datetime | None
    words: str
    outcome: str
    who: str
    leaf: int | None
    sha256: str
    id: uuid.UUID


def strip(clause: str, checks: Sequence[str], installed_at: datetime, now: datetime) -> list[Day]:
    """The worst state of each of the last ninety days; a day before the installation or without a run is a gap."""
    first = (now - timedelta(days=DAYS - 1)).date()
    turns = list(Turn.objects.filter(account_id=0, clause=clause).order_by("at"))
    looked = _days_with_runs(checks, first) if checks else None
    days = []
    for number in range(DAYS):
        day = first + timedelta(days=number)
        seen = day >= installed_at.date() and (looked is None or day in looked or day == now.date())
        days.append(Day(day, _worst(turns, day) if seen else None, number * 10))
    return days


def stretches(clause: str, now: datetime) -> list[Stretch]:
    """When it was false, unknown, due or excepted within the last ninety days, newest first."""
    turns = list(Turn.objects.filter(account_id=0, clause=clause, at__gte=now - timedelta(days=DAYS)).order_by("at"))
    found = [
        Stretch(State(turn.state), turn.at, after.at if after else None, turn.reason)
        for turn, after in itertools.pairwise([*turns, None])
        if turn is not None and State(turn.state) not in (State.TRUE, State.ATTESTED, State.NOT_USED)
    ]
    return found[::-1]


def regression(clause: str, now: datetime) -> str:
    """Whether it broke again within thirty days of being mended, in words; empty where it did not."""
    turns = Turn.objects.filter(account_id=0, clause=clause, at__gte=now - timedelta(days=DAYS)).order_by("at")
    broken = [turn.at for turn in turns if turn.state == State.FALSE]
    again = [late for early, late in itertools.pairwise(broken) if late - early < WATCHED]
    if not again:
        return ""
    clean = age(now - again[-1])
    return (
        f"It broke {len(broken)} times in {DAYS} days, {len(again)} of them within 30 days of the last; {clean} since."
    )


def evidence_of(clause: str, checks: Sequence[str], count: int = 12) -> list[Shown]:
    """What people gave and what checks found, newest first, each with its place in the journal."""
    given = list(Evidence.objects.filter(account_id=0, clause=clause).order_by("-effective_from")[:count])
    ran = [row for row in runs.last_of_each(checks, count) if row.ended_at is not None]
    places = _places([*(row.entry for row in given), *(row.entry for row in ran if row.entry is not None)])
    shown = [*(_given(row, places) for row in given), *(_ran(row, places) for row in ran)]
    return sorted(shown, key=lambda row: row.at, reverse=True)[:count]


def _given(row: Evidence, places: dict[uuid.UUID, int]) -> Shown:
    state = "withdrawn" if row.withdrawn_at else "superseded" if row.superseded_by else "in force"
    return Shown(row.effective_from, row.received_at, row.words, state, row.duty.replace("_", " "),
                 places.get(row.entry), bytes(row.sha256).hex(), row.id)  # fmt: skip


def _ran(row: Run, places: dict[uuid.UUID, int]) -> Shown:
    hash_ = bytes(row.inputs_sha256).hex() if row.inputs_sha256 else ""
    place = places.get(row.entry) if row.entry is not None else None
    return Shown(row.began_at, row.ended_at, row.reason, str(row.outcome), row.check_id, place, hash_, row.id)


def _places(entries: list[uuid.UUID]) -> dict[uuid.UUID, int]:
    return dict(Leaf.objects.filter(account_id=0, entry__in=entries).values_list("entry", "index"))


def _worst(turns: Sequence[Turn], day: date) -> State:
    """The worst of what it was when the day began and of each turn in it."""
    before = [turn for turn in turns if turn.at.date() < day]
    within = [turn for turn in turns if turn.at.date() == day]
    states = [State(turn.state) for turn in [*before[-1:], *within]]
    return min(states, key=lambda state: state.rank, default=State.UNKNOWN)


def _days_with_runs(checks: Sequence[str], first: date) -> set[date]:
    found = asking.rows(
        "SELECT DISTINCT (began_at AT TIME ZONE 'UTC')::date FROM run"
        " WHERE account_id = 0 AND check_id = ANY (%s) AND began_at >= %s",
        list(checks), first,
    )  # fmt: skip
    return {day for (day,) in found}
