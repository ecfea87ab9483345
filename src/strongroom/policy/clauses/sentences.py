"""Sentences with terms in them: `gone {remove_pii_after:within}` becomes `gone within 30 days`.

The public pages, the statements on laws and the answers to Amazon are such sentences, as data. A number is never typed
into one: it comes from the term in force, in the form that the sentence asks for.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from strongroom.policy.clauses.values import Cadence, Kind, Span, Value

_SLOT: Final = re.compile(r"\{([a-z0-9_.]+)(?::([a-z]+))?\}")
FORMS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.DURATION: ("", "within", "for"),
    Kind.COUNT: ("",),
    Kind.CHOICE: ("",),
    Kind.LIST: ("", "or"),
    Kind.CADENCE: ("",),
    Kind.PROMISE: ("",),
}
"""How a value of each kind may be said."""


@dataclass(frozen=True)
class Slot:
    """A place in a sentence where a value stands. `form`: one of its kind's `FORMS`."""

    name: str
    form: str = ""

    def __str__(self) -> str:
        return f"{{{self.name}:{self.form}}}" if self.form else f"{{{self.name}}}"


Piece = str | Slot


def pieces(text: str) -> tuple[Piece, ...]:
    """A template's plain parts and slots, in order. Raises `ValueError` for a brace that belongs to no slot."""
    found: list[Piece] = []
    end = 0
    for match in _SLOT.finditer(text):
        found += [text[end : match.start()], Slot(match[1], match[2] or "")]
        end = match.end()
    found.append(text[end:])
    plain = "".join(piece for piece in found if isinstance(piece, str))
    if "{" in plain or "}" in plain:
        raise ValueError("a brace that names nothing; write {name} or {name:form}")
    return tuple(piece for piece in found if piece != "")


def slots(text: str) -> list[Slot]:
    """The slots of a template alone."""
    return [piece for piece in pieces(text) if isinstance(piece, Slot)]


def fill(text: str, say: Callable[[Slot], str]) -> str:
    """The template with each slot said."""
    return "".join(say(piece) if isinstance(piece, Slot) else piece for piece in pieces(text))


def said(value: Value, form: str = "", words: str = "") -> str:
    """A value as prose. `words`: what a promise without a number says."""
    match value:
        case Span():
            return _span(value, form)
        case Cadence():
            return _cadence(value)
        case tuple():
            return listed(value, "or" if form == "or" else "and")
        case None:
            return words
    return str(value)


def listed(items: tuple[str, ...], last: str = "and") -> str:
    """`one, two and three`; `nothing` where there is none."""
    if not items:
        return "nothing"
    return " ".join(filter(None, [", ".join(items[:-1]), last if len(items) > 1 else "", items[-1]]))


def what_is_wrong(text: Any, kinds: dict[str, Kind]) -> str:
    """Why this is no sentence over these terms; empty where it is one."""
    if not isinstance(text, str) or not text.strip():
        return "It is empty."
    try:
        found = slots(text)
    except ValueError as why:
        return f"It has {why}."
    for slot in found:
        if slot.name not in kinds:
            return f"No profile has a term {slot.name}."
        if slot.form not in FORMS[kinds[slot.name]]:
            known = ", ".join(f"{{{slot.name}:{form}}}" if form else f"{{{slot.name}}}" for form in
                              FORMS[kinds[slot.name]])  # fmt: skip
            return f"A {kinds[slot.name]} is not said as {slot}: it is {known}."
    return ""


def _span(value: Span, form: str) -> str:
    if value.is_endless:
        return "for ever" if form == "for" else "some time" if form == "within" else "for ever"
    if value.unit == "never":
        return {"for": "for no time at all", "within": "at once"}.get(form, "never")
    return f"{form} {value}".strip()


def _cadence(value: Cadence) -> str:
    """`every 4 months and at each major change`."""
    every = []
    if value.every is not None:
        each = str(value.every) if value.every.number != 1 else value.every.unit[:-1]
        every = [f"every {each}"]
    return listed((*every, *(f"at each {event}" for event in value.on)))
