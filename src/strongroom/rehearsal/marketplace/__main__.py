"""`python -m strongroom.rehearsal.marketplace`: the simulated Amazon as a process of its own."""

import argparse
import math
import os
import signal
import sys
import threading
from pathlib import Path

from strongroom.formats.clock import Clock, SystemClock
from strongroom.installation.certificates import ensure
from strongroom.rehearsal.clock import RehearsalClock
from strongroom.rehearsal.marketplace.business import Business
from strongroom.rehearsal.marketplace.control import Keeper, listen
from strongroom.rehearsal.marketplace.faults import Switchboard
from strongroom.rehearsal.marketplace.requests import Amazon
from strongroom.rehearsal.marketplace.server import Server

HOSTS = ("localhost", "127.0.0.1")


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    clock: Clock = RehearsalClock(options.clock, elsewhere=True) if options.clock else SystemClock()
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _, certificate, key = ensure(options.folder, HOSTS)  # its own CA, which only the configuration's ca_file trusts
    amazon = Amazon(
        business=Business(
            seed=options.seed, start=options.start or clock.wall(), orders_per_day=options.orders_per_day,
            despatch=not options.no_despatch, hands_off=options.hands_off,
        ),
        clock=clock, faults=Switchboard(), client_id=options.client_id,
        client_secret=_read(options.folder / "client-secret"), refresh_token=_read(options.folder / "refresh-token"),
    )  # fmt: skip
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with Server(amazon, certificate=certificate, key=key, port=options.port) as server:
        listen(Keeper(server, options.folder / "acts"), options.control or options.folder / "control.sock")
        if options.ready_fd is not None:
            os.write(options.ready_fd, f"{server.port}\n".encode())
            os.close(options.ready_fd)
        stop.wait()
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m strongroom.rehearsal.marketplace", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="its CA, secrets and acts")
    parser.add_argument("--control", type=Path, help="where its control socket stands (a short path)")
    parser.add_argument("--clock", type=Path, help="the rehearsal's clock file")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=float, help="first moment of business, seconds since 1970")
    parser.add_argument("--orders-per-day", type=float, default=10.0)
    parser.add_argument("--no-despatch", action="store_true", help="leave despatching to Strongroom")
    parser.add_argument("--hands-off", type=float, default=math.inf, help="from then on orders wait for a packer")
    parser.add_argument("--client-id", default="amzn1.application-oa2-client.rehearsal")
    parser.add_argument("--ready-fd", type=int)
    return parser.parse_args(arguments)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
