"""Receipt: from typed records to durable sealed orders, items, indexes, journal and places in its tree (DESIGN 11).

A shop's orders come in rounds of up to a thousand, as the worker's rounds bring them; after each round all but one in
a hundred of them leave. One round goes before, and the tables are analysed, as the database's own housekeeping does
within a minute or two: else plans would be timed that were made for empty tables (docs/performance.md). At each size
the last rounds before it are measured, and every peer writes the very same orders in the same rounds, in turn with
ours. Its tables keep what it wrote, as ours do.
"""

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

from strongroom.rehearsal.benches.figures import Through, growth, ratio, silently
from strongroom.rehearsal.benches.house import Side, scratch
from strongroom.rehearsal.benches.receipt_peers import Copy, DjangoFields, Peer, PgCrypto
from strongroom.rehearsal.installation import Rehearsal

A_ROUND: Final = 1_000
WINDOW: Final = 10
"""Rounds that are measured before each size."""
SEED: Final = 11


def run(rehearsal: Rehearsal, *, sizes: Sequence[int], through: Through = silently) -> dict[str, Any]:
    """A row each size: orders a second and microseconds an order near that size, ours and each peer's."""
    start = rehearsal.clock.wall()
    with ExitStack() as held:
        connection = held.enter_context(scratch(rehearsal))
        side = held.enter_context(Side.of(rehearsal, "worker"))
        account = side.ask("account", seed=SEED, start=start)["account"]
        peers: tuple[Peer, ...] = (
            Copy(connection, account), DjangoFields(rehearsal, seed=SEED, start=start),
            PgCrypto(connection, seed=SEED, start=start),
        )  # fmt: skip
        for peer in peers:
            held.push(peer)
        rows, ours = [], _Ours(side, account)
        rounds = plan(sizes)
        _warm(rounds[0][0], ours, peers)
        connection.execute("ANALYZE")
        for orders, size, measured, last in through(rounds, "rounds of receipt"):
            ours.round(orders, measured=measured)
            for peer in peers:
                peer.round(orders, ours.calls, measured=measured)
            if last:
                rows.append(_row(size, ours, peers))
        profile = ours.profiled(rounds[-1][0])
    return {"rows": rows, "ratios": _ratios(rows), "profile": profile}


class _Ours:
    """Our rounds, and how long those took that are measured."""

    def __init__(self, side: Side, account: int) -> None:
        self._side, self._account = side, account
        self.calls: list[str] = []
        self.taken: list[float] = []
        self.parsed: list[float] = []

    def round(self, orders: int, *, measured: bool) -> None:
        done = self._receive(orders)
        if measured:
            self.taken.append(done["seconds"] / orders)
            self.parsed.append(done["parse_seconds"] / orders)

    def profiled(self, orders: int) -> dict[str, Any]:
        """Three more rounds, looked into; none of them counts elsewhere."""
        found = [self._receive(orders, profile=True) for _ in range(3)]
        return {kind: _mean([each[kind] for each in found]) for kind in ("steps", "waits")}

    def _receive(self, orders: int, *, profile: bool = False) -> Any:
        self._side.ask("make", orders=orders)
        done = self._side.ask("receive", account=self._account, profile=profile)
        self.calls = done["calls"]
        self._side.ask("despatch", account=self._account, calls=self.calls)
        return done


def _warm(orders: int, ours: _Ours, peers: Sequence[Peer]) -> None:
    """One round that does not count."""
    ours.round(orders, measured=True)
    for peer in peers:
        peer.round(orders, ours.calls, measured=True)
        peer.taken.clear()
    ours.taken.clear()
    ours.parsed.clear()


def plan(sizes: Sequence[int]) -> list[tuple[int, int, bool, bool]]:
    """Rounds as (orders, size that they lead to, whether they are measured, whether they are its last)."""
    planned, done = [], 0
    for size in sorted(sizes):
        rounds = [min(A_ROUND, size - at) for at in range(done, size, A_ROUND)]
        planned += [(n, size, len(rounds) - i <= WINDOW, i == len(rounds) - 1) for i, n in enumerate(rounds)]
        done = size
    return planned


def _row(size: int, ours: _Ours, peers: Sequence[Peer]) -> dict[str, Any]:
    """What was measured since the last row. Medians over rounds, each an elapsed time by its orders."""
    cost = statistics.median(ours.taken)
    row: dict[str, Any] = {
        "orders": size, "rounds": len(ours.taken), "orders_per_second": round(1 / cost),
        "microseconds_an_order": round(cost * 1e6, 1),
        "parsed_per_second": round(1 / statistics.median(ours.parsed)),
        "from_bytes_per_second": round(1 / (cost + statistics.median(ours.parsed))),
    }  # fmt: skip
    for peer in peers:
        row[f"{peer.name}_per_second"] = round(1 / statistics.median(peer.taken)) if peer.taken else None
        peer.taken.clear()
    ours.taken.clear()
    ours.parsed.clear()
    return row


def _ratios(rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """At the largest size; `limit` is plain COPY of our own rows. `growth`: cost of an order there by that at first."""
    last = rows[-1]
    against = {"limit": "copy", "django_fernet": "django_fernet", "pgcrypto": "pgcrypto"}
    found = {name: ratio(last["orders_per_second"], last[f"{peer}_per_second"]) for name, peer in against.items()}
    return {**found, **growth([row["microseconds_an_order"] for row in rows])}


def _mean(shares: Sequence[dict[str, float]]) -> dict[str, float]:
    names = {name for each in shares for name in each}
    mean = {name: round(statistics.mean(each.get(name, 0.0) for each in shares), 3) for name in names}
    return dict(sorted(mean.items(), key=lambda pair: -pair[1]))
