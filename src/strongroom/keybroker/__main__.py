"""`python -m strongroom.keybroker`: the broker of a live installation, on the machine's own clock."""

import sys

from strongroom.formats.clock import SystemClock
from strongroom.formats.ring import Mode
from strongroom.keybroker.process import nothing, parser, run

MODULE = "strongroom.keybroker"


def main(arguments: list[str]) -> int:
    options = parser(f"python -m {MODULE}").parse_args(arguments)
    return run(options, module=MODULE, arguments=arguments, clock=SystemClock(), mode=Mode.LIVE, reached=nothing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
