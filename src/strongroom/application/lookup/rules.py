"""What stands out among openings, and how somebody explains one. Plain values; no clock, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from statistics import median
from typing import Final

MANY: Final = 10
MANY_WITHOUT_HABIT: Final = 50
TIMES: Final = 3
SAME_ORDER: Final = 4
NIGHT: Final = frozenset({22, 23, 0, 1, 2, 3, 4, 5})
"""Hours of London's clock in which openings stand out where the person has none in the four weeks before."""


class Answer(IntEnum):
    """Why somebody opened something. The numbers stand in the journal."""

    BUYER = 1
    CARRIER = 2
    DESPATCH = 3
    TRAINING = 4
    MISTAKE = 5

    @property
    def words(self) -> str:
        return {
            1: "A buyer asked", 2: "A carrier asked", 3: "The parcel needed it", 4: "I was being shown how",
            5: "By mistake",
        }[self]  # fmt: skip


@dataclass(frozen=True)
class Habit:
    """What one person did: openings by day over four weeks, today's number, openings by hour today and before."""

    by_day: Mapping[date, int]
    today: int
    night_today: int
    night_before: int
    most_of_one_order: int


@dataclass(frozen=True)
class Bar:
    """One day of the chart of openings, in a picture 560 wide whose base stands at 138."""

    day: date
    openings: int
    x: int
    width: int
    height: int
    named: bool

    @property
    def y(self) -> int:
        return 138 - self.height

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    @property
    def above(self) -> int:
        return self.y - 4


def bars(days: Sequence[tuple[date, int]]) -> list[Bar]:
    """The chart, oldest day first; every day is named where there is room, else one a week and the last."""
    most, pitch = max((n for _, n in days), default=0) or 1, 560 / max(1, len(days))
    return [
        Bar(day, n, round(pitch * (place + 0.18)), round(pitch * 0.64), round(112 * n / most),
            len(days) <= 10 or (len(days) - 1 - place) % 7 == 0)
        for place, (day, n) in enumerate(days)
    ]  # fmt: skip


def why_unusual(habit: Habit) -> list[str]:
    """What stands out, in words; empty where nothing does. A sign to ask, not a verdict (LM-7)."""
    found = []
    usual = usual_day(list(habit.by_day.values()))
    many = habit.today >= MANY and habit.today > TIMES * usual if usual else habit.today >= MANY_WITHOUT_HABIT
    if many:
        found.append(f"{habit.today} today, {usual:.0f} on a usual day")
    if habit.night_today and not habit.night_before:
        found.append(f"{habit.night_today} at night, never before")
    if habit.most_of_one_order >= SAME_ORDER:
        found.append(f"one order {habit.most_of_one_order} times")
    return found


def usual_day(days: Sequence[int]) -> float:
    """The median of the days on which somebody opened anything; 0 where there are fewer than three."""
    active = [n for n in days if n]
    return float(median(active)) if len(active) >= 3 else 0.0
