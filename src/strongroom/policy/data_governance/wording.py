"""What the public pages say, as sentences over terms: read from data, and checked against clauses and terms (DG-4).

A sentence whose term nobody knows, a clause that no sentence speaks of, one of our terms that appears nowhere, or a
number that somebody typed, keeps the software from starting.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from strongroom.policy.clauses import sentences
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.terms import Terms, built_in

POLICY, PRIVACY = "policy", "privacy"
PAGES: Final = (POLICY, PRIVACY)
STANDARDS: Final = ("NIST SP 800-88",)
"""Names in which a figure may stand; every other figure is a term."""
_TYPED: Final = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|ten|twelve|thirty|sixty|ninety)\s+"
    r"(second|minute|hour|day|week|month|year|failure|character)s?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Template:
    """One sentence or a few that belong together, and the clauses they say."""

    text: str
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One section of a page."""

    id: str
    title: str
    says: tuple[Template, ...]


@dataclass(frozen=True)
class Wording:
    """One page's words."""

    name: str
    title: str
    lede: str
    parts: tuple[Part, ...]

    def templates(self) -> Iterator[Template]:
        for part in self.parts:
            yield from part.says


@cache
def wording(name: str) -> Wording:
    """The words of a page, `policy` or `privacy`."""
    loaded = tomllib.loads((files(__package__) / "words" / f"{name}.toml").read_text(encoding="utf-8"))
    return made_of(name, loaded)


def made_of(name: str, loaded: dict[str, Any]) -> Wording:
    parts = tuple(
        Part(part["id"], part["title"], tuple(Template(each["text"], tuple(each["clauses"])) for each in part["says"]))
        for part in loaded["section"]
    )
    return Wording(name, loaded["title"], loaded["lede"], parts)


def what_is_wrong() -> list[str]:
    """Everything that keeps our own words from saying our own terms; empty in a build that may run."""
    terms = built_in()
    found = [f"{name}: {problem}" for name in PAGES for problem in problems(wording(name), terms)]
    return [*found, *unsaid(wording(POLICY), terms), *_laws(terms)]


def problems(page: Wording, terms: Terms) -> Iterator[str]:
    """What is wrong with each sentence of a page by itself."""
    of = {term.name: term for term in terms.all()}
    for each in page.templates():
        wrong = sentences.what_is_wrong(each.text, {name: term.kind for name, term in of.items()})
        if wrong:
            yield f"{wrong} ({each.text!r})"
            continue
        if not each.clauses or set(each.clauses) - set(all_clauses()):
            yield f"names no clause, or one that is not known ({each.text!r})"
        typed = typed_number(each.text)
        if typed:
            yield f"a number is typed, {typed!r}; say it as a term ({each.text!r})"
        if page.name == POLICY:
            yield from (
                f"{slot} is of {of[slot.name].clause}, which this sentence does not name ({each.text!r})"
                for slot in sentences.slots(each.text)
                if of[slot.name].clause not in each.clauses
            )


def unsaid(page: Wording, terms: Terms) -> list[str]:
    """Clauses that no sentence of the page says, and terms that appear in none."""
    said = {clause for each in page.templates() for clause in each.clauses}
    named = {slot.name for each in page.templates() for slot in sentences.slots(each.text)}
    return [
        *(f"{page.name}: no sentence speaks of {id_}" for id_ in all_clauses() if id_ not in said),
        *(f"{page.name}: the term {name} appears nowhere" for name in dict.fromkeys(t.name for t in terms.all())
          if name not in named),
    ]  # fmt: skip


def typed_number(text: str) -> str:
    """A number that stands in a template outside its slots; empty where there is none."""
    plain = sentences.fill(text, lambda _: "\0")
    for name in STANDARDS:
        plain = plain.replace(name, "")
    found = _TYPED.search(plain)
    return found[0] if found else ""


def _laws(terms: Terms) -> list[str]:
    """Numbers typed into our own statements on laws; a law's articles are its name."""
    return [
        f"law {law.id}: a number is typed ({each.we!r})"
        for law in terms.laws()
        for each in law.says
        if typed_number(each.we)
    ]
