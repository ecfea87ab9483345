"""The clauses: every promise of the policy, by its id."""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final


class Grade(StrEnum):
    """How a promise is shown to hold; a clause has the grade of its weakest part (DESIGN 1)."""

    ENFORCED = "enforced"
    OBSERVED = "observed"
    ATTESTED = "attested"


LIVE: Final = timedelta(minutes=5)
"""What is looked at each minute may be this old; then whoever looks has stopped."""
_SPANS: Final = {
    "live": LIVE,
    "15 minutes": timedelta(minutes=15),
    "1 hour": timedelta(hours=1),
    "2 hours": timedelta(hours=2),
    "24 hours": timedelta(hours=24),
    "7 days": timedelta(days=7),
    "6 months": timedelta(days=182),
    "1 year": timedelta(days=365),
    "per start": timedelta(hours=24),
    "per deploy": timedelta(hours=24),
    "countdown": timedelta(hours=1),
}


@dataclass(frozen=True)
class Clause:
    """One promise in our words, the policy's section it stands in, and how it is to be proved.

    short: the words of its tile. grade: its weakest part's; inside: that of the parts that we run ourselves.
    fresh: the greatest age its evidence may have, in words; `max_age` as a length.
    """

    id: str
    promise: str
    section: str
    short: str
    grade: Grade
    inside: Grade
    fresh: str

    @property
    def max_age(self) -> timedelta:
        return _SPANS[self.fresh]

    @property
    def needs_a_check(self) -> bool:
        """Whether more than a person's word is wanted: without a check it is unknown, whoever signs."""
        return self.inside is not Grade.ATTESTED

    @property
    def number(self) -> int:
        """The id as a number, for the journal: 100 a section in the policy's order, and the number within it."""
        letters, _, digits = self.id.partition("-")
        return 100 * (_SECTIONS.index(letters) + 1) + int(digits)


_SECTIONS: Final = ("DF", "RR", "NP", "AM", "ET", "IR", "DR", "DG", "ES", "LP", "LM", "AU", "AZ", "GS")
"""In the order of the journal's numbers, which never change: RR-2 is 202, AM-3 is 403."""


@cache
def all_clauses() -> dict[str, Clause]:
    """Every clause by id, in the policy's order."""
    loaded = tomllib.loads((files(__package__) / "clauses.toml").read_text(encoding="utf-8"))
    return {
        id_: Clause(
            id=id_,
            promise=table["promise"],
            section=table["section"],
            short=table["short"],
            grade=Grade(table["grade"]),
            inside=Grade(table.get("inside", table["grade"])),
            fresh=table["fresh"],
        )
        for id_, table in loaded.items()
    }


def clause(id_: str) -> Clause:
    """The clause of this id. Raises `KeyError` for an unknown one."""
    return all_clauses()[id_]
