"""What can be searched for without opening, and how values are compared (docs/formats/sealed-part.md, "Search")."""

import unicodedata
from collections.abc import Mapping
from enum import IntEnum

from strongroom.formats.parts import Part
from strongroom.formats.secret import Secret


class SearchField(IntEnum):
    """Numbers stand in bundles; never reuse one. Only values that are rare enough to be no census (I25)."""

    EMAIL = 1
    PHONE = 2
    NAME_AND_POSTCODE = 3


def email(value: str) -> str:
    """Case and compatibility forms do not tell two addresses apart."""
    return unicodedata.normalize("NFKC", value).casefold().strip()


def phone(value: str) -> str:
    """The last nine digits: with or without a country or trunk prefix, the same subscriber."""
    digits = "".join(str(unicodedata.decimal(c)) for c in value if c.isdecimal())
    return digits[-9:]


def name_and_postcode(name: str, postcode: str) -> str:
    """Letters and digits of both, folded; word order in the name stays."""
    return f"{_folded(name)}|{_folded(postcode)}"


def values(part: Part, fields: Mapping[str, Secret]) -> dict[SearchField, str]:
    """What to index of a part; empty where a field is absent or too short to be anybody's."""
    found: dict[SearchField, str] = {}
    if part is Part.BUYER and "email" in fields:
        found[SearchField.EMAIL] = email(fields["email"].text())
    if part is Part.RECIPIENT:
        number = phone(fields["phone"].text()) if "phone" in fields else ""
        if len(number) >= 6:
            found[SearchField.PHONE] = number
        if "name" in fields and "postcode" in fields:
            found[SearchField.NAME_AND_POSTCODE] = name_and_postcode(fields["name"].text(), fields["postcode"].text())
    return found


def _folded(value: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", value).casefold() if c.isalnum())
