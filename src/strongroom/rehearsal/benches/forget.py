"""Forgetting a day: its key destroyed at the real broker, by its clock, beside DELETE and VACUUM of its rows (RR-2).

Every order is sealed by the broker and written by `seal_rows`. The peer's table holds the same rows with the same
indexes and nothing else, which spares its VACUUM all other days' rows. The clock is moved past the key's death.
"""

import os
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg

from strongroom.keybroker.broker import GREATEST_LIFE
from strongroom.rehearsal.benches.figures import Through, growth, ratio, silently
from strongroom.rehearsal.benches.house import SCRATCH, Side, scratch
from strongroom.rehearsal.installation import Rehearsal

Connection = psycopg.Connection[Any]
ROUNDS: Final = 3
MANY: Final = 10_000
"""A day of more orders than these is filled once; one of fewer, three times."""
A_DAY: Final = 86_400.0
ASKING: Final = 0.3
"""Seconds after which the broker is surely being asked when the clock moves."""


def run(
    rehearsal: Rehearsal, *, sizes: Sequence[int], rounds: int = ROUNDS, through: Through = silently
) -> dict[str, Any]:
    """A row each size: seconds to destroy, to be born again, to drop the partition, and of DELETE and VACUUM."""
    plan = [size for size in sorted(sizes) for _ in range(1 if size > MANY else rounds)]
    with scratch(rehearsal) as connection, Side.of(rehearsal, "worker") as worker:
        account = worker.ask("account", seed=13, start=rehearsal.clock.wall())["account"]
        worker.ask("fill", account=account, orders=100, first=0)
        connection.execute("ANALYZE")
        _next_day(rehearsal, worker)
        days, first = [], 100
        for size in through(plan, "days filled"):
            filled = worker.ask("fill", account=account, orders=size, first=first)
            worker.ask("despatch", account=account, calls=[filled["call"]])
            days.append((size, filled["day"]))
            first += size
            _next_day(rehearsal, worker)
        connection.execute("VACUUM ANALYZE")
        found = [
            (size, _forgotten(rehearsal, worker, connection, account, day))
            for size, day in through(days, "days forgotten")
        ]  # fmt: skip
    rows = [_row(size, [each for n, each in found if n == size]) for size in sorted(set(sizes))]
    last = rows[-1]
    return {
        "rows": rows,
        "ratios": {
            "delete_vacuum": ratio(last["delete_vacuum_seconds"], last["key_destroy_seconds"]),
            "partition_drop": ratio(last["partition_drop_seconds"], last["key_destroy_seconds"]),
            **growth([row["key_destroy_seconds"] for row in rows]),
        },
    }  # fmt: skip


def _forgotten(rehearsal: Rehearsal, worker: Side, connection: Connection, account: int, day: str) -> dict[str, float]:
    """One day's end, three ways, one after the other."""
    peer = _delete_and_vacuum(connection, account, day)
    death = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp() + GREATEST_LIFE * A_DAY
    rehearsal.clock.step(max(1.0, death - rehearsal.clock.wall() - 5))
    worker.ask("make days")  # and the broker has done what a new day brings, before anything is timed
    worker.send("destroy", account=account, day=day)
    time.sleep(ASKING)
    since = time.monotonic()
    rehearsal.clock.step(10)
    destroyed = worker.answer()
    return {
        "key_destroy_seconds": destroyed["gone"] - since, "rebirth_seconds": destroyed["rebirth"],
        "partition_drop_seconds": worker.ask("drop", day=day)["seconds"], "delete_vacuum_seconds": peer,
    }  # fmt: skip


def _delete_and_vacuum(connection: Connection, account: int, day: str) -> float:
    connection.execute(f"CREATE TABLE {SCRATCH}.sealed (LIKE public.sealed INCLUDING ALL)")
    connection.execute(
        f"INSERT INTO {SCRATCH}.sealed SELECT * FROM sealed WHERE account_id = %s AND day = %s",  # noqa: S608
        [account, day],
    )
    connection.execute(f"VACUUM ANALYZE {SCRATCH}.sealed")
    connection.execute("CHECKPOINT")
    began = time.perf_counter()
    connection.execute(f"DELETE FROM {SCRATCH}.sealed WHERE day = %s", [day])  # noqa: S608
    connection.execute(f"VACUUM {SCRATCH}.sealed")
    taken = time.perf_counter() - began
    connection.execute(f"DROP TABLE {SCRATCH}.sealed")
    connection.execute("CHECKPOINT")
    os.sync()  # what it left to be written is none of the next one's time
    return taken


def _next_day(rehearsal: Rehearsal, worker: Side) -> None:
    """Some seconds into the next day."""
    now = rehearsal.clock.wall()
    rehearsal.clock.step((now // A_DAY + 1) * A_DAY - now + 60)
    worker.ask("make days")


def _row(size: int, found: Sequence[dict[str, float]]) -> dict[str, Any]:
    medians = {name: round(statistics.median(each[name] for each in found), 5) for name in found[0]}
    return {"orders": size, "rounds": len(found), **medians}
