"""Answers to what Amazon asks developers, made from the live state: nothing is claimed that the wall does not show.

A part of an answer is said while every clause that it rests on is shown to hold. Otherwise the answer says, in its
place, what is not done, and which clause says so. So an answer can only be as good as the wall.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from strongroom.policy.clauses import sentences
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.sentences import Slot
from strongroom.policy.clauses.terms import Terms
from strongroom.policy.clauses.values import Kind
from strongroom.policy.data_governance.wording import typed_number
from strongroom.policy.obligations.rules import State

LONGEST: Final = 500
"""Characters that Amazon's form takes."""
NEVER: Final = "never"
"""The fact of a duty that was not done yet."""
COMPANY: Final = ("company.name", "company.contact", "company.site")
HOLDS: Final = (State.TRUE, State.ATTESTED)
NOT: Final = {
    State.FALSE: "Not done", State.UNKNOWN: "Not shown", State.DUE: "Not done yet", State.EXCEPTED: "Excepted",
    State.NOT_USED: "Not used so far",
}  # fmt: skip
"""How a part begins whose clause does not hold."""


@dataclass(frozen=True)
class Part:
    """One claim, the clauses it rests on, and what is missing where one of them does not hold."""

    clauses: tuple[str, ...]
    text: str
    without: str


@dataclass(frozen=True)
class Question:
    """What Amazon asks, under a title of ours. `wants_yes`: yes or no comes first."""

    id: str
    title: str
    parts: tuple[Part, ...]
    wants_yes: bool
    beyond: str


@dataclass(frozen=True)
class Answer:
    """An answer as it stands now. `missing`: clauses that do not hold, so that part of it is `not done`."""

    id: str
    title: str
    text: str
    clauses: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def length(self) -> int:
        return len(self.text)


@cache
def questions() -> tuple[Question, ...]:
    loaded = tomllib.loads((files(__package__) / "words" / "answers.toml").read_text(encoding="utf-8"))
    return tuple(
        Question(
            each["id"], each["title"],
            tuple(Part(tuple(part["clauses"]), part["text"], part["without"]) for part in each["says"]),
            each.get("yes", False), each.get("beyond", ""),
        )
        for each in loaded["answer"]
    )  # fmt: skip


def answer(question: Question, *, states: Mapping[str, State], terms: Terms, facts: Mapping[str, str]) -> Answer:
    """The answer for this state of the wall. Raises `KeyError` for a clause without a state."""
    lacking = [_lacking(part, states, facts) for part in question.parts]
    words = [
        (_instead(part, lacks) if lacks is not None else _said(part, states, terms, facts)) + "."
        for part, lacks in zip(question.parts, lacking, strict=True)
    ]
    missing = [lacks[0] for lacks in lacking if lacks is not None]
    missing += [id_ for part in question.parts for id_ in part.clauses if states[id_] not in HOLDS]
    if question.wants_yes:
        words.insert(0, "No, not all of it." if missing else "Partly." if question.beyond else "Yes.")
    if question.beyond:
        words.append(question.beyond)
    clauses = tuple(dict.fromkeys(id_ for part in question.parts for id_ in part.clauses))
    return Answer(question.id, question.title, " ".join(words), clauses, tuple(dict.fromkeys(missing)))


def all_answers(*, states: Mapping[str, State], terms: Terms, facts: Mapping[str, str]) -> list[Answer]:
    """Every answer, in the order of the form."""
    return [answer(each, states=states, terms=terms, facts=facts) for each in questions()]


def what_is_wrong(terms: Terms) -> Iterator[str]:
    """Parts that name what nobody knows, type a number, or claim without a clause; none in a build that may run."""
    kinds = {term.name: term.kind for term in terms.all()}
    known = {*(f"last.{duty.name}" for duty in terms.duties()), *COMPANY}
    for question in questions():
        for part in question.parts:
            for problem in _wrong(part, kinds, known):
                yield f"answer {question.id}: {problem} ({part.text!r})"
        if question.beyond and not question.beyond.startswith("Not done"):
            yield f"answer {question.id}: what rests on no clause is not done ({question.beyond!r})"


def _wrong(part: Part, kinds: Mapping[str, Kind], known: Collection[str]) -> Iterator[str]:
    for slot in sentences.slots(part.text):
        if "." in slot.name and slot.name not in known:
            yield f"nobody knows {slot}"
        elif "." not in slot.name and slot.form not in sentences.FORMS.get(kinds.get(slot.name, Kind.PROMISE), ()):
            yield f"no term is said as {slot}"
        elif "." not in slot.name and slot.name not in kinds:
            yield f"no profile has a term {slot.name}"
    if not part.clauses or set(part.clauses) - set(all_clauses()):
        yield "a claim rests on clauses that are known"
    if typed_number(part.text) or typed_number(part.without):
        yield "a number is typed"


def _lacking(part: Part, states: Mapping[str, State], facts: Mapping[str, str]) -> tuple[str, State] | None:
    """The clause that keeps a part from being said, and how it stands; `None` where all hold.

    What was never done is not told as if it had been, whatever the wall says.
    """
    lacking = [id_ for id_ in part.clauses if states[id_] not in HOLDS]
    if lacking:
        worst = min(lacking, key=lambda id_: states[id_].rank)
        return worst, states[worst]
    if any(facts.get(slot.name) == NEVER for slot in sentences.slots(part.text)):
        return part.clauses[0], State.DUE
    return None


def _instead(part: Part, lacks: tuple[str, State]) -> str:
    clause, state = lacks
    return f"{NOT[state]}: {part.without} ({clause})"


def _said(part: Part, states: Mapping[str, State], terms: Terms, facts: Mapping[str, str]) -> str:
    def say(slot: Slot) -> str:
        if "." in slot.name:
            return facts[slot.name]
        term = terms.term(slot.name)
        return sentences.said(term.value, slot.form, term.words)

    attested = any(states[id_] is State.ATTESTED for id_ in part.clauses)
    return sentences.fill(part.text, say) + (" (attested by a person)" if attested else "")
