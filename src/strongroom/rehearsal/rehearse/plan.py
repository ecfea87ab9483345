"""What happens in a rehearsed business, step by step, from a seed alone: seasons, what people do, what goes wrong."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from strongroom.rehearsal.rehearse.faults import Kind

DAY: Final = 86_400.0
HOURS: Final = (2, 6, 8, 8, 12, 12)
"""Lengths of steps; the clock jumps by one of them, and all that became due is done."""
SEASON: Final = 0.6
"""How much more than usual is ordered in December, and less in June."""
ACTS: Final = ("cancel", "flip", "refund", "change_address", "ship_part", "ship")
PREORDER_IN: Final = 0.15
"""The share of steps in which something is ordered that leaves weeks later, if at all."""
FAULT_IN: Final = 0.6
"""The share of steps in which something goes wrong."""
RARE: Final = {Kind.LEAVER: 0.1, Kind.REBOOT: 0.5, Kind.CLOCK_BACK: 0.5, Kind.CLOCK_AHEAD: 0.5}
"""Kinds that are drawn less often than others after their first turn, by how much."""


@dataclass(frozen=True)
class Step:
    """One step of the clock. `acts`: Amazon's, each with a number that chooses the order; `fault`: what goes wrong."""

    number: int
    day: int
    seconds: float
    orders: int
    preorders: int = 0
    """Of those: how many nobody ships for weeks."""
    acts: tuple[tuple[str, int], ...] = ()
    reveals: int = 0
    packer_tries: bool = False
    asks_for_forgotten: bool = False
    packs: int = 0
    office: bool = False
    fault: Kind | None = None
    dice: int = 0


def steps(*, days: int, seed: int, orders_per_day: float, faults: bool) -> Iterator[Step]:
    """The whole plan. The same arguments give the same steps, whatever else runs."""
    rng, at, number, deck = Random(seed), 0.0, 0, Deck(seed)  # noqa: S311 - a rehearsal's dice
    while at < days * DAY:
        seconds = rng.choice(HOURS) * 3600.0 + rng.uniform(-900, 900)
        day = int(at / DAY)
        wanted = orders_per_day * seconds / DAY * (1 + SEASON * math.cos(2 * math.pi * (day - 345) / 365))
        yield Step(
            number, day, seconds,
            orders=int(wanted) + (rng.random() < wanted % 1),
            preorders=rng.random() < PREORDER_IN,
            acts=tuple((rng.choice(ACTS), rng.getrandbits(32)) for _ in range(rng.choice((0, 0, 1, 1, 2)))),
            reveals=rng.choice((0, 0, 1, 1)),
            packer_tries=rng.random() < 0.1,
            asks_for_forgotten=rng.random() < 0.1,
            packs=rng.choice((0, 0, 0, 0, 0, 1, 2)),
            office=number in (8, 40) or number % 200 == 199,
            fault=deck.draw() if faults and number >= 2 and rng.random() < FAULT_IN else None,
            dice=rng.getrandbits(32),
        )  # fmt: skip
        at, number = at + seconds, number + 1


class Deck:
    """Faults as from a shuffled deck: each kind comes before the first comes again, rare ones not every time."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed ^ 0x5EED)  # noqa: S311 - a rehearsal's dice
        self._left = self._shuffled(list(Kind))

    def draw(self) -> Kind:
        if not self._left:
            self._left = self._shuffled([kind for kind in Kind if self._rng.random() < RARE.get(kind, 1.0)])
        return self._left.pop()

    def _shuffled(self, kinds: list[Kind]) -> list[Kind]:
        self._rng.shuffle(kinds)
        return kinds
