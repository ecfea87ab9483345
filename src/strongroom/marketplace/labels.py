"""Labels bought through Amazon (Merchant Fulfillment v0): what is asked, and the records of what is answered.

The request names the order, its lines, the parcel's size and the seller's own address. Amazon adds the customer's by
itself, so no recipient is asked for or sent; the one in the answer is dropped unread. What is left of a customer is the
label and its tracking number, both secrets.
"""

import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from strongroom.formats.secret import Secret
from strongroom.marketplace import documents
from strongroom.marketplace.documents import Document, Form, Unusable
from strongroom.marketplace.parcels import NotAParcel, ShippedItem, instant, order_path
from strongroom.marketplace.parse import Counter, NotAnAnswer

LABEL_FORMATS: Final = {Form.PDF: "PDF", Form.PNG: "PNG", Form.ZPL: "ZPL203"}
MOST_SERVICES: Final = 200
_SHIPMENT: Final = re.compile(r"[0-9A-Za-z-]{8,64}")
_COUNTRY: Final = re.compile("[A-Z]{2}")
_LONGEST: Final = {"name": 30, "line1": 180, "line2": 60, "city": 30, "state": 30, "postcode": 30, "phone": 30,
                   "email": 254}  # fmt: skip
_CARRIER: Final = {"®": "", "™": ""}


@dataclass(frozen=True)
class ShipFrom:
    """The seller's own address, as Amazon wants it for a label; `country`: two letters."""

    name: str
    line1: str
    city: str
    postcode: str
    country: str
    email: str
    phone: str
    line2: str = ""
    state: str = ""


@dataclass(frozen=True)
class Size:
    """A packed parcel: grams, and millimetres of its sides."""

    grams: int
    length: int
    width: int
    height: int


@dataclass(frozen=True)
class ParcelToLabel:
    """What a label is wanted for."""

    order_id: str
    items: tuple[ShippedItem, ...]
    size: Size
    ship_from: ShipFrom
    form: Form = Form.PDF
    ship_on: datetime | None = None
    arrive_by: datetime | None = None


@dataclass(frozen=True)
class Service:
    """What a carrier offers for a parcel. `needs_more`: it asks for particulars that we do not give."""

    service_id: str
    offer_id: str
    name: str
    carrier: str
    price: Decimal
    currency: str
    ships: datetime | None
    arrives_by: datetime | None
    forms: frozenset[Form]
    needs_more: bool


@dataclass(frozen=True)
class Services:
    """What is offered, and how many services refused the parcel, are away, or wait for their terms to be accepted."""

    offered: tuple[Service, ...]
    refused: int
    away: int
    terms_open: int
    call: uuid.UUID
    dropped: int = 0


@dataclass(frozen=True)
class BoughtLabel:
    """A label at Amazon. `unusable` says why there is no document; then it is cancelled, or printed at Amazon."""

    shipment_id: str
    order_id: str
    status: str
    service_id: str
    carrier: str
    tracking: Secret | None
    price: Decimal | None
    currency: str
    ships: datetime | None
    created: datetime | None
    document: Document | None
    unusable: Unusable | None
    call: uuid.UUID
    dropped: int = 0


def services_body(parcel: ParcelToLabel) -> Secret:
    """`getEligibleShipmentServices`' request. Raises `NotAParcel`."""
    return Secret(json.dumps({"ShipmentRequestDetails": _details(parcel)}))


def purchase_body(parcel: ParcelToLabel, service: Service) -> Secret:
    """`createShipment`'s request. Raises `NotAParcel`."""
    return Secret(
        json.dumps(
            {
                "ShipmentRequestDetails": _details(parcel),
                "ShippingServiceId": service.service_id,
                "ShippingServiceOfferId": service.offer_id,
                "HazmatType": "None",
            }
        )
    )


def shipment_path(shipment_id: str) -> str:
    """A shipment's identifier as part of a path. Raises `NotAParcel`."""
    if not _SHIPMENT.fullmatch(shipment_id):
        raise NotAParcel("a shipment has an identifier of letters, digits and dashes")
    return shipment_id


def services(body: Any, *, call: uuid.UUID) -> Services:
    """The offers that are whole; one without price or identifier is counted as dropped."""
    counter, payload = Counter(), _payload(body)
    if not isinstance(payload.get("ShippingServiceList"), list):
        raise NotAnAnswer("services were asked for")
    read = [_service(counter, row) for row in counter.rows(payload["ShippingServiceList"], MOST_SERVICES)]
    return Services(
        tuple(service for service in read if service is not None),
        len(counter.rows(payload.get("RejectedShippingServiceList"), MOST_SERVICES)),
        len(counter.rows(payload.get("TemporarilyUnavailableCarrierList"), MOST_SERVICES)),
        len(counter.rows(payload.get("TermsAndConditionsNotAcceptedCarrierList"), MOST_SERVICES)),
        call,
        counter.dropped + sum(service is None for service in read),
    )


def bought(body: Any, *, call: uuid.UUID) -> BoughtLabel:
    """A shipment as Amazon has it; the address it goes to is not looked at."""
    counter, payload = Counter(), _payload(body)
    shipment_id = payload.get("ShipmentId")
    if not isinstance(shipment_id, str) or not _SHIPMENT.fullmatch(shipment_id):
        raise NotAnAnswer("a shipment was asked for")
    service = counter.table(payload.get("ShippingService"))
    price = _amount(counter, service.get("RateWithAdjustments")) or _amount(counter, service.get("Rate"))
    label = documents.read(counter.table(payload.get("Label")).get("FileContents"))
    return BoughtLabel(
        shipment_id=shipment_id,
        order_id=counter.text(payload.get("AmazonOrderId"), 40) or "",
        status=counter.text(payload.get("Status"), 40) or "UNRECOGNISED",
        service_id=counter.text(service.get("ShippingServiceId"), 200) or "",
        carrier=_carrier(counter, service),
        tracking=_tracking(counter, payload.get("TrackingId")),
        price=price[0] if price else None,
        currency=price[1] if price else "",
        ships=counter.moment(service.get("ShipDate")),
        created=counter.moment(payload.get("CreatedDate")),
        document=label if isinstance(label, Document) else None,
        unusable=label if isinstance(label, Unusable) else None,
        call=call,
        dropped=counter.dropped,
    )


def _details(parcel: ParcelToLabel) -> dict[str, Any]:
    size = parcel.size
    if not all(0 < side <= 10_000 for side in (size.length, size.width, size.height)) or not 0 < size.grams <= 100_000:
        raise NotAParcel("a parcel has a weight and three sides, each more than nothing")
    if not parcel.items or any(item.quantity < 1 for item in parcel.items):
        raise NotAParcel("a parcel holds at least one piece of each of its lines")
    details: dict[str, Any] = {
        "AmazonOrderId": order_path(parcel.order_id),
        "ItemList": [{"OrderItemId": item.order_item_id, "Quantity": item.quantity} for item in parcel.items],
        "ShipFromAddress": _address(parcel.ship_from),
        "PackageDimensions": {
            "Length": size.length / 10, "Width": size.width / 10, "Height": size.height / 10, "Unit": "centimeters",
        },
        "Weight": {"Value": size.grams, "Unit": "g"},
        "ShippingServiceOptions": {
            "DeliveryExperience": "DeliveryConfirmationWithoutSignature",
            "CarrierWillPickUp": False,
            "CarrierWillPickUpOption": "ShipperWillDropOff",
            "LabelFormat": LABEL_FORMATS[parcel.form],
        },
    }  # fmt: skip
    for name, moment in (("ShipDate", parcel.ship_on), ("MustArriveByDate", parcel.arrive_by)):
        if moment is not None:
            details[name] = instant(moment)
    return details


def _address(where: ShipFrom) -> dict[str, str]:
    for name, longest in _LONGEST.items():
        value = getattr(where, name)
        if len(value) > longest or not value.isprintable() or (not value and name not in ("line2", "state")):
            raise NotAParcel(f"the address we send from needs a {name} of at most {longest} characters")
    if not _COUNTRY.fullmatch(where.country):
        raise NotAParcel("the address we send from needs a country of two capital letters")
    found = {
        "Name": where.name, "AddressLine1": where.line1, "AddressLine2": where.line2, "Email": where.email,
        "City": where.city, "StateOrProvinceCode": where.state, "PostalCode": where.postcode,
        "CountryCode": where.country, "Phone": where.phone,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _payload(body: Any) -> dict[str, Any]:
    payload = body.get("payload") if isinstance(body, dict) else None
    if not isinstance(payload, dict):
        raise NotAnAnswer("a payload was asked for")
    return payload


def _service(counter: Counter, row: Any) -> Service | None:
    table = counter.table(row)
    id_, offer = table.get("ShippingServiceId"), table.get("ShippingServiceOfferId")
    price = _amount(counter, table.get("RateWithAdjustments")) or _amount(counter, table.get("Rate"))
    if price is None or not all(isinstance(v, str) and 0 < len(v) <= 4_096 and v.isprintable() for v in (id_, offer)):
        return None
    offered = {str(word) for word in counter.rows(table.get("AvailableLabelFormats"), 20)}
    return Service(
        str(id_), str(offer), counter.text(table.get("ShippingServiceName"), 100) or "", _carrier(counter, table),
        price[0], price[1], counter.moment(table.get("ShipDate")),
        counter.moment(table.get("LatestEstimatedDeliveryDate")),
        frozenset(form for form, word in LABEL_FORMATS.items() if word in offered),
        table.get("RequiresAdditionalSellerInputs") is not False,
    )  # fmt: skip


def _carrier(counter: Counter, service: dict[str, Any]) -> str:
    """The carrier's name without the marks that lawyers put behind it."""
    said = counter.text(service.get("CarrierName"), 60) or ""
    return "".join(_CARRIER.get(character, character) for character in said).strip()


def _amount(counter: Counter, value: Any) -> tuple[Decimal, str] | None:
    """What something costs, and in which currency; nothing where that makes no sense."""
    table = counter.table(value)
    amount, currency = table.get("Amount"), table.get("CurrencyCode")
    counts = isinstance(amount, int | float) and not isinstance(amount, bool) and 0 <= amount < 1_000_000
    if counts and isinstance(currency, str) and re.fullmatch("[A-Z]{3}", currency):
        return Decimal(str(amount)), currency
    counter.dropped += value is not None
    return None


def _tracking(counter: Counter, value: Any) -> Secret | None:
    if isinstance(value, str) and 0 < len(value) <= 60 and value.isascii() and value.isprintable():
        return Secret(value)
    counter.dropped += value is not None
    return None
