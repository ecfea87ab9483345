"""Amazon's Selling Partner API as a client. Knows nothing of Strongroom; declares what it needs as protocols."""

from strongroom.marketplace.client import Client
from strongroom.marketplace.documents import Document, Form, Unusable
from strongroom.marketplace.errors import (
    AccessRefused,
    BadRequest,
    MarketplaceError,
    NotJson,
    PageTokenExpired,
    Redirected,
    RoleMissing,
    ShipmentRefused,
    Throttled,
    TokenRevoked,
    TooLarge,
    Truncated,
    Unanswered,
    Unavailable,
    Unreachable,
    Why,
    WrongShape,
)
from strongroom.marketplace.labels import BoughtLabel, ParcelToLabel, Service, Services, ShipFrom, Size
from strongroom.marketplace.parcels import Confirmed, NotAParcel, Outcome, ShippedItem
from strongroom.marketplace.protocols import Bucket, CallLog
from strongroom.marketplace.records import ItemRecord, OrderRecord, PackageRecord, Packages, Page, PersonalData

__all__ = [
    "AccessRefused", "BadRequest", "BoughtLabel", "Bucket", "CallLog", "Client", "Confirmed", "Document", "Form",
    "ItemRecord", "MarketplaceError", "NotAParcel", "NotJson", "OrderRecord", "Outcome", "PackageRecord", "Packages",
    "Page", "PageTokenExpired", "ParcelToLabel", "PersonalData", "Redirected", "RoleMissing", "Service", "Services",
    "ShipFrom", "ShipmentRefused", "ShippedItem", "Size", "Throttled", "TokenRevoked", "TooLarge", "Truncated",
    "Unanswered", "Unavailable", "Unreachable", "Unusable", "Why", "WrongShape",
]  # fmt: skip
