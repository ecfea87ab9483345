"""What a password must be (AZ-2), for those who have one. Plain values; no database. Its numbers are terms."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from django.contrib.auth.password_validation import CommonPasswordValidator

OURS: Final = ("strongroom", "amazon")
"""Words for no password, besides the names of the company and of its selling accounts (ASVS 6.1.2)."""
SHORTEST_WORD: Final = 4
"""Of a company's name; "the" and "of" stand in many a good password by chance."""
AS_LETTERS: Final = str.maketrans("@4$50137", "aassolet")
ADDED: Final = re.compile(r"[\W\d_]+$")
"""What people put behind a word when they are asked for a digit and a sign."""


def why_too_weak(password: str, who: str, *, shortest: int, names: Iterable[str] = ()) -> str | None:
    """What a password lacks, in words; `None` where it is strong enough.

    who: name and address of the person, small letters. names: of the company and its selling accounts.
    """
    kinds = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
    folded = password.casefold()
    if len(password) < shortest:
        return f"A password has at least {shortest} characters."
    if not all(any(kind(c) for c in password) for kind in kinds):
        return "A password has a capital, a small letter, a digit and a sign."
    words = [word for word in who.replace("@", " ").replace(".", " ").split() if len(word) > 2]
    if any(word in folded for word in words):
        return "A password holds nothing of your name or address."
    if any(word in _plain(password) for word in (*OURS, *_words_of(names))):
        return "A password holds nothing of the company's name, of Amazon's or of Strongroom's."
    if is_common(password):
        return "This is one of the passwords that are tried first, or one with something added. Take another."
    return None


def is_common(password: str) -> bool:
    """Whether it is in the list that Django ships, or is when taken for what it was made of (ASVS 6.2.4).

    That is: without capitals, without digits and signs behind it, with signs read as the letters they stand for.
    """
    folded = password.casefold()
    without = ADDED.sub("", folded)
    tried = {folded, without, re.sub(r"\W+$", "", folded), _plain(folded), _plain(without)}
    return not tried.isdisjoint(_common())


def asked_of(shortest: int) -> str:
    """The same in one sentence, before somebody chooses one."""
    return (
        f"{shortest} characters or more, with a capital, a small letter, a digit and a sign; nothing of your name or"
        " of the company's, and none that everybody tries first."
    )


def _plain(password: str) -> str:
    return password.casefold().translate(AS_LETTERS)


def _words_of(names: Iterable[str]) -> Iterable[str]:
    return (_plain(word) for name in names for word in re.split(r"\W+", name) if len(word) >= SHORTEST_WORD)


@cache
def _common() -> frozenset[str]:
    """Some 20,000, in small letters; read at the first choice of a password, and kept."""
    return frozenset(CommonPasswordValidator().passwords)
