"""Canaries: customers who do not exist, with rare random words in every field that PII can stand in (RR-4, LM-3).

Words come from a secret and a number by HMAC-SHA-256, so a check that looks again after weeks needs to keep only the
secret: a list of the words would itself be what the scan finds.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from strongroom.formats.secret import Secret

LEAST_BYTES: Final = 10
"""A shorter text may stand somewhere by chance: in base64 without its first and last characters it is shorter still."""


@dataclass(frozen=True)
class Canary:
    """What to look for under one name. Each text is rare alone, so that half a field betrays itself too."""

    id: str
    texts: tuple[Secret, ...]

    def __post_init__(self) -> None:
        if not self.texts or any(len(text) < LEAST_BYTES for text in self.texts):
            raise ValueError(f"{self.id}: a canary has texts of at least {LEAST_BYTES} bytes")


@dataclass(frozen=True)
class Customer:
    """An invented customer: fields by name, as an order would tell them, and the canaries that stand in them."""

    script: str
    fields: dict[str, Secret]
    canaries: tuple[Canary, ...]


@dataclass(frozen=True)
class _Script:
    """Letters of a script, at least some of which have two Unicode forms; `length`: letters of a word."""

    letters: str
    marked: str
    length: int


SCRIPTS: Final[dict[str, _Script]] = {
    "latin": _Script("bcdfghjklmnpqrtvwxzaeiou", "áčďéíľňóřšťúýžöüåñç", 11),
    "greek": _Script("βγδζθκλμνξπρτφχψαεηιοω", "άέήίόύώ", 9),
    "cyrillic": _Script("бвгджзклмнпрстфхцчшщаеиоуыэюя", "йё", 9),
    "japanese": _Script(
        "あいうえおかきくけこさしすせそたちつてとなにぬねのまみむめも山川田中村木林",
        "がぎぐげござじずぜぞだぢづでどばびぶべぼ",
        8,
    ),
    "korean": _Script("".join(map(chr, range(0xAC00, 0xD7A4, 29))), "".join(map(chr, range(0xAC01, 0xD7A4, 31))), 6),
    "arabic": _Script("بتثجحخدذرزسشصضطظعغفقكلمنهوي", "آأؤإئ", 10),
}
"""Every marked letter has a composed and a decomposed form that differ in bytes."""
_ASCII: Final = "abcdefghjkmnpqrstvwxyz23456789"
_CAPITALS: Final = "BCDFGHJKMNPQRTVWXZ23456789"


class Dice:
    """Choices that follow from a secret and a label alone."""

    def __init__(self, secret: Secret, label: str) -> None:
        self._key = hmac.digest(secret.bytes(), b"strongroom/canary/v1 " + label.encode(), "sha256")
        self._bytes = self._stream()

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1; limit is small against 2**32, so the bias is nobody's concern here."""
        drawn = int.from_bytes(bytes(next(self._bytes) for _ in range(4)), "big")
        return drawn % limit

    def letters(self, of: str, count: int) -> str:
        return "".join(of[self.below(len(of))] for _ in range(count))

    def _stream(self) -> Iterator[int]:
        count = 0
        while True:
            yield from hashlib.sha256(self._key + count.to_bytes(8, "big")).digest()
            count += 1


def customers(secret: Secret, count: int = len(SCRIPTS), prefix: str = "c") -> tuple[Customer, ...]:
    """So many invented customers, script by script; the same secret gives the same ones."""
    scripts = list(SCRIPTS)
    return tuple(_customer(secret, f"{prefix}{n + 1}", scripts[n % len(scripts)], n) for n in range(count))


def canaries_of(group: Sequence[Customer]) -> tuple[Canary, ...]:
    return tuple(canary for customer in group for canary in customer.canaries)


def control_text(secret: Secret, label: str) -> Secret:
    """A text that looks different in every form: it has letters with marks, an apostrophe, and what HTML escapes."""
    dice, latin = Dice(secret, f"control {label}"), SCRIPTS["latin"]
    ends = dice.letters(latin.letters, 6), dice.letters(latin.letters, 6)
    return Secret(unicodedata.normalize("NFC", f"{ends[0]}{dice.letters('éíóúýöüåñç', 1)}'& {ends[1]}"))


def _customer(secret: Secret, id_: str, script: str, number: int) -> Customer:
    dice = Dice(secret, f"customer {id_}")
    # NFC and NFD by turns: what arrives decomposed must be found composed, and the other way round.
    form: Literal["NFC", "NFD"] = "NFC" if number % 2 == 0 else "NFD"
    words = {field: _words(dice, script, count) for field, count in WORDS.items()}
    plain = {
        "postcode": f"Q{dice.letters(_CAPITALS, 9)}",
        # +999 is assigned to no country.
        "phone": f"+999 {_digits(dice, 3)} {_digits(dice, 4)} {_digits(dice, 4)}",
        "email": f"{dice.letters(_ASCII, 16)}@canary.invalid",
        "customisation": f"https://canary.invalid/{dice.letters(_ASCII, 20)}",
        # The name of no carrier's series; its check digit is right, so that a bench takes it.
        "tracking": _tracking(dice),
    }
    told = {field: unicodedata.normalize(form, " ".join(found)) for field, found in words.items()}
    told["line1"] = f"{dice.below(240) + 1} {told['line1']}"
    told["gift"] = f"♥ {told['gift']}!"
    look = {field: tuple(Secret(word) for word in found) for field, found in words.items()}
    look |= {field: (Secret(_rare_of(field, text)),) for field, text in plain.items()}
    look["phone"] += (Secret(plain["phone"].replace(" ", "").lstrip("+")),)
    canaries = tuple(Canary(f"{id_}.{field}", texts) for field, texts in look.items())
    return Customer(script, {name: Secret(text) for name, text in {**told, **plain}.items()}, canaries)


WORDS: Final = {"name": 2, "company": 1, "line1": 1, "line2": 1, "city": 1, "state": 1, "gift": 2}
"""Fields of letters, and how many rare words stand in each."""


def _words(dice: Dice, script: str, count: int) -> list[str]:
    return [_word(dice, SCRIPTS[script], capital=script == "latin") for _ in range(count)]


def _word(dice: Dice, script: _Script, *, capital: bool) -> str:
    """A word with one marked letter somewhere inside, so that its two Unicode forms differ."""
    letters = list(dice.letters(script.letters, script.length))
    letters[1 + dice.below(script.length - 2)] = dice.letters(script.marked, 1)
    word = "".join(letters)
    return word.capitalize() if capital else word


def _digits(dice: Dice, count: int) -> str:
    return dice.letters("0123456789", count)


def _tracking(dice: Dice) -> str:
    """A number of the Universal Postal Union's form S10 with its check digit."""
    serial = _digits(dice, 8)
    total = sum(int(digit) * weight for digit, weight in zip(serial, (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    check = 11 - total % 11
    return f"QZ{serial}{ {10: 0, 11: 5}.get(check, check) }GB"


def _rare_of(field: str, text: str) -> str:
    """The part of a field that nobody else has."""
    if field == "email":
        return text.partition("@")[0]
    return text.rpartition("/")[2] if field == "customisation" else text
