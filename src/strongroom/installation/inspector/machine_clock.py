"""Look `clock`: what the kernel says of its own clock, and how far it is from believed time."""

import ctypes
import os
from typing import Final

from strongroom.formats.clock import SystemClock
from strongroom.installation.inspector.broker import Silent
from strongroom.installation.inspector.seen import Seen, Surroundings

UNSYNCHRONISED: Final = 0x0040
ERROR: Final = 5
_LONGS: Final = 26
"""`struct timex` of 64-bit Linux is 208 bytes; modes are the first, status the sixth word."""


def look(around: Surroundings, seen: Seen) -> None:
    state, status = _adjtimex()
    if state < 0:
        seen.cannot("The kernel does not tell whether its clock is kept right.")
    else:
        kept = state != ERROR and not status & UNSYNCHRONISED
        seen.saw("kept_right", int(kept))
        if not kept:
            seen.cannot("Nothing keeps this machine's clock right; install chrony or turn on systemd-timesyncd.")
    try:
        told = around.broker.time()
    except Silent:
        seen.cannot("The key broker does not tell the time.")
        return
    if told.rehearsal:
        return
    seen.saw("in_doubt", int(told.in_doubt))
    seen.saw("wall_ahead_ms", int(SystemClock().wall() * 1000) - told.at)
    if told.in_doubt:
        seen.problem(
            "The machine's clock jumped, and nobody has confirmed it.", "If it is right, run: strongroom keys agree"
        )


def _adjtimex() -> tuple[int, int]:
    """The kernel's state of its clock and status bits; -1 where it does not tell. Reads only (modes 0)."""
    timex = (ctypes.c_long * _LONGS)()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) if os.uname().sysname == "Linux" else -1
    return state, int(timex[5]) & 0xFFFFFFFF
