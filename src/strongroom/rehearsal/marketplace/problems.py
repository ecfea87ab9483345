"""Amazon's error answers, and what every request is read with."""

from datetime import datetime
from typing import Any


class Answer(Exception):
    """An error answer: status, code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"errors": [{"code": code, "message": message, "details": ""}]}


def bad(message: str) -> Answer:
    """What Amazon answers to nearly everything it does not take: the reason is in the wording alone."""
    return Answer(400, "InvalidInput", message)


def moment(text: Any) -> float:
    """Seconds since 1970 of an ISO 8601 moment. Raises `Answer`."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        raise bad("A date is not ISO 8601") from None


def table(value: Any, known: frozenset[str], wanted: frozenset[str], name: str) -> dict[str, Any]:
    """An object that has what the model requires and nothing that it does not know. Raises `Answer`."""
    if not isinstance(value, dict):
        raise bad(f"{name} is missing")
    if not wanted <= set(value):
        raise bad(f"{name}: a required field is missing: {min(wanted - set(value))}")
    if not set(value) <= known:
        raise bad(f"{name}: unknown field")
    return value


def text(value: Any, name: str, longest: int = 200) -> str:
    """A text of at least one character; a number is none, as at Amazon. Raises `Answer`."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= longest:
        raise bad(f"Check the fields with invalid type or length [{name}]")
    return value


def rows(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise bad(f"{name} is empty")
    return value
