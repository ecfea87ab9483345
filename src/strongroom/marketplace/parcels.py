"""Telling Amazon of a parcel (v0 `confirmShipment`): what may be told, checked before, and what a refusal means.

Amazon answers 204 to a parcel and to the same parcel told again under the same reference. Its refusals all bear the
code `InvalidInput` (the sandbox writes it in two words), so the reason is in their wording alone; the wording is
compared here and goes nowhere.
"""

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from strongroom.formats.secret import Secret
from strongroom.marketplace.errors import Why

OTHER: Final = "Other"
"""The carrier code that must go with a carrier's name (`PackageDetail`, v0)."""
MOST_PIECES: Final = 99_999
_ORDER: Final = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}")
_REFERENCE: Final = re.compile(r"[1-9][0-9]{0,8}")
_TRACKING: Final = re.compile(rb"[A-Za-z0-9](?:[A-Za-z0-9 ./-]{2,48})[A-Za-z0-9]")
_NAME: Final = re.compile(r"[^\W_](?:[\w &'.,()+/-]{0,48}[\w.)+])?")
_ITEM: Final = re.compile(r"[0-9A-Za-z]{1,40}")
_PLACE: Final = re.compile(r"[0-9A-Z]{4,24}")

# What Amazon's refusals say, in the order in which they are looked for: "already" before "package" and "order".
_WORDING: Final = (
    (Why.ALREADY_SHIPPED, ("already fulfilled", "packagetoupdatenotfound", "already shipped")),
    (Why.CANCELLED, ("cancel",)),
    (Why.REFERENCE, ("packagereferenceid", "package reference")),
    (Why.QUANTITY, ("quantity",)),
    (Why.ITEM, ("orderitemid", "order item")),
    (Why.CARRIER, ("carrier",)),
    (Why.TRACKING, ("tracking",)),
    (Why.SHIP_DATE, ("shipdate", "ship date")),
    (Why.MARKETPLACE, ("marketplace",)),
)


class NotAParcel(ValueError):
    """What was to be told is no parcel; the sentence names the rule, never the value. Nothing was asked."""


class Outcome(StrEnum):
    """How Amazon took a parcel; a refusal is `errors.ShipmentRefused` with its `Why`."""

    ACCEPTED = "accepted"
    ALREADY_KNOWN = "already known"


@dataclass(frozen=True)
class Confirmed:
    """Amazon knows the parcel. `call`: the call that told or showed it."""

    outcome: Outcome
    call: uuid.UUID


@dataclass(frozen=True)
class ShippedItem:
    """An order line and how many pieces of it left."""

    order_item_id: str
    quantity: int


def order_path(order_id: str) -> str:
    """An order's number as part of a path. Raises `NotAParcel` for what is none: nothing else gets into a path."""
    _unless(_ORDER.fullmatch(order_id), "an order's number has three, seven and seven characters")
    return order_id


def confirmation(
    *, marketplace_id: str, reference: str, carrier: str, carrier_name: str | None, tracking: Secret,
    shipped: datetime, items: Sequence[ShippedItem],
) -> Secret:  # fmt: skip
    """The request's body. Raises `NotAParcel` for what Amazon would refuse, or would take for something else."""
    _unless(_PLACE.fullmatch(marketplace_id), "a marketplace has an identifier of capitals and digits")
    _unless(_REFERENCE.fullmatch(reference), "a parcel's reference is a positive number of at most nine digits")
    _unless(_NAME.fullmatch(carrier), "a carrier's code is a short name")
    _unless((carrier_name is None) == (carrier != OTHER), f"a carrier's name goes with the code {OTHER}, and only then")
    _unless(carrier_name is None or _NAME.fullmatch(carrier_name), "a carrier's name is a short name")
    _unless(_TRACKING.fullmatch(tracking.bytes()), "a tracking number is 4 to 50 letters and digits")
    _unless(shipped.tzinfo is not None, "the moment a parcel left has its offset from UTC")
    _unless(items, "a parcel holds at least one piece")
    _unless(len({item.order_item_id for item in items}) == len(items), "each order line stands in a parcel once")
    for item in items:
        _unless(_ITEM.fullmatch(item.order_item_id), "an order line has an identifier of letters and digits")
        _unless(0 < item.quantity <= MOST_PIECES, "a parcel holds at least one piece of each of its lines")
    detail = {
        "packageReferenceId": reference,  # a text: as a number Amazon refuses it
        "carrierCode": carrier,
        **({"carrierName": carrier_name} if carrier_name is not None else {}),
        "trackingNumber": tracking.text(),
        "shipDate": instant(shipped),
        "orderItems": [{"orderItemId": item.order_item_id, "quantity": item.quantity} for item in items],
    }
    return Secret(json.dumps({"marketplaceId": marketplace_id, "packageDetail": detail}))


def why_refused(status: int, loaded: Any) -> Why:
    """The reason in Amazon's wording; the wording itself is dropped."""
    if status == 404:
        return Why.NOT_FOUND
    said = json.dumps(loaded).lower()
    return next((why for why, words in _WORDING if any(word in said for word in words)), Why.UNSAID)


def instant(moment: datetime) -> str:
    """As Amazon writes it: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unless(holds: object, rule: str) -> None:
    if not holds:
        raise NotAParcel(rule)
