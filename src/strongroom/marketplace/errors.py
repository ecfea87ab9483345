"""What can go wrong between us and Amazon, each by its type. No message holds a byte of an answer (RR-4)."""

import re
from enum import StrEnum
from typing import Final

_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_CODE: Final = re.compile(r"[A-Za-z0-9_.]{1,64}")


class MarketplaceError(Exception):
    """The marketplace did not answer as it should."""

    outcome = "failed"
    may_be_done = True
    """Whether Amazon may have done what was asked all the same; then it is read back before it is asked again."""

    def __init__(
        self, operation: str, *, status: int | None = None, request_id: str | None = None, code: str | None = None
    ) -> None:
        self.operation = operation
        self.status = status
        self.request_id = sound(request_id, _ID)
        self.code = sound(code, _CODE)
        sentence = (type(self).__doc__ or "").split("\n", 1)[0]
        about = "".join(f", {word}" for word in (status and f"HTTP {status}", self.code) if word)
        super().__init__(f"{operation}{about}: {sentence}")


class Throttled(MarketplaceError):
    """Too many calls for now; it is asked again when Amazon's allowance has refilled."""

    outcome = "throttled"
    may_be_done = False

    def __init__(
        self, operation: str, *, wait: float, status: int | None = None, request_id: str | None = None,
        code: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(operation, status=status, request_id=request_id, code=code)
        self.wait = wait


class AccessRefused(MarketplaceError):
    """Amazon refuses this call; check that the application is authorised for this selling account."""

    outcome = "refused"
    may_be_done = False


class RoleMissing(MarketplaceError):
    """The application lacks a role, or the authorisation is older than it: grant the role, then authorise again."""

    outcome = "role-missing"
    may_be_done = False


class TokenRevoked(MarketplaceError):
    """Amazon no longer accepts our authorisation: authorise again and replace the refresh-token credential."""

    outcome = "token-revoked"
    may_be_done = False


class BadRequest(MarketplaceError):
    """Amazon does not understand the request; this is a fault of ours or a change of theirs."""

    outcome = "bad-request"
    may_be_done = False


class Why(StrEnum):
    """Why Amazon does not take a parcel; the value says what a person does about it."""

    REFERENCE = "Amazon does not take the parcel's number."
    ITEM = "Amazon does not know an item of this parcel; look at the order's lines."
    QUANTITY = "Amazon counts other pieces than we do; look at the order's lines."
    CARRIER = "Amazon does not take the carrier; correct it."
    TRACKING = "Amazon does not take the tracking number; correct it."
    SHIP_DATE = "Amazon does not take the moment the parcel left."
    MARKETPLACE = "Amazon says the order is of another marketplace."
    CANCELLED = "Cancelled. The parcel is to come back."
    ALREADY_SHIPPED = "Amazon says the whole order left already; look there for its parcels."
    NOT_FOUND = "Amazon does not know this order."
    UNSAID = "Amazon does not say why; look at the order there."


class ShipmentRefused(BadRequest):
    """Amazon does not take this parcel as it is; a person looks and corrects it."""

    outcome = "shipment-refused"

    def __init__(
        self, operation: str, *, why: Why, status: int | None = None, request_id: str | None = None,
        code: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(operation, status=status, request_id=request_id, code=code)
        self.why = why


class PageTokenExpired(BadRequest):
    """The next page's token is no longer accepted; the window is read again from its start."""

    outcome = "page-token-expired"


class Unavailable(MarketplaceError):
    """Amazon has trouble of its own; it is asked again later."""

    outcome = "unavailable"


class Unreachable(MarketplaceError):
    """No trusted connection to Amazon: check the network, the endpoint, and the CA file."""

    outcome = "unreachable"
    may_be_done = False


class Unanswered(MarketplaceError):
    """The connection was there, the answer was not; what was asked may have been done."""

    outcome = "unanswered"


class NotJson(MarketplaceError):
    """The answer is not JSON; nothing of it was used."""

    outcome = "not-json"


class Truncated(MarketplaceError):
    """The answer ended before its end; nothing of it was used."""

    outcome = "truncated"


class TooLarge(MarketplaceError):
    """The answer is larger than any answer should be; nothing of it was used."""

    outcome = "too-large"


class Redirected(MarketplaceError):
    """The answer points elsewhere; it was not followed."""

    outcome = "redirected"


class WrongShape(MarketplaceError):
    """The answer is JSON of another shape than Amazon's model; nothing of it was used."""

    outcome = "wrong-shape"


def sound(value: str | None, pattern: re.Pattern[str] = _ID) -> str | None:
    """A word of an answer that may be kept: an identifier and nothing else."""
    return value if value is not None and pattern.fullmatch(value) else None
