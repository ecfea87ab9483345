"""Amazon's Selling Partner API as a client. Knows nothing of Strongroom; declares what it needs as protocols."""

from strongroom.marketplace.client import Client, ShippedItem
from strongroom.marketplace.errors import (
    AccessRefused,
    BadRequest,
    MarketplaceError,
    NotJson,
    PageTokenExpired,
    Redirected,
    RoleMissing,
    Throttled,
    TokenRevoked,
    TooLarge,
    Truncated,
    Unavailable,
    Unreachable,
    WrongShape,
)
from strongroom.marketplace.protocols import Bucket, CallLog
from strongroom.marketplace.records import ItemRecord, OrderRecord, PackageRecord, Packages, Page, PersonalData

__all__ = [
    "AccessRefused", "BadRequest", "Bucket", "CallLog", "Client", "ItemRecord", "MarketplaceError", "NotJson",
    "OrderRecord", "PackageRecord", "Packages", "Page", "PageTokenExpired", "PersonalData", "Redirected",
    "RoleMissing", "ShippedItem", "Throttled", "TokenRevoked", "TooLarge", "Truncated", "Unavailable", "Unreachable",
    "WrongShape",
]  # fmt: skip
