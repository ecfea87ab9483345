"""The clock port. Everything that needs time is handed a `Clock`; nothing else may ask the machine.

Two readings and no more: what the wall says, and how long the machine has been up. Believed time is the key
broker's conclusion from both (docs/formats/broker-protocol.md) and is asked for, not computed.
"""

import time
from pathlib import Path
from typing import Protocol

DAY = 86_400


class Clock(Protocol):
    """Where time comes from. All figures are seconds."""

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC, as the machine's wall clock says; may jump either way."""
        ...

    def boot(self) -> float:
        """Seconds since boot, suspend included; never goes back within one boot."""
        ...

    def boot_id(self) -> str:
        """A name for this boot; another one means that `boot` began again."""
        ...

    def steps(self) -> int:
        """How often somebody moved this clock by hand. Always 0 outside a rehearsal."""
        ...


class SystemClock:
    """The machine's own clock, the only one that production entry points know."""

    def wall(self) -> float:
        return time.time()

    def boot(self) -> float:
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def boot_id(self) -> str:
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return "unknown"

    def steps(self) -> int:
        return 0


def day_of(seconds: float) -> int:
    """The UTC day that holds this moment, counted from 1970-01-01."""
    return int(seconds // DAY)
