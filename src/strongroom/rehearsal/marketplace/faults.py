"""Faults that tests and rehearsals switch on: each by name, for a number of answers, and counted as it fires."""

import threading
from collections import Counter
from enum import StrEnum


class Fault(StrEnum):
    """What may go wrong at Amazon or on the way (reliability F12 to F16)."""

    THROTTLE = "429"
    SERVER_ERROR = "500"
    SERVICE_UNAVAILABLE = "503"
    DROP_BEFORE = "connection dropped before processing"
    DROP_AFTER = "connection dropped after processing"
    TRUNCATE = "body cut"
    HTML_OK = "200 with HTML"
    HTML_BAD_REQUEST = "400 with HTML"
    REDIRECT = "redirect"
    WRONG_GZIP = "gzip announced, not sent"
    REPEAT_PAGE = "the same page again"
    SHUFFLE = "orders in another order"
    DUPLICATE = "an order twice in a page"
    PAGE_EXPIRED = "page token expired"
    STALE = "an older version of an order"
    NO_RECIPIENT = "recipient absent"
    ROLE_MISSING = "403 for a role"
    AUTHORISATION_REVOKED = "refresh token revoked"
    UNAUTHORISED = "401"
    UNKNOWN_FIELD = "fields no model lists"
    HUGE = "20 MiB of body"
    SLOW = "an answer after two seconds"
    NO_SERVICES = "no carrier takes the parcel"
    LABEL_ABSENT = "a sale without its label"
    LABEL_DAMAGED = "a label that is not what was sent"
    LABEL_BOMB = "a label that unfolds to 64 MiB"


class Switchboard:
    """Which faults are due; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: Counter[Fault] = Counter()
        self._only: dict[Fault, str] = {}
        self.fired: Counter[Fault] = Counter()

    def set(self, fault: Fault, times: int, only: str = "") -> None:
        """Let a fault happen for the next so many answers it fits, of one operation where named; 0 ends it."""
        with self._lock:
            self._due[fault], self._only[fault] = times, only

    def fires(self, fault: Fault, operation: str = "") -> bool:
        """Whether this answer has the fault; counts it."""
        with self._lock:
            if self._due[fault] <= 0 or self._only.get(fault, "") not in ("", operation):
                return False
            self._due[fault] -= 1
            self.fired[fault] += 1
            return True
