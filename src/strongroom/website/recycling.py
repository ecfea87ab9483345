"""A process that held this many parts of people gives way to a fresh one: what its memory kept goes with it (RR-4).

We overwrite the copies that we hold; Python, TLS and the database's driver keep others for as long as they please.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, NoReturn

from strongroom.policy.encryption_and_storage.broker import HELD

PARTS_A_LIFE: Final = 500
"""Opened or sealed; the next look after that is the last."""
LEAST_FOR_WORKER: Final = 3600.0
"""Seconds: a worker that receives much is not for ever beginning; labels wait while it does."""
LOOK_EVERY: Final = 1.0


def when_due(act: Callable[[], object], *, parts: int = PARTS_A_LIFE, least: float = 0.0) -> None:
    """Act once, from a thread, when this process has held so many parts and lived `least` seconds from now."""
    threading.Thread(target=_wait, args=(act, parts, time.monotonic() + least), name="recycling", daemon=True).start()


def hand_over() -> None:
    """Ask the server to start another process beside this one, then to end this one behind its last answer.

    Every request that was read is answered. A connection whose handshake this process has not finished is closed, and
    what its client sent with the handshake's last message is never read and has no effect; sent again, it is answered.
    """
    server = multiprocessing.parent_process()
    if server is not None and server.pid == os.getppid():
        os.kill(server.pid, signal.SIGHUP)


def begin_anew() -> NoReturn:
    """This very process, with its pid and what was handed to it, and nothing of its memory. For the main thread."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - what this process was started with


def _wait(act: Callable[[], object], parts: int, not_before: float) -> None:
    rest = threading.Event()
    while HELD.parts < parts or time.monotonic() < not_before:
        rest.wait(LOOK_EVERY)
    act()
