"""Merchant Fulfillment v0 as the simulator answers it: offers, and a real label with the customer's address on it."""

import base64
import gzip
import hashlib
from typing import Any, Final

from strongroom.application.despatch.labels.content import LabelContent
from strongroom.application.despatch.labels.pdf import render_pdf
from strongroom.application.despatch.labels.zpl import render_zpl
from strongroom.formats.secret import Secret
from strongroom.rehearsal.marketplace.answers import instant
from strongroom.rehearsal.marketplace.business import DAY, SimulatedOrder
from strongroom.rehearsal.marketplace.requests import Amazon, Answer

OFFERS: Final = (
    ("NP-ECONOMY", "Northmoor Parcels", "Economy", 3.15, 6),
    ("NP-48", "Northmoor Parcels", "Two days", 4.20, 2),
    ("WH-NEXT", "Westhaugh Couriers", "Next day", 7.80, 1),
)
REQUIRED: Final = (
    "AmazonOrderId",
    "ItemList",
    "ShipFromAddress",
    "PackageDimensions",
    "Weight",
    "ShippingServiceOptions",
)


def operation_of(method: str, rest: list[str]) -> str:
    """The operation a request means. Raises `Answer` for none."""
    match method, rest:
        case "POST", ["eligibleShippingServices"]:
            return "getEligibleShipmentServices"
        case "POST", ["shipments"]:
            return "createShipment"
        case "GET", ["shipments", _]:
            return "getShipment"
        case "DELETE", ["shipments", _]:
            return "cancelShipment"
    raise Answer(404, "NotFound", "No such resource")


def answer(amazon: Amazon, operation: str, rest: list[str], body: Any) -> dict[str, Any]:
    """The operation's answer, by the model."""
    bought = amazon.business.bought
    if operation in ("getShipment", "cancelShipment"):
        shipment = bought.get(rest[-1])
        if shipment is None:
            raise Answer(404, "NotFound", "The shipment was not found")
        if operation == "cancelShipment":
            shipment["Status"] = "RefundPending"
        return {"payload": shipment}
    details = body.get("ShipmentRequestDetails") if isinstance(body, dict) else None
    if not isinstance(details, dict) or any(name not in details for name in REQUIRED):
        raise Answer(400, "InvalidRequest", "A required field is missing")
    order = amazon.business.orders.get(str(details["AmazonOrderId"]))
    if order is None or order.status not in ("UNSHIPPED", "PARTIALLY_SHIPPED"):
        raise Answer(400, "InvalidRequest", "The order cannot be shipped")
    offers = {offer[0]: _service(amazon, offer, details) for offer in OFFERS}
    if operation == "getEligibleShipmentServices":
        return {"payload": {"ShippingServiceList": list(offers.values())}}
    service = offers.get(str(body.get("ShippingServiceId")))
    if service is None:
        raise Answer(400, "InvalidRequest", "The shipping service is unknown")
    shipment = _shipment(amazon, order, details, service)
    bought[shipment["ShipmentId"]] = shipment
    return {"payload": shipment}


def _service(amazon: Amazon, offer: tuple[str, str, str, float, int], details: dict[str, Any]) -> dict[str, Any]:
    id_, carrier, name, price, days = offer
    rate = {"CurrencyCode": "GBP", "Amount": price}
    now = amazon.business.now
    return {
        "ShippingServiceName": name, "CarrierName": carrier, "ShippingServiceId": id_,
        "ShippingServiceOfferId": f"offer-{id_}", "ShipDate": instant(now),
        "EarliestEstimatedDeliveryDate": instant(now + DAY), "LatestEstimatedDeliveryDate": instant(now + days * DAY),
        "Rate": rate, "RateWithAdjustments": rate, "RequiresAdditionalSellerInputs": False,
        "ShippingServiceOptions": details["ShippingServiceOptions"],
    }  # fmt: skip


def _shipment(
    amazon: Amazon, order: SimulatedOrder, details: dict[str, Any], service: dict[str, Any]
) -> dict[str, Any]:
    number = len(amazon.business.bought) + 1
    wants_zpl = details["ShippingServiceOptions"].get("LabelFormat") == "ZPL203"
    data = _label(order, wants_zpl=wants_zpl)
    kind = "application/zpl" if wants_zpl else "application/pdf"
    who = order.person
    return {
        "ShipmentId": f"sim-shipment-{number:06d}", "AmazonOrderId": order.order_id, "ItemList": details["ItemList"],
        "ShipFromAddress": details["ShipFromAddress"],
        "ShipToAddress": {
            "Name": who.name, "AddressLine1": who.line1, "City": who.city, "PostalCode": who.postcode,
            "CountryCode": who.country, "Email": who.email, "Phone": who.phone,
        },
        "PackageDimensions": details["PackageDimensions"], "Weight": details["Weight"],
        "Insurance": {"CurrencyCode": "GBP", "Amount": 0}, "ShippingService": service, "Status": "Purchased",
        "TrackingId": f"NP{number:012d}", "CreatedDate": instant(amazon.business.now),
        "Label": {
            "Dimensions": {"Length": 6, "Width": 4, "Unit": "inches"}, "LabelFormat": "ZPL203" if wants_zpl else "PDF",
            "FileContents": {
                "Contents": base64.b64encode(gzip.compress(data)).decode(), "FileType": kind,
                "Checksum": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
            },
        },
    }  # fmt: skip


def _label(order: SimulatedOrder, *, wants_zpl: bool) -> bytes:
    """The label Amazon would draw: its own template, the customer's address, no word of ours."""
    who = order.person
    fields = {"name": who.name, "line1": who.line1, "line2": who.line2, "city": who.city, "postcode": who.postcode}
    content = LabelContent(
        {name: Secret(value) for name, value in fields.items() if value}, who.country, f"NP{order.order_id[-7:]}",
        "Amazon shipping", 1, 1, ("Quillmarsh Toys",),
    )  # fmt: skip
    return bytes(render_zpl([content]) if wants_zpl else render_pdf([content]))
