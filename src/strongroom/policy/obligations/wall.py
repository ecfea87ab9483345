"""The wall as it stands now, read from rows: a tile a clause, what is due next, and turns of clauses (DESIGN 1)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from strongroom.formats import leaf
from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.controls import Controls, Outcome
from strongroom.policy.clauses.profiles import Duty
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations import rules, runs
from strongroom.policy.obligations.actions import ObligationKind
from strongroom.policy.obligations.models import ClauseException, Evidence, Obligation, Run, Turn
from strongroom.policy.obligations.rules import DeadlinesSeen, DutySeen, ExceptionSeen, RunSeen, State, Tile
from strongroom.policy.obligations.sweeper import SWEEPER, lost

HERE: Final = definitions.INSTALLATION

LAST_RUNS: Final = """
SELECT r.check_id, r.began_at, r.ended_at, r.outcome, r.reason, r.inputs_sha256, r.source, e.payload
FROM unnest(%s::text[]) AS c (check_id)
CROSS JOIN LATERAL (
    SELECT * FROM run WHERE account_id = 0 AND run.check_id = c.check_id AND ended_at IS NOT NULL
    ORDER BY began_at DESC LIMIT 1
) r
LEFT JOIN entry e ON e.account_id = 0 AND e.id = r.entry
"""
"""The last ended run of each check, with its journal entry: one index probe a check, however many runs there are."""

OPEN: Final = """
WITH RECURSIVE sort (account_id, kind, duty, clause) AS (
    (
        SELECT account_id, kind, duty, clause FROM obligation WHERE satisfied_at IS NULL AND withdrawn_at IS NULL
        ORDER BY account_id, kind, duty, clause LIMIT 1
    )
    UNION ALL
    SELECT following.* FROM sort CROSS JOIN LATERAL (
        SELECT o.account_id, o.kind, o.duty, o.clause FROM obligation o
        WHERE (o.account_id, o.kind, o.duty, o.clause) > (sort.account_id, sort.kind, sort.duty, sort.clause)
            AND o.satisfied_at IS NULL AND o.withdrawn_at IS NULL
        ORDER BY o.account_id, o.kind, o.duty, o.clause LIMIT 1
    ) following
)
SELECT kind, duty, clause, sum(n)::bigint, sum(passed)::bigint, sum(warned)::bigint, min(due)
FROM sort CROSS JOIN LATERAL (
    SELECT count(*), count(*) FILTER (WHERE due_at <= %s), count(warned_at), min(due_at) FROM obligation o
    WHERE o.account_id = sort.account_id AND o.kind = sort.kind AND o.duty = sort.duty AND o.clause = sort.clause
        AND o.satisfied_at IS NULL AND o.withdrawn_at IS NULL
) counted (n, passed, warned, due)
WHERE sort.clause = coalesce(%s, sort.clause)
GROUP BY kind, duty, clause ORDER BY min(due)
"""
"""Sweep: what is open by account, kind, duty and clause. Each of those few is found by one probe of the index that is
sorted so, and counted within it: hashing the four words of each of many thousand rows took twice as long."""


@dataclass(frozen=True)
class Open:
    """What is open of one kind, duty and clause, over all accounts: how many, how it stands, and the first due."""

    kind: ObligationKind
    duty: str
    clause: str
    count: int
    passed: int
    warned: int
    due_at: datetime


@dataclass(frozen=True)
class Wall:
    """All tiles, worst first, when they were read, and what is open, soonest first."""

    tiles: tuple[Tile, ...]
    at: datetime
    open: tuple[Open, ...] = ()

    def counts(self) -> dict[State, int]:
        counted = Counter(tile.state for tile in self.tiles)
        return {state: counted[state] for state in State}

    def tile(self, clause: str) -> Tile:
        return next(tile for tile in self.tiles if tile.clause.id == clause)


def read(controls: Controls, only: str | None = None) -> Wall:
    """Every clause as it stands now, or the one that is named."""
    now = definitions.now()
    clauses = [all_clauses()[only]] if only is not None else list(all_clauses().values())
    runs_seen = last_runs([check.id for clause in clauses for check in controls.checks_of(clause.id)])
    waiting = all_open(now, only)
    duties, deadlines, exceptions = _duties(), _deadlines(waiting), _exceptions(now)
    silent = lost([SWEEPER], now)
    tiles = [
        rules.tile(
            clause,
            checks=[(check, runs_seen.get(check.id)) for check in controls.checks_of(clause.id)],
            duties=duties.get(clause.id, []),
            deadlines=deadlines.get(clause.id, DeadlinesSeen()),
            exception=exceptions.get(clause.id),
            now=now,
            lost=silent,
        )
        for clause in clauses
    ]
    return Wall(tuple(sorted(tiles, key=lambda tile: tile.state.rank)), now, waiting)


def all_open(now: datetime, only: str | None = None) -> tuple[Open, ...]:
    """All open obligations, or those of one clause, by kind, duty and clause, soonest first."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN, [now, only])
        return tuple(Open(ObligationKind(kind), *rest) for kind, *rest in cursor.fetchall())


def last_runs(ids: Sequence[str]) -> dict[str, RunSeen]:
    """The last ended run of each check; one whose row is not what the journal holds is marked so."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_RUNS, [list(ids)])
        return {row[0]: _run_seen(*row) for row in cursor.fetchall()}


def note_turns(wall: Wall) -> list[Turn]:
    """Write down every clause whose state is not what it was, with its reason. The turns made."""
    made = []
    before = {turn.clause: turn.state for turn in _last_turns()}
    for tile in wall.tiles:
        was = before.get(tile.clause.id, State.UNKNOWN)
        if was != tile.state:
            made.append(_turn(tile, State(was), wall.at))
    return made


@transaction.atomic
def _turn(tile: Tile, was: State, at: datetime) -> Turn:
    turn = Turn(
        account_id=HERE, id=definitions.reference(), clause=tile.clause.id, at=at, was=was, state=tile.state,
        reason=tile.reason[:400],
    )  # fmt: skip
    turn.save(force_insert=True)
    journal.record(
        Kind.CLAUSE_TURNED, by=Actor.WATCH.reference,
        facts={Fact.CLAUSE: tile.clause.number, Fact.WAS: was.rank, Fact.STATE: tile.state.rank},
    )  # fmt: skip
    return turn


def _last_turns() -> list[Turn]:
    return list(Turn.objects.filter(account_id=HERE).order_by("clause", "-at").distinct("clause"))


def _run_seen(
    check_id: str, began: datetime, ended: datetime, outcome: str, reason: str, inputs: bytes,
    source: str, payload: bytes | None,
) -> RunSeen:  # fmt: skip
    row = Run(check_id=check_id, began_at=began, outcome=outcome, reason=reason, inputs_sha256=inputs, source=source)
    whole = payload is not None and leaf.decode_entry(bytes(payload)).facts.get(Fact.HASH) == runs.digest_of(row)
    return RunSeen(check_id, Outcome(outcome), reason, began, ended, whole)


def _duties() -> dict[str, list[DutySeen]]:
    """Every duty in force by clause, with its open obligation and last evidence."""
    duties = Obligation.objects.open().filter(account_id=HERE, kind=ObligationKind.DUTY)
    standing = {row.duty: row for row in duties.only("duty", "due_at", "warned_at")}
    newest = Evidence.objects.filter(account_id=HERE).order_by("duty", "-effective_from", "-received_at")
    done = {row.duty: row for row in newest.distinct("duty").only("duty", "effective_from", "withdrawn_at")}
    seen: dict[str, list[DutySeen]] = defaultdict(list)
    for duty in terms.in_force().duties():
        seen[duty.clause].append(_duty_seen(duty, standing.get(duty.name), done.get(duty.name)))
    return seen


def _duty_seen(duty: Duty, row: Obligation | None, last: Evidence | None) -> DutySeen:
    return DutySeen(
        duty, row.due_at if row else None, row is not None and row.warned_at is not None,
        last.effective_from if last and last.withdrawn_at is None else None,
        last is not None and last.withdrawn_at is not None,
    )  # fmt: skip


def _deadlines(waiting: Iterable[Open]) -> dict[str, DeadlinesSeen]:
    """Open obligations but duties, by clause; the soonest of a clause comes first."""
    seen: dict[str, DeadlinesSeen] = {}
    for row in waiting:
        if row.kind is not ObligationKind.DUTY:
            was = seen.get(row.clause, DeadlinesSeen(next_due=row.due_at))
            seen[row.clause] = replace(
                was, open=was.open + row.count, passed=was.passed + row.passed, warned=was.warned + row.warned
            )
    return seen


def _exceptions(now: datetime) -> dict[str, ExceptionSeen]:
    rows = ClauseException.objects.filter(ended_at__isnull=True, until__gt=now)
    return {row.clause: ExceptionSeen(row.until, row.reason) for row in rows}
