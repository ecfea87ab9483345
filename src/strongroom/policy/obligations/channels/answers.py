"""What became of one attempt to deliver: a code, a proof, or one of a few named problems. Never a server's own text."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Problem(StrEnum):
    """Why it was not delivered. The words stand in the delivery log, and are all that is kept of an error."""

    NONE = ""
    UNREACHABLE = "nobody answers there"
    SLOW = "no answer in time"
    BROKE_OFF = "the answer broke off"
    NO_TLS = "no TLS is offered"
    NOT_TLS = "the answer is not TLS"
    OLD_TLS = "TLS older than 1.2"
    WRONG_NAME = "certificate of another name"
    EXPIRED = "certificate out of its time"
    UNTRUSTED = "certificate nobody vouches for"
    SIGN_IN = "sign-in refused"
    LATER = "refused for now"
    REFUSED = "refused for good"
    TOO_LARGE = "too large for the server"
    BAD_ADDRESS = "no sound address"
    NOT_PUBLIC = "the address is not public"
    REDIRECTED = "redirected elsewhere"
    NOBODY = "nobody to send it to"


FINAL: Final = frozenset({Problem.REFUSED, Problem.TOO_LARGE, Problem.BAD_ADDRESS, Problem.NOBODY})
"""Trying again changes nothing: the message has failed."""
OF_THE_LINK: Final = frozenset(
    {
        Problem.UNREACHABLE, Problem.SLOW, Problem.NO_TLS, Problem.NOT_TLS, Problem.OLD_TLS, Problem.WRONG_NAME,
        Problem.EXPIRED, Problem.UNTRUSTED, Problem.SIGN_IN, Problem.NOT_PUBLIC,
    }
)  # fmt: skip
"""Every other message would meet the same: the channel rests for a while."""


@dataclass(frozen=True)
class Answer:
    """How one attempt ended. code: the server's own, of SMTP or HTTP. proof: its enhanced status and queue number."""

    problem: Problem
    code: int | None = None
    proof: str = ""

    @property
    def delivered(self) -> bool:
        return self.problem is Problem.NONE


@dataclass(frozen=True)
class Letter:
    """One message as it leaves. `attempt`: another one each time, so that a repeat is told from an echo."""

    id: str
    to: str
    subject: str
    body: str
    attempt: str = "1"
    at: float = 0.0
    """Policy time in seconds since 1970, for its date and signature."""


@contextmanager
def no_longer_than(seconds: float, connected: Callable[[], socket.socket | None]) -> Iterator[threading.Event]:
    """Whatever goes on inside ends by then: its connection is shut down from outside, however slowly it drips.

    A timeout of a socket counts anew with each byte. The event says whether it came to that.
    """
    over, done = threading.Event(), threading.Event()

    def watch() -> None:
        if done.wait(seconds):
            return
        over.set()
        while True:  # again, since a socket may be wrapped into another just then
            found = connected()
            if found is not None:
                with suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)
            if done.wait(0.5):
                return

    threading.Thread(target=watch, name="deadline", daemon=True).start()
    try:
        yield over
    finally:
        done.set()
