"""What stands on a label, and the order in which countries write an address (UPU S42)."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pycountry

from strongroom.formats.secret import Secret

MOST_LINES: Final = 12
CN22_MOST: Final = 40_000
"""Greatest declared value, in hundredths, for the small form; above it CN23 (300 SDR, UPU Regulations 20-001)."""
DIRECTION_MARKS: Final = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

STREET: Final = ("street_name", "street_number", "complement", "neighbourhood")
POSTCODE_FIRST: Final = frozenset(
    {
        "AT",
        "BE",
        "BG",
        "CH",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IS",
        "IT",
        "LT",
        "LU",
        "NO",
        "PL",
        "PT",
        "RO",
        "RS",
        "SE",
        "SI",
        "SK",
        "TR",
        "MX",
    }
)
STATE_AFTER_CITY: Final = frozenset({"US", "CA", "AU", "BR"})


class CannotRender(Exception):
    """The label cannot be drawn as it must be: an address is never cut or left out."""


@dataclass(frozen=True)
class CustomsLine:
    """One kind of goods. `value` in hundredths of `currency` for all pieces, `grams` for all pieces."""

    description: str
    quantity: int
    value: int
    currency: str
    grams: int
    hs_code: str
    origin: str


@dataclass(frozen=True)
class Customs:
    """The declaration that UPU forms CN22 and CN23 ask for."""

    lines: tuple[CustomsLine, ...]
    category: str = "Sale of goods"

    @property
    def value(self) -> int:
        return sum(line.value for line in self.lines)

    @property
    def grams(self) -> int:
        return sum(line.grams for line in self.lines)

    @property
    def is_small(self) -> bool:
        """Whether CN22 is enough."""
        return self.value <= CN22_MOST and len(self.lines) <= 3


@dataclass(frozen=True, repr=False)
class LabelContent:
    """One label. `recipient`: opened fields of `formats.parts.Part.RECIPIENT`; `country`: two letters."""

    recipient: Mapping[str, Secret]
    country: str
    reference: str
    service: str
    parcel: int
    parcels: int
    sender: tuple[str, ...]
    customs: Customs | None = None

    def __repr__(self) -> str:
        return "***"


def address_lines(content: LabelContent) -> list[str]:
    """The address as its country writes it, the country in capitals last. Raises `CannotRender` where it is empty."""
    told = {name: clean(value.text()) for name, value in content.recipient.items()}
    country = content.country.upper()
    lines = [told.get("name", ""), told.get("company", "")]
    if country == "JP":  # Japan writes from the large to the small; in Latin letters too the postcode leads
        lines += [_joined(told, "postcode", "state", "city"), *_streets(told), told.get("district", "")]
    else:
        lines += [*_streets(told), told.get("district", ""), *_town(told, country)]
    body = [line for line in lines if line]
    if len(body) < 2:
        raise CannotRender("the address has no lines")
    return [*body, country_name(country)]


def note_lines(content: LabelContent) -> list[str]:
    """What the courier should know: telephone, where to leave it."""
    told = {name: clean(value.text()) for name, value in content.recipient.items()}
    found = [f"Tel. {told['phone']}"] if told.get("phone") else []
    return found + [text for name in ("drop_off", "instruction", "delivery_time") if (text := told.get(name, ""))]


def country_name(code: str) -> str:
    """The country's English name in capitals; the code itself where no country has it."""
    found = pycountry.countries.get(alpha_2=code)
    return str(getattr(found, "common_name", None) or getattr(found, "name", code)).upper()


def clean(text: str) -> str:
    """Composed (NFC), on one line, without control characters and without marks that would turn letters around."""
    composed = unicodedata.normalize("NFC", text)
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Zs") else c for c in composed)
    return " ".join("".join(c for c in kept if c not in DIRECTION_MARKS and unicodedata.category(c) != "Cs").split())


def _streets(told: Mapping[str, str]) -> list[str]:
    named = [told.get(name, "") for name in ("line1", "line2", "line3")]
    structured = _joined(told, "street_name", "street_number")
    further = [told.get(name, "") for name in ("complement", "neighbourhood")]
    return [line for line in (*named, structured if structured not in named else "", *further) if line]


def _town(told: Mapping[str, str], country: str) -> list[str]:
    place = told.get("city") or told.get("municipality", "")
    region, postcode = told.get("state", ""), told.get("postcode", "")
    if country in POSTCODE_FIRST:
        return [" ".join(p for p in (postcode, place) if p), region]
    if country in STATE_AFTER_CITY:
        return [" ".join(p for p in (place, region, postcode) if p)]
    return [place, region, postcode]


def _joined(told: Mapping[str, str], *names: str) -> str:
    return " ".join(told[name] for name in names if told.get(name))
