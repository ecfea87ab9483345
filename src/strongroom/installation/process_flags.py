"""Flags for our child processes: no core dumps, not traceable by their uid, gone when the supervisor is (Linux)."""

import ctypes
import resource
import signal
import sys
from typing import Final

_PDEATHSIG: Final = 1
_DUMPABLE: Final = 4
_NO_NEW_PRIVS: Final = 38


def harden() -> None:
    """What web and worker ask for before they hold anything (DESIGN 2)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def die_with_parent(name: signal.Signals = signal.SIGTERM) -> None:
    """Ask for a signal when the parent dies, however it dies. After a change of uid, which clears it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, int(name), 0, 0, 0)
