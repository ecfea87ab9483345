"""The words of a customer who does not exist: they follow from a random reference and stand in no file (RR-4, AM-1).

Whoever looks for leaks is told the reference, which is no secret, and makes the words itself: they are never handed on.
"""

import hmac
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from strongroom.formats.parts import FIELDS, Part
from strongroom.formats.secret import Secret

_LETTERS: Final = "bdfgklmnprstvz", "aeiou"


def fields(order: UUID) -> dict[Part, dict[str, Secret]]:
    """What is sealed of such a customer: every field of every part."""
    return {part: {name: Secret(_text(order, part, name)) for name in FIELDS[part]} for part in Part}


def rare(order: UUID) -> dict[str, Secret]:
    """What of each field nobody else has, by `reference.part.field`; at least ten bytes, capitals are for who looks."""
    return {
        f"{str(order)[:8]}.{part.name.lower()}.{name}": _rare(text)
        for part, named in fields(order).items()
        for name, text in named.items()
    }


def _rare(text: Secret) -> Secret:
    return Secret(text.text().removesuffix("@probe.invalid").removeprefix("+"))


def _text(order: UUID, part: Part, name: str) -> str:
    word = "".join(_word(order, part, name))
    match name:
        case "email":
            return f"{word}@probe.invalid"
        case "phone":
            return f"+999{_digits(order, part, name)}"  # a country code that is assigned to nobody
        case "number":
            return f"QZ{_digits(order, part, name)}"
        case "postcode":
            return f"Q{_digits(order, part, name)[:9]}"
        case _:
            return word.capitalize()


def _word(order: UUID, part: Part, name: str) -> Iterator[str]:
    """Fourteen letters that can be said and mean nothing."""
    for place, byte in enumerate(_dice(order, part, name)[:14]):
        letters = _LETTERS[place % 2]
        yield letters[byte % len(letters)]


def _digits(order: UUID, part: Part, name: str) -> str:
    return "".join(str(byte % 10) for byte in _dice(order, part, name)[16:27])


def _dice(order: UUID, part: Part, name: str) -> bytes:
    return hmac.digest(order.bytes, f"strongroom/probe/v1 {int(part)} {name}".encode(), "sha256")
