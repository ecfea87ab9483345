"""What the process asks of the system before it holds anything (ES-3): no dumps, no tracing, no new rights."""

import ctypes
import resource
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

_SET_DUMPABLE: Final = 4
_NO_NEW_PRIVS: Final = 38
_ALL: Final = 3


def end_without_values() -> None:
    """What nothing caught is said by type and place: an exception's text may hold what was asked (RR-4)."""
    sys.excepthook = _uncaught


def _uncaught(kind: type[BaseException], _: BaseException, where: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        places = "".join(f" {Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(where))
        sys.stderr.write(f"keybroker: not caught: {kind.__qualname__} at{places}\n")


def harden() -> list[str]:
    """Do what can be done; returns in words what this system did not allow."""
    missing: list[str] = []
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return ["process flags: not Linux"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        missing.append("could not become non-dumpable")
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        missing.append("could not give up new privileges")
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    # Under a limit, locking everything makes later allocations fail; then only key pages are locked, one by one.
    if soft != resource.RLIM_INFINITY or libc.mlockall(_ALL) != 0:
        missing.append("memory is not locked as a whole; only key pages are")
    return missing
