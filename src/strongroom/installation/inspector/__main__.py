"""`python -m strongroom.installation.inspector`: looks for as long as it runs, or once."""

import argparse
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from strongroom.formats.verdict import Look, State
from strongroom.installation.folders import Folders
from strongroom.installation.inspector.broker import Broker
from strongroom.installation.inspector.life import Inspector
from strongroom.installation.inspector.looks import PLANS
from strongroom.installation.process_flags import harden

SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - where strays end up


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    harden()
    channel = socket.socket(fileno=options.channel_fd) if options.channel_fd is not None else None
    wanted = tuple(plan for plan in PLANS if not options.look or plan.look in options.look)
    inspector = Inspector(
        folders=Folders(options.data), verdicts=options.verdicts, wanted=options.wanted, plans=wanted,
        broker=Broker(channel=channel, path=options.broker), rest=options.rest,
        supervisor=options.supervisor or os.getppid(), shared=tuple(options.search) or SHARED,
    )  # fmt: skip
    if options.once:
        return _once(inspector, options.look)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    if options.ready_fd is not None:
        os.write(options.ready_fd, b"ready\n")
        os.close(options.ready_fd)
    while not stop.is_set():
        inspector.round()
        stop.wait(options.tick)
    return 0


def _once(inspector: Inspector, looks: list[Look]) -> int:
    """Every look once, each with a line; 0 where all passed, 3 where one failed, 4 where one is unknown."""
    states = set()
    for plan in PLANS:
        if not looks or plan.look in looks:
            made = inspector.take(plan)
            states.add(made.state)
            sys.stdout.write(f"{made.look}: {made.state}\n")
            sys.stdout.writelines(f"  {sentence}\n" for sentence in (*made.problems, *made.unseen))
    return 3 if State.FAIL in states else 4 if State.UNKNOWN in states else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m strongroom.installation.inspector", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the installation's folder")
    parser.add_argument("--verdicts", type=Path, required=True, help="where verdicts are written; our own folder")
    parser.add_argument("--wanted", type=Path, required=True, help="where others ask for a look")
    parser.add_argument("--broker", type=Path, help="the key broker's named socket")
    parser.add_argument("--channel-fd", type=int, help="or the descriptor of our channel to it")
    parser.add_argument("--supervisor", type=int, help="whose children our processes are (default: our own parent)")
    parser.add_argument("--search", type=Path, action="append", default=[], help="folders to search for stray copies")
    parser.add_argument("--ready-fd", type=int, help="descriptor to write a line to when it looks")
    parser.add_argument("--tick", type=float, default=2.0, help="seconds between looks at what is due")
    parser.add_argument("--rest", type=float, default=10.0, help="least seconds between two runs of one look")
    parser.add_argument("--once", action="store_true", help="take every look once, and end")
    parser.add_argument("--look", type=Look, action="append", default=[], help="this look only")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
