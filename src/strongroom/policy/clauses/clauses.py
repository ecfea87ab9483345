"""The clauses: every promise of the policy, by its id."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Clause:
    """One promise, in our words, and the policy's section it stands in."""

    id: str
    promise: str
    section: str


@cache
def all_clauses() -> dict[str, Clause]:
    """Every clause by id, in the policy's order."""
    loaded = tomllib.loads((files(__package__) / "clauses.toml").read_text(encoding="utf-8"))
    return {id_: Clause(id_, table["promise"], table["section"]) for id_, table in loaded.items()}
