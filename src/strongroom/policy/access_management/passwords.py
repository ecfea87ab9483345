"""What a password must be (AZ-2), for those who have one. Plain values; no database. Its numbers are terms."""


def why_too_weak(password: str, who: str, *, shortest: int) -> str | None:
    """What a password lacks, in words; `None` where it is strong enough. `who`: name and address, small letters."""
    kinds = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
    if len(password) < shortest:
        return f"A password has at least {shortest} characters."
    if not all(any(kind(c) for c in password) for kind in kinds):
        return "A password has a capital, a small letter, a digit and a sign."
    words = [word for word in who.replace("@", " ").replace(".", " ").split() if len(word) > 2]
    if any(word in password.casefold() for word in words):
        return "A password holds nothing of your name or address."
    return None


def asked_of(shortest: int) -> str:
    """The same in one sentence, before somebody chooses one."""
    return f"{shortest} characters or more, with a capital, a small letter, a digit and a sign; nothing of your name."
