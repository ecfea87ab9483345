"""What there is to tell now, and to whom: clauses that turned, deadlines, approvals, watches that fell silent (IR-2).

News is read from rows, never handed over: a source says what stands now, and what no longer stands is not told again.
A clause that turns to and fro within half an hour is one piece of news, not many.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q

from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.clauses import clause as clause_of
from strongroom.policy.least_privilege.approvals import gives
from strongroom.policy.least_privilege.models import Approval
from strongroom.policy.least_privilege.roles import Role
from strongroom.policy.obligations import runs, sweeper
from strongroom.policy.obligations.actions import KINDS, ObligationKind
from strongroom.policy.obligations.channels.events import Event
from strongroom.policy.obligations.channels.moments import when
from strongroom.policy.obligations.channels.people import with_permission
from strongroom.policy.obligations.models import Heartbeat, Message, Obligation, Turn
from strongroom.policy.obligations.rules import State
from strongroom.policy.obligations.wall import Wall

HERE: Final = definitions.INSTALLATION
CALM: Final = timedelta(minutes=30)
"""So long a clause is good before it is said to be; what turns back sooner is the same news."""
SETTLED: Final = timedelta(minutes=10)
"""So long a clause is unknown before anybody is told: a restart is no news."""
TOLD_BACK: Final = timedelta(days=1)
DAILY: Final = timedelta(hours=24)
HOURLY: Final = timedelta(hours=1)
BAD: Final = (State.FALSE, State.UNKNOWN)


PASSING: Final = tuple(event for event in Event if event not in (Event.DIGEST, Event.MONTH))
"""What is told while it stands; pages are made for a day and a month."""
URGENCY: Final[Mapping[Event, int]] = {event: place for place, event in enumerate(
    (Event.WATCH_LOST, Event.CLAUSE_FALSE, Event.DEADLINE_MISSED, Event.CASE_OPENED, Event.CLAUSE_UNKNOWN,
     Event.DEADLINE_WARNED, Event.APPROVAL_WAITS, Event.CLAUSE_BACK, Event.MONTH, Event.DIGEST)
)}  # fmt: skip


@dataclass(frozen=True)
class News:
    """Something that stands. roles: who is told where its clause has no owner. besides: who is not told.

    since: when it began; the same key is told once. fresh: whether it may be told now for the first time. link: a path.
    """

    key: str
    event: Event
    subject: str
    lines: tuple[str, ...]
    link: str
    roles: tuple[Role, ...]
    since: datetime
    clause: str = ""
    again_after: timedelta = timedelta(0)
    besides: frozenset[int] = frozenset()
    fresh: bool = True
    figures: Mapping[str, int | str] = field(default_factory=dict)


@dataclass
class Seen:
    """What sources look at: policy time, and the wall, which is read only if somebody asks."""

    now: datetime
    look: Callable[[], Wall]
    _wall: Wall | None = None

    @property
    def wall(self) -> Wall:
        if self._wall is None:
            self._wall = self.look()
        return self._wall


Source = Callable[[Seen], Sequence[News]]


def clauses(seen: Seen) -> list[News]:
    """Clauses that are false or unknown, and those that are good again for half an hour after somebody was told."""
    told = _told()
    found = []
    for turn in Turn.objects.filter(account_id=HERE).order_by("clause", "-at").distinct("clause"):
        standing = told.get(turn.clause)
        if State(turn.state) in BAD:
            found.append(_bad(turn, standing, seen))
        elif standing is not None and seen.now - turn.at < CALM:
            found.append(_resting(turn, standing))
        elif standing is not None:
            found.append(_back(turn, standing.since))
    return found + _still_back(seen.now)


@dataclass(frozen=True)
class Standing:
    """The news of a clause that was told and is not over."""

    key: str
    state: State
    since: datetime


def _told() -> dict[str, Standing]:
    """Sent or on its way, by clause; the worst that was told of each."""
    rows = Message.objects.filter(
        account_id=HERE, event__in=[Event.CLAUSE_FALSE, Event.CLAUSE_UNKNOWN], over_at__isnull=True
    ).order_by("made_at")
    found: dict[str, Standing] = {}
    for row in rows:
        state = State.FALSE if row.event == Event.CLAUSE_FALSE else State.UNKNOWN
        before = found.get(row.clause)
        if before is None or state.rank < before.state.rank:
            found[row.clause] = Standing(row.key, state, before.since if before else row.made_at)
    return found


def _bad(turn: Turn, standing: Standing | None, seen: Seen) -> News:
    """The news that stands, or new news where it is the first, or worse than what was told."""
    state = State(turn.state)
    is_new = standing is None or state.rank < standing.state.rank
    key = f"clause:{turn.clause}:{definitions.milliseconds(turn.at)}:{state}" if is_new else ""
    fresh = state is State.FALSE or (seen.now - turn.at >= SETTLED and seen.wall.tile(turn.clause).state in BAD)
    clause = clause_of(turn.clause)
    return News(
        key or (standing.key if standing else ""),
        Event.CLAUSE_FALSE if state is State.FALSE else Event.CLAUSE_UNKNOWN,
        f"{turn.clause} is {state}: {clause.short}",
        (turn.reason, f"It was {turn.was} before."),
        f"/wall/{turn.clause}/", (Role.SECURITY,), turn.at, turn.clause,
        again_after=DAILY, fresh=fresh and is_new, figures={"state": state, "was": turn.was},
    )  # fmt: skip


def _resting(turn: Turn, standing: Standing) -> News:
    """Good, but not for long enough to be believed: nothing new is told, and nothing is over."""
    return News(
        standing.key, Event.CLAUSE_UNKNOWN, turn.clause, (), "", (), turn.at, turn.clause, fresh=False, figures={}
    )


def _back(turn: Turn, since: datetime) -> News:
    lasted = turn.at - since
    hours = max(1, round(lasted.total_seconds() / 3600))
    return News(
        f"back:{turn.clause}:{definitions.milliseconds(turn.at)}", Event.CLAUSE_BACK,
        f"{turn.clause} is {turn.state} again: {clause_of(turn.clause).short}",
        (turn.reason, f"It was told as broken about {hours} h before."),
        f"/wall/{turn.clause}/", (Role.SECURITY,), turn.at, turn.clause, figures={"state": turn.state},
    )  # fmt: skip


def _still_back(now: datetime) -> list[News]:
    """Good news made lately is not over before it was sent."""
    rows = Message.objects.filter(
        account_id=HERE, event=Event.CLAUSE_BACK, over_at__isnull=True, made_at__gt=now - TOLD_BACK
    )
    return [
        News(row.key, Event.CLAUSE_BACK, row.subject, (), "", (), row.made_at, row.clause, fresh=False) for row in rows
    ]


def deadlines(_: Seen) -> list[News]:
    """Deadlines that passed, and those that warn somebody who can still act; one piece of news a clause and kind."""
    known = {duty.name: duty for duty in terms.in_force().duties()}
    rows = (
        Obligation.objects.open()
        .filter(warned_at__isnull=False)
        .values("kind", "duty", "clause")
        .annotate(
            n=Count("id", Q(breached_at__isnull=True)),
            warned=Min("warned_at", filter=Q(breached_at__isnull=True)),
            due=Min("due_at"),
            missed=Count("id", Q(breached_at__isnull=False)),
            passed=Min("breached_at"),
        )
    )  # fmt: skip - a sweep: over all accounts
    found = []
    for row in rows:
        kind = ObligationKind(row["kind"])
        duty = known.get(row["duty"])
        what = f"{duty.words}" if duty is not None else f"{kind}".capitalize()
        roles = (Role(duty.owner),) if duty is not None and duty.owner in set(Role) else WHO[kind]
        named = f"{row['clause']}:{kind}:{row['duty']}"
        link = f"/duties/{row['duty']}/" if duty is not None else f"/wall/{row['clause']}/"
        if row["missed"]:
            found.append(
                News(
                    f"missed:{named}:{definitions.milliseconds(row['passed'])}"[:120], Event.DEADLINE_MISSED,
                    f"{row['clause']}: a deadline passed unmet", (f"{what}: {row['missed']:,} late.",), link, roles,
                    row["passed"], row["clause"], again_after=DAILY, figures={"missed": row["missed"], "kind": kind},
                )
            )  # fmt: skip
        if row["n"] and not KINDS[kind].is_retention:
            found.append(
                News(
                    f"warned:{named}:{definitions.milliseconds(row['warned'])}"[:120], Event.DEADLINE_WARNED,
                    f"{row['clause']}: a deadline is near", (f"{what}. Due {when(row['due'])}.",), link, roles,
                    row["warned"], row["clause"], figures={"warned": row["n"], "kind": kind},
                )
            )  # fmt: skip
    return found


WHO: Final[Mapping[ObligationKind, tuple[Role, ...]]] = dict.fromkeys(ObligationKind, (Role.SECURITY,)) | {
    ObligationKind.LEAVER_OUT: (Role.MANAGER, Role.ADMINISTRATOR), ObligationKind.CHANGE_KEY: (Role.ADMINISTRATOR,),
}  # fmt: skip
"""Who can act on a deadline of no duty, where its clause has no owner. What forgets by itself warns nobody."""


def approvals(seen: Seen) -> list[News]:
    """Proposals that wait for a second person, told to everybody who may be that person."""
    return [
        News(
            f"approval:{row.pk}", Event.APPROVAL_WAITS, f"A second person is waited for: {row.kind} {row.subject}",
            (f"Until {when(row.expires_at)}. Neither who proposed it nor whom it is for can approve it.",),
            f"/approvals/{row.pk}/", tuple(with_permission(gives(row))), row.proposed_at,
            besides=frozenset({row.proposed_by_id, row.about_id or 0}), figures={"kind": row.kind},
        )
        for row in Approval.objects.waiting(seen.now)
    ]  # fmt: skip


def watches(seen: Seen) -> list[News]:
    """Watches that are silent: told by this thread, which is none of them."""
    names = [sweeper.SWEEPER, runs.CHECKS]
    beats = dict(Heartbeat.objects.filter(name__in=names).values_list("name", "at"))
    return [
        News(
            f"watch:{name}:{definitions.milliseconds(beats[name]) if name in beats else 'never'}", Event.WATCH_LOST,
            f"A watch is silent: {name}",
            ("Until it is back nobody counts deadlines or looks at promises, and the wall says unknown.",
             f"Last heard {when(beats[name])}." if name in beats else "It was never heard."),
            "/wall/", (Role.ADMINISTRATOR, Role.SECURITY), beats.get(name, seen.now), again_after=HOURLY,
            figures={"watch": name},
        )
        for name in sweeper.lost(names, seen.now)
    ]  # fmt: skip


NEWS: Final[tuple[Source, ...]] = (watches, clauses, deadlines, approvals)
"""This section's sources; the website's wiring names the sections that have some."""
