"""The worker's telling thread: news, pages and letters. It waits for mail servers, so nobody waits for it (GS-2)."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from strongroom.formats.clock import Clock
from strongroom.formats.leaf import Actor
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import registers
from strongroom.policy.obligations.channels.news import Source
from strongroom.policy.obligations.channels.telling import Channels, Teller
from strongroom.policy.obligations.wall import Wall

TELL_EVERY: Final = timedelta(minutes=1)
WAITS_FOR_OTHERS: Final = 30.0
"""Seconds that telling waits for the watch and the checks to look first; where they hang, that is the news."""
LOOK_EVERY: Final = 1.0
CARRIES: Final = "no Amazon data"
TRANSPORT: Final = "TLS 1.2"

log = logging.getLogger("strongroom.telling")

Guarded = Callable[[Callable[[], None]], bool]


class Telling:
    """One a worker. others: the steps of the clock that watch and checks have both seen; guarded: the worker's own."""

    def __init__(
        self, *, clock: Clock, channels: Channels, sources: Sequence[Source], look: Callable[[], Wall],
        others: Callable[[], int], guarded: Guarded, after: Callable[[int], None], rest: float,
    ) -> None:  # fmt: skip
        self._clock, self._channels, self._rest = clock, channels, rest
        self._teller = Teller(channels, sources, look)
        self._others, self._guarded, self._after = others, guarded, after
        self._told_at: datetime | None = None
        self._said: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Each minute of policy time, and after each step of a clock, in a connection of its own."""
        try:
            seen = -1
            while not stop.is_set():
                steps = self._clock.steps()
                if steps != seen:
                    self._let_others_look(steps, stop)
                    if self._guarded(self._tell):
                        seen = steps
                        self._after(steps)
                else:
                    self._guarded(self._tell_if_due)
                self._pause(stop, steps)
        finally:
            connection.close()

    def _pause(self, stop: threading.Event, steps: int) -> None:
        """A second, or until a clock was moved: that is seen without a query."""
        until = time.monotonic() + LOOK_EVERY
        while time.monotonic() < until and self._clock.steps() == steps:
            if stop.wait(max(self._rest, 0.05)):
                return

    def _let_others_look(self, steps: int, stop: threading.Event) -> None:
        """After a start or a jump the watch and the checks look first: what they have not seen yet is no news."""
        deadline = time.monotonic() + WAITS_FOR_OTHERS
        while self._others() < steps and time.monotonic() < deadline:
            if stop.wait(0.02):
                return

    def _tell_if_due(self) -> None:
        now = definitions.now()
        if self._told_at is None or not timedelta() <= now - self._told_at < TELL_EVERY:
            self._tell()

    def _tell(self) -> None:
        now = definitions.now()
        self._teller.round(self.live())
        self._told_at = now

    def live(self) -> frozenset[str]:
        """Channels that are configured and registered with their threat; one without does not go live (GS-2)."""
        ways = {"mail": self._channels.mail, "webhook": self._channels.webhook}
        for name, way in ways.items():
            if way is None:
                registers.retire_link(name=name, by=Actor.WATCH.reference)
        return frozenset(name for name, way in ways.items() if way is not None and self._is_known(name, way.peer))

    def _is_known(self, name: str, peer: str) -> bool:
        try:
            registers.know_link(
                name=name, direction="out", peer=peer, transport=TRANSPORT, carries=CARRIES, by=Actor.WATCH.reference
            )
        except Refused as refused:
            if name not in self._said:
                log.warning("the link %s does not go live: %s", name, refused.sentence)
            self._said.add(name)
            return False
        self._said.discard(name)
        return True
