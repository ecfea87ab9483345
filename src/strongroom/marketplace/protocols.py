"""What the client needs from whoever uses it."""

import uuid
from collections.abc import Callable
from typing import Protocol

DateHeard = Callable[[float], None]
"""Called with Amazon's `Date` of every answer over verified TLS, seconds since 1970."""


class CallLog(Protocol):
    """One record a call, written before it is made and completed after (LM-6)."""

    def begin(self, operation: str) -> uuid.UUID:
        """Write and commit the record; its reference."""
        ...

    def complete(
        self,
        call: uuid.UUID,
        *,
        status: int | None,
        request_id: str | None,
        rate_limit: str | None,
        outcome: str,
        milliseconds: int,
        dropped_fields: int,
    ) -> None:
        """Complete it; called once, also for a call that failed."""
        ...


class Bucket(Protocol):
    """Amazon's token bucket of one account, shared by all who call for it."""

    def take(self, operation: str, *, rate: float, burst: int) -> float:
        """0.0 when a token was taken, else the seconds until there is one."""
        ...
