"""What a password must be (AZ-2), for those who have one. Plain values; no database."""

from typing import Final

SHORTEST: Final = 12
MOST_OLD: Final = 10
"""How many old passwords are not taken again."""


def why_too_weak(password: str, who: str) -> str | None:
    """What a password lacks, in words; `None` where it is strong enough. `who`: name and address, small letters."""
    kinds = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
    if len(password) < SHORTEST:
        return "A password has at least 12 characters."
    if not all(any(kind(c) for c in password) for kind in kinds):
        return "A password has a capital, a small letter, a digit and a sign."
    words = [word for word in who.replace("@", " ").replace(".", " ").split() if len(word) > 2]
    if any(word in password.casefold() for word in words):
        return "A password holds nothing of your name or address."
    return None
