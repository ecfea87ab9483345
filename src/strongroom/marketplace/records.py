"""Typed orders. What is personal is in `PersonalData` as secrets; everything else may stand in clear (DF-2)."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from strongroom.formats.secret import Secret


@dataclass(frozen=True, repr=False)
class PersonalData:
    """The groups that are sealed apart; field names as in `formats.parts.FIELDS`."""

    recipient: Mapping[str, Secret] = field(default_factory=dict)
    buyer: Mapping[str, Secret] = field(default_factory=dict)
    gift: Mapping[str, Secret] = field(default_factory=dict)
    tracking: Mapping[str, Secret] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self.recipient or self.buyer or self.gift or self.tracking)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("personal data is never pickled")


@dataclass(frozen=True)
class ItemRecord:
    """One line of an order."""

    order_item_id: str
    sku: str | None
    asin: str | None
    title: str | None
    quantity: int
    quantity_fulfilled: int


@dataclass(frozen=True)
class OrderRecord:
    """One order as Amazon told it. `status`: Amazon's word, also one we do not know; `country`: two letters."""

    order_id: str
    created: datetime
    updated: datetime
    status: str
    fulfilled_by: str
    marketplace_id: str | None
    sales_channel: str | None
    service_level: str | None
    ship_by: datetime | None
    deliver_by: datetime | None
    country: str | None
    items: tuple[ItemRecord, ...]
    pii: PersonalData
    recipient_absent: bool
    dropped: int


@dataclass(frozen=True)
class Page:
    """One answer's orders; a single order is a page of one. `unreadable`: orders without what every order has."""

    orders: tuple[OrderRecord, ...]
    next_token: Secret | None
    last_updated_before: datetime | None
    created_before: datetime | None
    call: uuid.UUID
    dropped: int
    unreadable: int
    fingerprint: str


@dataclass(frozen=True)
class PackageRecord:
    """A parcel as Amazon knows it: our reference for it, its number (a secret), when it left, pieces by item.

    `status`: Amazon's word, `PENDING` until the carrier has it, `CANCELLED` when its label was.
    """

    reference: str
    tracking: Secret | None
    shipped: datetime | None
    pieces: Mapping[str, int]
    carrier: str | None = None
    status: str = "UNRECOGNISED"


@dataclass(frozen=True)
class Packages:
    """An order's parcels at Amazon, with its own word for the order's state."""

    packages: tuple[PackageRecord, ...]
    status: str
    call: uuid.UUID
    dropped: int = 0

    def knows(self, *, reference: str, tracking: Secret, pieces: Mapping[str, int]) -> bool:
        """Whether a parcel is there as we would tell it: its number, under our reference or with the same pieces."""
        number = _packed(tracking)
        return any(
            package.tracking is not None
            and _packed(package.tracking) == number
            and package.status != "CANCELLED"
            and (package.reference == reference or package.pieces == pieces)
            for package in self.packages
        )


def _packed(number: Secret) -> bytes:
    """A tracking number without what is only written for people's eyes."""
    return number.bytes().upper().translate(None, b" -./")


@dataclass(frozen=True)
class Participation:
    """A marketplace in which the account sells."""

    marketplace_id: str
    country: str | None
    participates: bool
