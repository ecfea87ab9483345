"""What a website process does besides answering: it keeps the probe's session, and lets out who leaves (AM-5, AM-7).

Only this process may make and end sessions; the worker, which has deadlines, may not. So what needs both is done here,
every two seconds, by whichever of the website's processes looks first.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

from django.db import DatabaseError, connection

from strongroom.formats.refused import Refused
from strongroom.policy.access_management import leavers, probe_session
from strongroom.policy.definitions import TimeUnknown
from strongroom.policy.encryption_and_storage.connection import Unavailable

EVERY: Final = 2.0

log = logging.getLogger("strongroom.website")


def start() -> None:
    """Begin, in a thread that ends with its process."""
    threading.Thread(target=_keep, name="keeping", daemon=True).start()


def _keep() -> None:
    rest = threading.Event()
    while True:
        for part in (probe_session.keep, leavers.let_out):
            _guarded(part)
        connection.close()
        rest.wait(EVERY)


def _guarded(part: Callable[[], object]) -> None:
    """What fails now is tried again in a moment: a silent broker or database keeps nothing else from its turn."""
    try:
        part()
    except (DatabaseError, Unavailable, TimeUnknown, Refused) as problem:
        log.warning("%s not finished: %s", part.__name__, type(problem).__name__)
