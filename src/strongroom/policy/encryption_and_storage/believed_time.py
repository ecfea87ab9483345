"""Policy time for this process: asked of the broker, carried on by boot time between answers (DESIGN 4)."""

import threading
from datetime import datetime, timedelta
from typing import Final

from strongroom.formats.clock import Clock
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.connection import Unavailable

ASK_EVERY: Final = 1.0
TRUST_FOR: Final = 300.0
"""Seconds of boot time: how often to ask, and how long to go on without an answer."""


class BelievedTime:
    """A source for `definitions.use_time`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: tuple[datetime, float] | None = None
        self._asked = float("-inf")
        self._steps = clock.steps()

    def __call__(self) -> datetime:
        """Believed time, UTC. Raises `TimeUnknown` after five minutes without an answer."""
        with self._lock:
            boot = self._clock.boot()
            if boot - self._asked >= ASK_EVERY or self._clock.steps() != self._steps:
                self._ask(boot)
            if self._answer is None or boot - self._answer[1] > TRUST_FOR:
                raise definitions.TimeUnknown("the key broker has not told the time for five minutes")
            at, boot_then = self._answer
            return at + timedelta(seconds=boot - boot_then)

    def _ask(self, boot: float) -> None:
        self._asked, self._steps = boot, self._clock.steps()
        try:
            self._answer = broker.when(broker.time()), self._clock.boot()
        except Unavailable:
            return
