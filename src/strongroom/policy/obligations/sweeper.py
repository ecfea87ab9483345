"""The sweeper: deadlines that warn or pass, by policy time, after any downtime (DESIGN 1).

One sweeper at a time: whoever holds the advisory lock. What it did is committed account by account, so one that dies is
gone on with. Its heartbeat is a row; others say so when that grows old (`WATCH_LOST`).
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.policy import definitions
from strongroom.policy.clauses.clauses import clause as clause_of
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Alarm
from strongroom.policy.obligations.models import Heartbeat, Obligation

SWEEPER: Final = "sweeper"
SILENT: Final = timedelta(minutes=5)
"""A watch that did no round for so long is lost."""
AT_ONCE: Final = 5_000
_LOCK: Final = 7_305_221
"""The advisory lock of the one sweeper."""


@dataclass
class Swept:
    """What one round did."""

    leader: bool = False
    warned: int = 0
    breached: int = 0


def sweep() -> Swept:
    """Everything that is due to warn or has passed. Idempotent; safe to kill anywhere; a second one does nothing."""
    done = Swept()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        done.leader = bool(cursor.fetchone()[0])
    if not done.leader:
        return done
    try:
        now = definitions.now()
        while batch := _due(now):
            for account, rows in _by_account(batch).items():
                _sweep_account(account, rows, now, done)
        beat(SWEEPER)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
    return done


def beat(name: str) -> None:
    """A round was done."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": definitions.now()})


def lost(names: Iterable[str], now: datetime) -> list[str]:
    """Which of these watches did no round for five minutes, or never did one."""
    beats = dict(Heartbeat.objects.filter(name__in=list(names)).values_list("name", "at"))
    return [name for name in names if name not in beats or now - beats[name] > SILENT]


@transaction.atomic
def tell_lost(names: Iterable[str], *, since: datetime) -> list[str]:
    """The dead man's alarm: raised by whoever still runs, once for each silence.

    `since`: when the one who asks began to look. What fell silent while nobody ran has five minutes to come back.
    """
    now = definitions.now()
    silent = lost(names, now) if now - since > SILENT else []
    for name in silent:
        raise_alarm(account=definitions.INSTALLATION, kind="watch lost", subject=_named(name), count=1)
    return silent


def raise_alarm(*, account: int, kind: str, subject: uuid.UUID, count: int) -> bool:
    """One open alarm a kind and subject; true where it is new. In the caller's transaction."""
    _, new = Alarm.objects.get_or_create(
        account_id=account, kind=kind, subject=subject, closed_at__isnull=True,
        defaults={"id": definitions.reference(), "count": count, "raised_at": definitions.now()},
    )  # fmt: skip
    if new:
        journal.record(
            Kind.ALARM_RAISED, by=Actor.WATCH.reference, account=account, subject=subject.bytes,
            facts={Fact.COUNT: count},
        )  # fmt: skip
    return new


def of_clause(id_: str) -> uuid.UUID:
    """A clause as an alarm's subject."""
    return uuid.UUID(int=clause_of(id_).number)


def _due(now: datetime) -> list[Obligation]:
    """Sweep: open obligations whose next moment has come, over all accounts, oldest first."""
    return list(Obligation.objects.open().filter(next_at__lte=now).order_by("next_at")[:AT_ONCE])


def _by_account(rows: Iterable[Obligation]) -> dict[int, list[Obligation]]:
    found: dict[int, list[Obligation]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(row)
    return found


@transaction.atomic
def _sweep_account(account: int, rows: list[Obligation], now: datetime, done: Swept) -> None:
    """One account's, in one transaction. After a downtime a deadline may warn and pass in the same round."""
    ids = [row.id for row in rows]
    mine = Obligation.objects.open().filter(account_id=account, id__in=ids, next_at__lte=now)
    locked = list(mine.select_for_update())
    passed = [row for row in locked if row.due_at <= now]
    warned = [row for row in locked if row.due_at > now]
    still = Obligation.objects.open().filter(account_id=account)
    still.filter(id__in=[row.id for row in warned]).update(warned_at=now, next_at=F("due_at"))
    still.filter(id__in=[r.id for r in passed if r.warned_at is None]).update(warned_at=now)
    still.filter(id__in=[row.id for row in passed]).update(breached_at=now, next_at=None)
    done.warned += len(warned)
    done.breached += len(passed)
    _journal(account, warned, Kind.OBLIGATION_WARNED)
    _journal(account, passed, Kind.OBLIGATION_BREACHED)
    for clause, count in _counted(passed).items():
        raise_alarm(account=account, kind="deadline missed", subject=of_clause(clause), count=count)


def _journal(account: int, rows: list[Obligation], kind: Kind) -> None:
    """One entry a clause, with how many; the obligation itself where it is one."""
    for clause, count in _counted(rows).items():
        facts: dict[Fact, int | bytes] = {Fact.CLAUSE: clause_of(clause).number, Fact.COUNT: count}
        of = [row for row in rows if row.clause == clause]
        if count == 1:
            facts |= {Fact.OBLIGATION: of[0].id.bytes, Fact.DUE: definitions.milliseconds(of[0].due_at) // 1000}
        journal.record(kind, by=Actor.WATCH.reference, account=account, facts=facts)


def _counted(rows: Iterable[Obligation]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.clause] += 1
    return counts


def _named(name: str) -> uuid.UUID:
    """A watch as an alarm's subject."""
    return uuid.uuid5(uuid.NAMESPACE_OID, name)
