"""What a term may say: lengths of time, counts, choices, lists, cadences, or a promise without a number.

Each kind knows which of two values is stricter, how several combine, how it reads, and how it is written in TOML.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import total_ordering
from typing import Any, Final

MONTH: Final = timedelta(days=30, hours=10, minutes=29)
"""The mean length of a month, for comparing; adding months is done by the calendar."""
UNITS: Final = ("seconds", "minutes", "hours", "days", "months", "years")
_SPAN: Final = re.compile(r"(\d{1,6}) (second|minute|hour|day|month|year)s?")


class Kind(StrEnum):
    """What sort of value a term has."""

    DURATION = "duration"
    COUNT = "count"
    CHOICE = "choice"
    LIST = "list"
    CADENCE = "cadence"
    PROMISE = "promise"


class Stricter(StrEnum):
    """Which way is stricter; how lists of several profiles combine."""

    SMALLER = "smaller"
    LARGER = "larger"
    EARLIER_LISTED = "earlier listed"
    UNION = "union"
    INTERSECTION = "intersection"
    NONE = "none"


DIRECTIONS: Final[dict[Kind, tuple[Stricter, ...]]] = {
    Kind.DURATION: (Stricter.SMALLER, Stricter.LARGER),
    Kind.COUNT: (Stricter.SMALLER, Stricter.LARGER),
    Kind.CHOICE: (Stricter.EARLIER_LISTED,),
    Kind.LIST: (Stricter.UNION, Stricter.INTERSECTION),
    Kind.CADENCE: (Stricter.SMALLER,),
    Kind.PROMISE: (Stricter.NONE,),
}
"""The first is meant where a profile does not say."""


@total_ordering
@dataclass(frozen=True)
class Span:
    """A length of time, in whole units: `30 days`, `4 months`; or for ever, or never (not for a moment)."""

    number: int
    unit: str

    def __lt__(self, other: "Span") -> bool:
        return self.length() < other.length()

    def __str__(self) -> str:
        if self.unit in ("for ever", "never"):
            return self.unit
        return f"{self.number} {self.unit if self.number != 1 else self.unit[:-1]}"

    @property
    def is_endless(self) -> bool:
        return self.unit == "for ever"

    def length(self) -> timedelta:
        """To compare with; months and years by their mean."""
        match self.unit:
            case "for ever":
                return timedelta.max
            case "never":
                return timedelta(0)
            case "months":
                return MONTH * self.number
            case "years":
                return MONTH * 12 * self.number
        return timedelta(**{self.unit: self.number})

    def after(self, moment: datetime) -> datetime:
        """The moment that lies this far behind another; by the calendar for months. `OverflowError` for ever."""
        if self.unit in ("months", "years"):
            months = moment.month - 1 + self.number * (12 if self.unit == "years" else 1)
            year, month = moment.year + months // 12, months % 12 + 1
            return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
        return moment + self.length()


FOR_EVER: Final = Span(0, "for ever")
NEVER: Final = Span(0, "never")


@dataclass(frozen=True)
class Cadence:
    """How often something is done: every so long, on certain events, or both; whichever comes first."""

    every: Span | None
    on: tuple[str, ...] = ()

    def __str__(self) -> str:
        each = [f"every {self.every}"] if self.every is not None else []
        return " and ".join([*each, *(f"on {event}" for event in self.on)])


Value = Span | int | str | tuple[str, ...] | Cadence | None


class Bad(ValueError):
    """A value that is not of its kind; the message says what is wanted."""


def parse(kind: Kind, said: Any, choices: tuple[str, ...] = ()) -> Value:
    """A value as TOML says it. Raises `Bad` with what was wanted."""
    match kind:
        case Kind.DURATION:
            return span(said)
        case Kind.COUNT:
            if isinstance(said, int) and not isinstance(said, bool) and said >= 0:
                return said
            raise Bad("a count is a whole number, such as 5")
        case Kind.CHOICE:
            if isinstance(said, str) and said in choices:
                return said
            raise Bad(f"a choice is one of {', '.join(choices) or 'what `choices` lists'}")
        case Kind.LIST:
            return _list(said)
        case Kind.CADENCE:
            return cadence(said)
    if said is not None:
        raise Bad("a promise has no value; leave it out")
    return None


def span(said: Any) -> Span:
    """`30 days`, `for ever` or `never`."""
    if said in ("for ever", "never"):
        return Span(0, said)
    found = _SPAN.fullmatch(said) if isinstance(said, str) else None
    if found is None or int(found[1]) == 0:
        raise Bad("a duration is a number and a unit (seconds, minutes, hours, days, months, years), such as "
                  '"30 days"; or "for ever", or "never"')  # fmt: skip
    return Span(int(found[1]), found[2] + "s")


def cadence(said: Any) -> Cadence:
    """`{ every = "4 months", on = ["major change"] }`, one or both; a duration alone is short for `every`."""
    if isinstance(said, str):
        said = {"every": said}
    if not isinstance(said, dict) or not said or set(said) - {"every", "on"}:
        raise Bad('a cadence is { every = "4 months" }, { on = ["major change"] }, or both')
    every = span(said["every"]) if "every" in said else None
    if every in (FOR_EVER, NEVER):
        raise Bad("a cadence of never is no duty: leave it out")
    on = _list(said.get("on", []))
    if every is None and not on:
        raise Bad("a cadence needs `every`, `on`, or both")
    return Cadence(every, on)


def combine(kind: Kind, way: Stricter, values: list[Value], choices: tuple[str, ...] = ()) -> Value:
    """The stricter of several; lists as `way` says, cadences by the shorter interval and all events."""
    if kind is Kind.LIST:
        lists = [value for value in values if isinstance(value, tuple)]
        if way is Stricter.UNION:
            return tuple(dict.fromkeys(item for each in lists for item in each))
        return tuple(item for item in lists[0] if all(item in each for each in lists))
    if kind is Kind.CADENCE:
        said = [value for value in values if isinstance(value, Cadence)]
        spans = [each.every for each in said if each.every is not None]
        return Cadence(min(spans, default=None), tuple(dict.fromkeys(event for each in said for event in each.on)))
    if kind is Kind.PROMISE:
        return None
    return min(values, key=lambda value: rank(kind, way, value, choices))


def looser(kind: Kind, way: Stricter, value: Value, than: Value, choices: tuple[str, ...] = ()) -> bool:
    """Whether `value` alone would ask for less than `than`."""
    match value, than:
        case tuple(), tuple():
            lacks = set(than) - set(value) if way is Stricter.UNION else set(value) - set(than)
            return bool(lacks)
        case Cadence(), Cadence():
            slower = than.every is not None and (value.every is None or value.every > than.every)
            return slower or bool(set(than.on) - set(value.on))
    if kind is Kind.PROMISE:
        return False
    return rank(kind, way, value, choices) > rank(kind, way, than, choices)


def rank(kind: Kind, way: Stricter, value: Value, choices: tuple[str, ...]) -> float:
    """A number that is smaller the stricter a value is."""
    if kind is Kind.CHOICE:
        return choices.index(str(value))
    size = value.length().total_seconds() if isinstance(value, Span) else float(value)  # type: ignore[arg-type]
    return size if way is Stricter.SMALLER else -size


def words(value: Value) -> str:
    """A value as people read it."""
    if isinstance(value, tuple):
        return ", ".join(value) if value else "none"
    return "" if value is None else str(value)


def plain(value: Value) -> Any:
    """A value as JSON holds it; `parse` takes it back."""
    match value:
        case Span():
            return str(value)
        case Cadence():
            return {
                **({"every": str(value.every)} if value.every else {}),
                **({"on": list(value.on)} if value.on else {}),
            }
        case tuple():
            return list(value)
    return value


def _list(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(isinstance(item, str) and item.strip() == item and item for item in said):
        raise Bad('a list holds texts, such as ["one", "two"]; it may be empty')
    if len(set(said)) != len(said):
        raise Bad("a list says each thing once")
    return tuple(said)
