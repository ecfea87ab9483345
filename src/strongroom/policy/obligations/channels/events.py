"""What messages are about, in a word each: in the database, in the webhook's body, in the reference."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Event(StrEnum):
    """What a message is about. The words stand in the database and in the webhook's body."""

    CLAUSE_FALSE = "clause false"
    CLAUSE_UNKNOWN = "clause unknown"
    CLAUSE_BACK = "clause back"
    DEADLINE_WARNED = "deadline warned"
    DEADLINE_MISSED = "deadline missed"
    CASE_OPENED = "case opened"
    APPROVAL_WAITS = "approval waits"
    WATCH_LOST = "watch lost"
    DIGEST = "digest"
    MONTH = "month"


WORDS: Final[Mapping[Event, str]] = {
    Event.CLAUSE_FALSE: "a promise is false",
    Event.CLAUSE_UNKNOWN: "a promise has been unknown for ten minutes",
    Event.CLAUSE_BACK: "a promise that was false or unknown has held again for half an hour",
    Event.DEADLINE_WARNED: "a deadline is near",
    Event.DEADLINE_MISSED: "a deadline passed",
    Event.CASE_OPENED: "something waits to be looked into",
    Event.APPROVAL_WAITS: "a second person's approval is asked for",
    Event.WATCH_LOST: "who should look is silent, or no head of the journal reaches the second place",
    Event.DIGEST: "each day: how everything stands, worst first",
    Event.MONTH: "each month: the directors' summary",
}
