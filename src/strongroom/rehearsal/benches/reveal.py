"""Reveals by eight clients at once: entry committed, leaf durable, fields in hand (AM-3, DESIGN 11).

The limit is what the same eight processes reach with one small durable commit each on the same PostgreSQL; rounds of
both take turns. The worker's sequencer runs beside, as it does in life. Each client acts as a person of its own, and
all of them together open what one day's budget allows.
"""

import os
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

from strongroom.rehearsal.benches.figures import Through, ratio, silently, spread
from strongroom.rehearsal.benches.house import SCRATCH, Side, scratch
from strongroom.rehearsal.installation import Rehearsal

CLIENTS: Final = 8
ROUNDS: Final = 5
A_DAY: Final = 2_400
"""All rounds together: a person may open 300 a day."""
TABLE: Final = f"""
CREATE TABLE {SCRATCH}.commits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bytea NOT NULL);
GRANT USAGE ON SCHEMA {SCRATCH} TO strongroom_web;
GRANT INSERT ON {SCRATCH}.commits TO strongroom_web
"""


def run(
    rehearsal: Rehearsal, *, sizes: Sequence[int], rounds: int = ROUNDS, clients: int = CLIENTS,
    through: Through = silently,
) -> dict[str, Any]:  # fmt: skip
    """A row each number of reveals: how many a second, p50 and p95, beside as many bare commits. At most 2,400."""
    sizes = sorted({max(clients * rounds, min(size, A_DAY)) for size in sizes})
    with ExitStack() as held:
        connection = held.enter_context(scratch(rehearsal))
        for statement in TABLE.split(";"):
            connection.execute(statement)
        worker = held.enter_context(Side.of(rehearsal, "worker"))
        account = worker.ask("account", seed=12, start=rehearsal.clock.wall())["account"]
        orders = worker.ask("fill", account=account, orders=200, first=0)["orders"]
        connection.execute("ANALYZE")
        worker.ask("begin sequencing")
        sides = [held.enter_context(Side.of(rehearsal, "web")) for _ in range(clients)]
        rows = []
        for place, size in enumerate(sizes):
            if place:  # the budget is a day's
                rehearsal.clock.step(86_400)
                worker.ask("make days")
            rows.append(_row(_Clients(sides, account, orders), size, rounds, through))
        worker.ask("end sequencing")
    last = rows[-1]
    return {"rows": rows, "ratios": {"limit": ratio(last["reveals_per_second"], last["commits_per_second"])}}


class _Clients:
    """Several of the website's processes at once."""

    def __init__(self, sides: Sequence[Side], account: int, orders: Sequence[str]) -> None:
        self._sides, self._account, self._orders = sides, account, orders
        self._people = [os.urandom(16).hex() for _ in sides]

    def __len__(self) -> int:
        return len(self._sides)

    def reveal(self, each: int) -> tuple[float, list[float]]:
        for place, (side, by) in enumerate(zip(self._sides, self._people, strict=True)):
            chosen = [self._orders[(place + i * len(self)) % len(self._orders)] for i in range(each)]
            side.send("open", account=self._account, orders=chosen, by=by)
        return self._heard()

    def commit(self, each: int) -> tuple[float, list[float]]:
        for side in self._sides:
            side.send("commit", count=each)
        return self._heard()

    def _heard(self) -> tuple[float, list[float]]:
        """How many a second they did together, and the seconds of each."""
        told = [side.answer() for side in self._sides]
        taken = [seconds for each in told for seconds in each["taken"]]
        elapsed = max(each["ended"] for each in told) - min(each["began"] for each in told)
        return len(taken) / elapsed, taken


def _row(clients: _Clients, size: int, rounds: int, through: Through) -> dict[str, Any]:
    each = max(1, size // (len(clients) * rounds))
    rates: dict[str, list[float]] = {"reveal": [], "commit": []}
    taken: dict[str, list[float]] = {"reveal": [], "commit": []}
    clients.commit(1)
    for _ in through(range(rounds), "rounds of reveals"):
        for name, work in (("reveal", clients.reveal), ("commit", clients.commit)):
            rate, seconds = work(each)
            rates[name].append(rate)
            taken[name] += seconds
    ours, limit = spread(taken["reveal"]), spread(taken["commit"])
    return {
        "reveals": each * len(clients) * rounds, "clients": len(clients), "rounds": rounds,
        "reveals_per_second": round(statistics.median(rates["reveal"]), 1), **ours,
        "commits_per_second": round(statistics.median(rates["commit"]), 1), "commit_p50_ms": limit["p50_ms"],
        "commit_p95_ms": limit["p95_ms"],
    }  # fmt: skip
