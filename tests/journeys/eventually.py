"""Waiting for what the house does by itself: a signed head is up to a second old, and the worker takes its turn."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def eventually(look: Callable[[], Seen], *, within: float = 60.0, every: float = 0.1) -> Seen:
    """What `look` sees, as soon as it is true; an `AssertionError` with the last of it after `within` seconds."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within:g} s; the last look saw {seen!r}"
        time.sleep(every)
    return seen
