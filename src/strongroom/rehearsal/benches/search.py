"""Search by e-mail among many orders on 28 living days, with a key each (ES-4, AM-3).

In the database: the product's own statement, planned once, with one index value a living day. End to end: entry
committed, index values from the broker, rows found, verified by the broker. The limit is one row fetched by its primary
key over the same connection.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

import psycopg

from strongroom.rehearsal.benches.figures import Through, growth, ratio, silently, spread
from strongroom.rehearsal.benches.house import Side, scratch
from strongroom.rehearsal.installation import Rehearsal

Connection = psycopg.Connection[Any]
DAYS: Final = 28
SEARCHES: Final = 90
"""A person may search 100 times a day."""
MOST: Final = 100
SAMPLE: Final = """
SELECT index_email FROM sealed WHERE account_id = %s AND day = %s AND index_email IS NOT NULL LIMIT 1 OFFSET %s
"""


def run(
    rehearsal: Rehearsal, *, sizes: Sequence[int], days: int = DAYS, searches: int = SEARCHES,
    through: Through = silently,
) -> dict[str, Any]:  # fmt: skip
    """A row each number of orders: p50 and p95 in the database and end to end."""
    rows, held, dice = [], 0, Random(14)  # noqa: S311 - which orders are looked for
    with scratch(rehearsal) as connection, Side.of(rehearsal, "worker") as worker, Side.of(rehearsal, "web") as web:
        account = worker.ask("account", seed=14, start=rehearsal.clock.wall())["account"]
        kept: list[str] = []
        for size in sorted(sizes):
            more, kept = max(1, (size - held) // days), []
            for _ in through(range(days), "days filled"):
                kept.append(worker.ask("fill", account=account, orders=more, first=held)["day"])
                held += more
                rehearsal.clock.step(86_400)
                worker.ask("make days")
            worker.ask("fill", account=account, orders=1, first=held)
            held += 1
            connection.execute("VACUUM ANALYZE")
            wanted = [dice.randrange(held - 1 - days * more, held) for _ in range(searches)]
            rows.append(_row(connection, web, account, (held, kept[1:] or kept, wanted)))
    last = rows[-1]
    return {
        "rows": rows,
        "ratios": {
            "limit": ratio(last["one_row"]["p50_ms"], last["end_to_end"]["p50_ms"]),
            **growth([row["end_to_end"]["p50_ms"] for row in rows]),
        },
    }


def _row(
    connection: Connection, web: Side, account: int, what: tuple[int, Sequence[str], Sequence[int]]
) -> dict[str, Any]:
    orders, days, wanted = what
    by = os.urandom(16).hex()
    values = [f"buyer-{number}@marketplace.invalid" for number in wanted]
    done = web.ask("search", account=account, values=values, by=by)
    assert done["found"] >= len(values) // 2, done["found"]  # noqa: S101 - else nothing is measured
    statement = web.ask("search statement")
    found = [(connection.execute(SAMPLE, [account, day, n % 3]).fetchone(), day) for n, day in enumerate(days)]
    asked = [
        [list(days), [bytes(row[0]) if of == day else os.urandom(12) for of in days], account, MOST]
        for row, day in found
        if row is not None
    ]
    some = connection.execute("SELECT account_id, ref FROM amazon_order WHERE account_id = %s LIMIT 1", [account])
    one = some.fetchone()
    return {
        "orders": orders, "searches": len(values), "found": done["found"],
        "end_to_end": spread(done["taken"]),
        "in_the_database": spread(_times(lambda n: connection.execute(
            statement, asked[n % len(asked)], prepare=True).fetchall(), len(values))),
        **_explained(connection, statement, asked),
        "one_row": spread(_times(lambda _: connection.execute(
            "SELECT ref FROM amazon_order WHERE account_id = %s AND ref = %s", one).fetchone(), len(values))),
    }  # fmt: skip


def _explained(connection: Connection, statement: str, asked: Sequence[Sequence[Any]]) -> dict[str, float]:
    """How long the database plans that statement where it is not planned yet, and how long it looks. Medians."""
    told = []
    for parameters in asked:
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).fetchone()
        told.append(row[0][0] if row is not None else {})
    return {
        f"{name}_ms": round(statistics.median(each[f"{name.capitalize()} Time"] for each in told), 3)
        for name in ("planning", "execution")
    }  # fmt: skip


def _times(work: Callable[[int], object], count: int) -> list[float]:
    taken = []
    for n in range(count):
        began = time.perf_counter()
        work(n)
        taken.append(time.perf_counter() - began)
    return taken
