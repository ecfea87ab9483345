"""`python -m strongroom.rehearsal.broker`: the same key broker on a rehearsal's clock, for rehearsal rings only."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from strongroom.formats.clock import Clock, SystemClock
from strongroom.formats.ring import Mode
from strongroom.keybroker.process import nothing, parser, run
from strongroom.rehearsal.clock import RehearsalClock

MODULE = "strongroom.rehearsal.broker"


def killed_at(wanted: str | None) -> Callable[[str], None]:
    """A function that kills this process, as `kill -9` would, when the named point is reached."""
    if wanted is None:
        return nothing

    def reached(point: str) -> None:
        if point == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def main(arguments: list[str]) -> int:
    options_parser = parser(f"python -m {MODULE}")
    options_parser.add_argument("--clock", type=Path, help="the rehearsal's clock file")
    options_parser.add_argument("--crash-at", help="kill this process when it reaches the named point")
    options = options_parser.parse_args(arguments)
    clock: Clock = RehearsalClock(options.clock) if options.clock else SystemClock()
    return run(
        options, module=MODULE, arguments=arguments, clock=clock, mode=Mode.REHEARSAL,
        reached=killed_at(options.crash_at),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
