"""What the daily digest and the director's month are made of: read at one moment, told as it was then."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.policy import definitions
from strongroom.policy.obligations.channels.events import Event
from strongroom.policy.obligations.channels.news import PASSING, News, Seen
from strongroom.policy.obligations.models import Message, Turn
from strongroom.policy.obligations.rules import State, Tile

HERE: Final = definitions.INSTALLATION
RESTLESS: Final = 6
"""So many turns within a day are named."""
DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Today:
    """One day's digest. restless: clauses with many turns within a day. failed: messages not delivered in two days."""

    at: datetime
    tiles: tuple[Tile, ...]
    counts: dict[State, int]
    news: tuple[News, ...]
    restless: tuple[tuple[str, int], ...]
    failed: int
    note: str


@dataclass(frozen=True)
class Month:
    """One month. false_for: clause, how long it was false in it, and how often it became so; longest first."""

    first: datetime
    counts: dict[State, int]
    false_for: tuple[tuple[str, timedelta, int], ...]
    overdue: tuple[str, ...]
    failed: int
    note: str


def today(seen: Seen, news: Sequence[News], note: str) -> Today:
    standing = tuple(
        each
        for each in news
        if each.event in PASSING and each.lines
        and each.event not in (Event.CLAUSE_FALSE, Event.CLAUSE_UNKNOWN, Event.CLAUSE_BACK)
    )  # fmt: skip
    return Today(
        seen.now, seen.wall.tiles, seen.wall.counts(), standing, _restless(seen.now), _failed(seen.now, 2 * DAY), note
    )


def month(seen: Seen, news: Sequence[News], note: str, first: datetime, until: datetime) -> Month:
    """The month from `first` to `until`, told after it."""
    overdue = tuple(f"{each.subject} ({each.lines[0]})" for each in news if each.event is Event.DEADLINE_MISSED)
    turns = list(Turn.objects.filter(account_id=HERE, at__lt=until).order_by("at").values_list("clause", "at", "state"))
    return Month(
        first, seen.wall.counts(), false_for(turns, first, until), overdue, _failed(seen.now, until - first), note
    )


def false_for(
    turns: Sequence[tuple[str, datetime, str]], first: datetime, until: datetime
) -> tuple[tuple[str, timedelta, int], ...]:
    """How long each clause was false between two moments, from its turns in order; longest first."""
    since: dict[str, datetime] = {}
    spans: dict[str, timedelta] = defaultdict(timedelta)
    times: Counter[str] = Counter()
    for clause, at, state in turns:
        if state == State.FALSE and clause not in since:
            since[clause] = at
            times[clause] += first <= at < until
        elif state != State.FALSE and clause in since:
            spans[clause] += max(timedelta(), min(at, until) - max(since.pop(clause), first))
    for clause, began in since.items():
        spans[clause] += max(timedelta(), until - max(began, first))
    found = [(clause, span, max(1, times[clause])) for clause, span in spans.items() if span]
    return tuple(sorted(found, key=lambda row: (-row[1], row[0])))


def _restless(now: datetime) -> tuple[tuple[str, int], ...]:
    turns = Turn.objects.filter(account_id=HERE, at__gt=now - DAY).values_list("clause", flat=True)
    return tuple((id_, n) for id_, n in Counter(turns).most_common() if n >= RESTLESS)


def _failed(now: datetime, within: timedelta) -> int:
    return Message.objects.filter(account_id=HERE, state="failed", made_at__gt=now - within).count()
