"""`python -m strongroom.website.serve`: HTTPS with granian (TLS 1.3), for the application named by the entry point."""

import argparse
import multiprocessing
import sys
from pathlib import Path
from typing import Final

from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings

from strongroom.installation.process_flags import harden

APPLICATION = "strongroom.website.wsgi:application"


BEGUN_WITHIN: Final = 12.0
"""Seconds that a fresh process has until the one before it ends; both answer meanwhile. 3.5 were too few under load."""
LAST_ANSWER_WITHIN: Final = 20
"""Seconds for a process that hands over (`recycling`); one whose client never ends must not keep the next from it."""


def main(arguments: list[str], application: str = APPLICATION) -> int:
    parser = argparse.ArgumentParser(prog="python -m strongroom.website.serve", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    harden()  # this process too: it keeps the server's key, and its workers hold what is opened
    # A fork keeps the channel to the key broker open; a spawned worker would lose its descriptor.
    multiprocessing.set_start_method("fork")
    Granian(
        application, address=options.listen, port=options.port, interface=Interfaces.WSGI, workers=options.workers,
        blocking_threads=4, ssl_cert=options.certificate, ssl_key=options.key, log_access=False,
        respawn_failed_workers=True, respawn_interval=BEGUN_WITHIN, workers_kill_timeout=LAST_ANSWER_WITHIN,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
    ).serve()  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
