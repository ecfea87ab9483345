"""The Definitions of the policy, and the two things every section needs: policy time and references.

Policy time is believed time, in UTC: the key broker's conclusion (DESIGN 4), never the machine's wall. A process is
given its source once, at its start, by `use_time`.
"""

import os
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.formats.refused import Refused

INSTALLATION = 0
"""The account of the installation itself: no day key, no order, no marketplace."""
PROBES = -1
"""The account of synthetic probes: never counted, never printed."""
EPOCH = date(1970, 1, 1)


class TimeUnknown(Exception):
    """Policy time is not known: the key broker has not answered for five minutes. Nothing that needs it is done."""


class OrderState(StrEnum):
    """The states of an order that we act on; Amazon's own word is kept beside it."""

    PENDING = "pending"
    TO_SHIP = "to ship"
    PART_SHIPPED = "part shipped"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


def _no_time() -> datetime:
    raise TimeUnknown("this process was not given a source of policy time")


_source: Callable[[], datetime] = _no_time


def use_time(source: Callable[[], datetime]) -> None:
    """Give this process its source of policy time; called once, at start."""
    global _source  # noqa: PLW0603 - one source a process, set before anything asks
    _source = source


def now() -> datetime:
    """Policy time, UTC. Raises `TimeUnknown` where the broker is silent for too long."""
    return _source()


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, as entries and the broker count."""
    return int((moment - datetime.fromtimestamp(0, UTC)) / timedelta(milliseconds=1))


def moment(milliseconds_: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds_)


def day_number(day: date) -> int:
    """Days since 1970-01-01, as bundles and leaves count."""
    return (day - EPOCH).days


def day_of_number(number: int) -> date:
    return EPOCH + timedelta(days=number)


def reference() -> uuid.UUID:
    """A new random reference; from the kernel, so that it says nothing of order or time."""
    return uuid.UUID(bytes=os.urandom(16), version=4)


PERSONAL: Final = (
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.\w{2,}")),
    ("an order number of Amazon's", re.compile(r"\b\d{3}-\d{7}-\d{7}\b")),
    (
        "a telephone number",
        re.compile(r"(?<![\w-])(?:\+|00)\d[\d ()/.-]{6,}\d|(?<![\w.:-])0\d[\d ()/-]{7,}\d(?![\w:-])"),
    ),
    ("a postcode", re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b")),
    ("a card number", re.compile(r"\b(?:\d[ -]?){13,19}\b")),
)
"""What a free text must not hold, and how it is known. A net for mistakes; what is asked for is chosen from lists."""


def refuse_personal(text: str) -> None:
    """Free text is looked at before it is saved (DF-1): raises `Refused` with what kind of thing stands in it."""
    for what, pattern in PERSONAL:
        if pattern.search(text):
            raise Refused("LM-3", f"This text holds {what}. Write it without: name our own reference instead.")
