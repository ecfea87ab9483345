"""A watchman who stays for the whole run: a process begun once, and anew after what ended it."""

import contextlib
from collections.abc import Callable
from typing import TypeVar

from strongroom.installation.problems import CannotStart
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.watchman import Watchman

T = TypeVar("T")


class Watch:
    """Whoever is asked about the wall and keeps the office. `end` it."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._watchman: Watchman | None = None

    def ask(self, what: Callable[[Watchman], T]) -> T:
        """Raises `CannotStart` where the watchman cannot answer; the next is begun with the next question."""
        if self._watchman is None:
            self._watchman = Watchman(self._rehearsal)
        try:
            return what(self._watchman)
        except (CannotStart, OSError) as why:
            self.end()
            raise CannotStart("The watchman ended.", "Look at what it said above.") from why

    def end(self) -> None:
        """Also when the machine of the rehearsal starts again."""
        if self._watchman is not None:
            with contextlib.suppress(OSError):
                self._watchman.__exit__()
            self._watchman = None
