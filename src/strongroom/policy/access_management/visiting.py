"""How checks visit pages as the probe: by the cookie that the website keeps for them (DESIGN 3)."""

import time
from typing import Final

from strongroom.policy.clauses.asking import value
from strongroom.policy.clauses.controls import Look
from strongroom.policy.clauses.pages import Visitor

WAITS: Final = 8.0
"""Seconds in which the website makes the next session where the last one was ended."""


class NoProbe(Exception):
    """The website keeps no living session for the checks."""


def cookie(waits: float = WAITS) -> str:
    """The cookie of the probe's living session. Raises `NoProbe` where none comes up."""
    deadline = time.monotonic() + waits
    while True:
        found = value(
            "SELECT p.cookie FROM probe_session p JOIN signed_in s ON s.id = p.session AND s.ended_at IS NULL"
        )
        if found:
            return str(found)
        if time.monotonic() > deadline:
            raise NoProbe
        time.sleep(0.1)


def as_probe(look: Look) -> Visitor:
    """The probe at a browser. Raises `NoProbe`."""
    return Visitor(look.address, look.ca, cookie=cookie())
