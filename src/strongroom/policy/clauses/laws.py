"""Data-protection laws as data: where each applies, and what we say to each of its demands (DG-4).

A law applies where a company sits or sells to. Profiles list laws; a company adds those of its own countries by a
profile, without code, and a version of the policy keeps them with its terms.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from strongroom.policy.clauses import sentences
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.values import Kind

_LAW: Final = ("name", "where", "authority", "says")
_SAYS: Final = ("to", "we", "clauses")
_COUNTRY: Final = re.compile("[A-Z]{2}")


@dataclass(frozen=True)
class Statement:
    """What a law demands, in a few words, and our sentence for it: a template over terms. `clauses`: what keeps it."""

    to: str
    we: str
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class Law:
    """One law. `where`: countries by their two letters. `authority`: to whom people may complain."""

    id: str
    name: str
    where: tuple[str, ...]
    authority: str
    says: tuple[Statement, ...]

    def applies_in(self, countries: Collection[str]) -> bool:
        return any(country in countries for country in self.where)


@dataclass(frozen=True)
class Problem:
    """What is wrong at a key of a law, and what to do."""

    key: str
    sentence: str
    remedy: str


def read(id_: str, table: dict[str, Any], kinds: dict[str, Kind]) -> tuple[Law, list[Problem]]:
    """One law as TOML says it, and all that is wrong with it. `kinds`: the terms that its sentences may name."""
    problems = [*_head(table), *_statements(table.get("says"), kinds)]
    if problems:
        return Law(id_, "", (), "", ()), problems
    says = tuple(Statement(each["to"], each["we"], tuple(each["clauses"])) for each in table["says"])
    return Law(id_, table["name"], tuple(table["where"]), table["authority"], says), []


def _head(table: dict[str, Any]) -> Iterator[Problem]:
    for key in table:
        if key not in _LAW:
            yield Problem(key, f"{key} is not known here.", f"Known are {', '.join(_LAW)}.")
    for key in ("name", "authority"):
        if not isinstance(table.get(key), str) or not table[key].strip():
            yield Problem(key, f"A law says `{key}`.", f'Add {key} = "…".')
    where = table.get("where")
    if not isinstance(where, list) or not where or not all(_is_country(each) for each in where):
        yield Problem("where", "`where` lists countries by two capital letters.", 'Write where = ["GB"].')


def _is_country(said: Any) -> bool:
    return isinstance(said, str) and _COUNTRY.fullmatch(said) is not None


def _statements(said: Any, kinds: dict[str, Kind]) -> Iterator[Problem]:
    example = 'Write { to = "storage limitation", we = "Data goes {remove_pii_after:within}.", clauses = ["RR-2"] }.'
    if not isinstance(said, list) or not said:
        yield Problem("says", "A law without a statement says nothing of how it is kept.", example)
        return
    for each in said:
        if not isinstance(each, dict) or set(each) != set(_SAYS) or not isinstance(each["to"], str):
            yield Problem("says", "A statement says to, we and clauses.", example)
            continue
        wrong = sentences.what_is_wrong(each["we"], kinds)
        if wrong:
            yield Problem("says", wrong, example)
        yield from _clauses(each["clauses"], example)


def _clauses(said: Any, example: str) -> Iterator[Problem]:
    if not isinstance(said, list) or not said:
        yield Problem("says", "A statement names the clauses that keep it.", example)
        return
    for id_ in said:
        if id_ not in all_clauses():
            yield Problem("says", f"There is no clause {id_}.", example)
