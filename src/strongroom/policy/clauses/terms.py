"""The terms in force: each number of the policy, the stricter of what was published and what Amazon asks."""

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Term:
    """One number of the policy, with where it comes from."""

    name: str
    clause: str
    value: int
    unit: str
    source: str
    since: date

    @property
    def words(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ").replace("pii", "PII").capitalize()

    def span(self) -> timedelta:
        """The number as a length of time."""
        return timedelta(**{self.unit: self.value})


@cache
def all_terms() -> dict[str, Term]:
    """Every term by name. Raises `ValueError` for a term without a direction or with an unknown unit."""
    loaded = tomllib.loads((files(__package__) / "terms.toml").read_text(encoding="utf-8"))
    return {name: _term(name, table) for name, table in loaded.items()}


def span(name: str) -> timedelta:
    """The length of time that the term of this name is in force with."""
    return all_terms()[name].span()


def _term(name: str, table: dict[str, Any]) -> Term:
    choose = {"smaller": min, "larger": max}.get(table["stricter"])
    if choose is None or table["unit"] not in ("hours", "days"):
        raise ValueError(f"term {name}: stricter is smaller or larger, unit is hours or days")
    values = [table[side] for side in ("published", "amazon") if side in table]
    return Term(name, table["clause"], choose(values), table["unit"], table["source"], table["from"])
