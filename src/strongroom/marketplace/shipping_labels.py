"""Merchant Fulfillment v0: labels bought through Amazon. No request of ours names a recipient; Amazon knows them.

Amazon's answer holds the recipient twice, as an address and on the label. The address is dropped unread; the label is a
secret from the moment it is parsed.
"""

import base64
import binascii
import hashlib
import hmac
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.formats.secret import Secret
from strongroom.marketplace.parse import Counter, NotAnAnswer

SERVICES: Final = "/mfn/v0/eligibleShippingServices"
SHIPMENTS: Final = "/mfn/v0/shipments"
LARGEST_LABEL: Final = 512 * 1024
FORMATS: Final = {"pdf": "PDF", "zpl": "ZPL203"}
MIMES: Final = {"application/pdf": "pdf", "application/zpl": "zpl"}


@dataclass(frozen=True)
class ShipFrom:
    """The seller's own address, as Amazon asks for it."""

    name: str
    line1: str
    city: str
    postcode: str
    country: str
    email: str
    phone: str


@dataclass(frozen=True)
class LabelRequest:
    """A parcel to be labelled: pieces by order item, centimetres, grams, and by when it should arrive."""

    order_id: str
    pieces: Sequence[tuple[str, int]]
    size: tuple[float, float, float]
    grams: int
    ship_from: ShipFrom
    form: str
    arrive_by: datetime | None = None


@dataclass(frozen=True)
class Service:
    """A carrier's offer: price in hundredths of a currency, and the latest delivery it promises."""

    id: str
    offer: str
    carrier: str
    name: str
    price: int
    currency: str
    latest: datetime | None


@dataclass(frozen=True)
class BoughtLabel:
    """What was bought. `label`: the file's bytes, with the recipient on it; `form`: `pdf` or `zpl`."""

    shipment: str
    carrier: str
    tracking: Secret
    label: Secret
    form: str


def details(request: LabelRequest) -> dict[str, Any]:
    """`ShipmentRequestDetails` of the model. Raises `ValueError` for what no parcel can be."""
    if not request.pieces or any(n < 1 for _, n in request.pieces) or request.grams < 1 or min(request.size) <= 0:
        raise ValueError("a parcel has pieces, a weight and a size")
    if request.form not in FORMATS:
        raise ValueError("a label is bought as pdf or zpl")
    home = request.ship_from
    told: dict[str, Any] = {
        "AmazonOrderId": request.order_id,
        "ItemList": [{"OrderItemId": id_, "Quantity": n} for id_, n in request.pieces],
        "ShipFromAddress": {
            "Name": home.name, "AddressLine1": home.line1, "City": home.city, "PostalCode": home.postcode,
            "CountryCode": home.country, "Email": home.email, "Phone": home.phone,
        },
        "PackageDimensions": {
            "Length": request.size[0], "Width": request.size[1], "Height": request.size[2], "Unit": "centimeters",
        },
        "Weight": {"Value": request.grams, "Unit": "g"},
        "ShippingServiceOptions": {
            "DeliveryExperience": "DeliveryConfirmationWithoutSignature", "CarrierWillPickUp": False,
            "LabelFormat": FORMATS[request.form],
        },
    }  # fmt: skip
    if request.arrive_by is not None:
        told["MustArriveByDate"] = request.arrive_by.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return told


def services(body: Any) -> tuple[Service, ...]:
    """The offers of an answer; one without an id, a price or a carrier is left out."""
    counter, found = Counter(), []
    payload = _payload(body)
    for row in counter.rows(payload.get("ShippingServiceList"), 200):
        table = counter.table(row)
        rate = counter.table(table.get("RateWithAdjustments") or table.get("Rate"))
        amount, id_ = rate.get("Amount"), counter.text(table.get("ShippingServiceId"), 100)
        carrier = counter.text(table.get("CarrierName"), 60)
        good = isinstance(amount, int | float) and not isinstance(amount, bool) and 0 <= amount < 1_000_000
        if good and id_ and carrier and table.get("RequiresAdditionalSellerInputs") is not True:
            found.append(
                Service(
                    id_, counter.text(table.get("ShippingServiceOfferId"), 200) or "", carrier,
                    counter.text(table.get("ShippingServiceName"), 100) or "", round(float(amount or 0) * 100),
                    counter.text(rate.get("CurrencyCode"), 3) or "",
                    counter.moment(table.get("LatestEstimatedDeliveryDate")),
                )
            )  # fmt: skip
    return tuple(found)


def bought(body: Any) -> BoughtLabel:
    """A purchase. Raises `NotAnAnswer` for a label that is damaged, too large, or of a kind we do not print."""
    counter, payload = Counter(), _payload(body)
    contents = counter.table(counter.table(payload.get("Label")).get("FileContents"))
    shipment, tracking = counter.text(payload.get("ShipmentId"), 100), payload.get("TrackingId")
    form = MIMES.get(str(contents.get("FileType")))
    if (
        not shipment
        or not isinstance(tracking, str)
        or not re.fullmatch(r"[A-Za-z0-9 -]{4,60}", tracking)
        or form is None
    ):
        raise NotAnAnswer("a label was bought without number or file")
    service = counter.table(payload.get("ShippingService"))
    return BoughtLabel(
        shipment, counter.text(service.get("CarrierName"), 60) or "Other", Secret(tracking), _file(contents), form
    )


def cheapest(offers: Sequence[Service], *, arrive_by: datetime | None) -> Service | None:
    """The cheapest offer that promises to arrive in time; of those without a promise only where none is asked for."""
    in_time = [o for o in offers if arrive_by is None or (o.latest is not None and o.latest <= arrive_by)]
    return min(in_time, key=lambda offer: (offer.price, offer.id), default=None)


def _payload(body: Any) -> dict[str, Any]:
    payload = body.get("payload") if isinstance(body, dict) else None
    if not isinstance(payload, dict):
        raise NotAnAnswer("a payload was asked for")
    return payload


def _file(contents: dict[str, Any]) -> Secret:
    """Base64 of gzip, bounded while it unpacks, and compared with its checksum (base64 of MD5, as the model has it)."""
    try:
        packed = base64.b64decode(str(contents.get("Contents", "")), validate=True)
        unpacking = zlib.decompressobj(wbits=31)
        data = unpacking.decompress(packed, LARGEST_LABEL + 1)
        told = base64.b64decode(str(contents.get("Checksum", "")), validate=True)
    except (binascii.Error, ValueError, zlib.error):
        raise NotAnAnswer("a label is not readable") from None
    whole = unpacking.eof and len(data) <= LARGEST_LABEL
    if not whole or not hmac.compare_digest(told, hashlib.md5(data, usedforsecurity=False).digest()):
        raise NotAnAnswer("a label is damaged or too large")
    return Secret(data)
