"""Flags for our child processes: no core dumps, not traceable by their uid, gone when the supervisor is (Linux)."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

_PDEATHSIG: Final = 1
_DUMPABLE: Final = 4
_NO_NEW_PRIVS: Final = 38
# Loaded here and not between fork and exec, where loading may wait for a lock that no thread is left to let go.
_LIBC: Final[Any] = ctypes.CDLL(None) if sys.platform == "linux" else None


def harden() -> None:
    """What web and worker ask for before they hold anything (DESIGN 2). Nothing but core dumps outside Linux."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _LIBC is not None:
        _LIBC.prctl(_DUMPABLE, 0, 0, 0, 0)
        _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def die_with_parent(name: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """For Popen's `preexec_fn`: no core dumps, no new rights, and a signal when the parent dies, however it dies.

    Popen calls it after it changed the uid, which would clear the wish. The system counts the *thread* that
    started the child as its parent: start children from a thread that lives as long as they should.
    """
    parent = os.getpid()

    def before_exec() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if _LIBC is not None:
            _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
            _LIBC.prctl(_PDEATHSIG, int(name), 0, 0, 0)
            if os.getppid() != parent:  # it died before the wish was made, so no signal will come
                os._exit(1)

    return before_exec
