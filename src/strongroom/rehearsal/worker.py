"""`python -m strongroom.rehearsal.worker`: the same worker on the rehearsal's clock; and says what it did."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.worker import run

SLOT: Final = 0
WATCH_SLOT: Final = 1
TELL_SLOT: Final = 2
POLL_EVERY: Final = timedelta(seconds=30)
REST: Final = 0.02


def main() -> int:
    clock = RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"]), acknowledges=True)
    return run(
        clock, poll_every=POLL_EVERY, rest=REST, after_round=lambda steps: clock.acknowledge(SLOT, steps),
        after_watch=lambda steps: clock.acknowledge(WATCH_SLOT, steps),
        after_telling=lambda steps: clock.acknowledge(TELL_SLOT, steps),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
