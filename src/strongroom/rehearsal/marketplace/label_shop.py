"""Labels for sale (Merchant Fulfillment v0): offers, purchases, refunds. Where it goes, Amazon knows by itself."""

import base64
import gzip
import hashlib
import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.rehearsal.marketplace.business import DAY, HOUR, MARKETPLACES, Business, SimulatedOrder
from strongroom.rehearsal.marketplace.faults import Fault, Switchboard
from strongroom.rehearsal.marketplace.label_paper import FILE_TYPES, draw
from strongroom.rehearsal.marketplace.moments import instant
from strongroom.rehearsal.marketplace.problems import Answer, bad, moment, rows, table, text

REQUIRED: Final = frozenset(
    {"AmazonOrderId", "ItemList", "PackageDimensions", "ShipFromAddress", "ShippingServiceOptions", "Weight"}
)
OPTIONAL: Final = frozenset({"SellerOrderId", "MustArriveByDate", "ShipDate", "LabelCustomization"})
ADDRESS: Final = frozenset({"Name", "AddressLine1", "City", "CountryCode", "Email", "Phone", "PostalCode"})
FURTHER: Final = frozenset({"AddressLine2", "AddressLine3", "DistrictOrCounty", "StateOrProvinceCode"})
OFFERS_LIVE: Final = 600.0
REFUNDED_AFTER: Final = DAY
FORMATS: Final = ["PDF", "PNG", "ZPL203"]


@dataclass(frozen=True)
class Carriage:
    """A carrier's service: what it costs by weight, and how long it takes."""

    id_: str
    name: str
    carrier: str
    base: float
    a_kilo: float
    collects_after: float
    takes: float
    needs_more: bool = False


SOLD: Final = (
    Carriage("QUAYSIDE_ECONOMY", "Quayside Economy", "Quayside Post", 2.10, 0.80, 3 * DAY, 6 * DAY),
    Carriage("NORTHMOOR_48", "Northmoor Tracked 48", "Northmoor Parcels®", 3.35, 0.95, 4 * HOUR, 2 * DAY),
    Carriage("HARRIER_24", "Harrier Next Day", "Harrier Express™", 6.90, 1.40, 2 * HOUR, 1 * DAY),
    Carriage("HARRIER_VAULT", "Harrier Insured", "Harrier Express™", 1.00, 0.10, 2 * HOUR, 1 * DAY, needs_more=True),
)


@dataclass(frozen=True)
class _Offer:
    order_id: str
    carriage: Carriage
    price: float
    until: float


@dataclass
class LabelShop:
    """Merchant Fulfillment of one seller. `kept` hears what was sold, so that a restarted simulator knows it still."""

    business: Business
    faults: Switchboard
    kept: Callable[[dict[str, Any]], None] = field(repr=False)
    _offers: dict[str, _Offer] = field(default_factory=dict, repr=False)

    def services(self, body: Any) -> dict[str, Any]:
        """`getEligibleShipmentServices`."""
        whole = table(body, frozenset({"ShipmentRequestDetails", "ShippingOfferingFilter"}),
                      frozenset({"ShipmentRequestDetails"}), "body")  # fmt: skip
        order, details = self._details(whole["ShipmentRequestDetails"])
        none = self.faults.fires(Fault.NO_SERVICES, "getEligibleShipmentServices")
        offered = [] if none else [self._offer(order, details, carriage) for carriage in SOLD]
        return {
            "payload": {
                "ShippingServiceList": offered,
                "RejectedShippingServiceList": [
                    {"CarrierName": "Dockside Cycles", "ShippingServiceName": "Dockside Same Day",
                     "ShippingServiceId": "DOCKSIDE_SAME_DAY", "RejectionReasonCode": "CARRIER_CANNOT_SHIP_TO_ADDRESS"}
                ],
                "TemporarilyUnavailableCarrierList": [],
                "TermsAndConditionsNotAcceptedCarrierList": [],
            }
        }  # fmt: skip

    def buy(self, body: Any) -> dict[str, Any]:
        """`createShipment`. Asked twice it sells twice: Amazon has no key to tell a repeat by."""
        wanted = frozenset({"ShipmentRequestDetails", "ShippingServiceId"})
        further = frozenset(
            {"ShippingServiceOfferId", "HazmatType", "LabelFormatOption", "ShipmentLevelSellerInputsList"}
        )
        whole = table(body, wanted | further, wanted, "body")
        order, details = self._details(whole["ShipmentRequestDetails"])
        offer = self._offers.get(str(whole.get("ShippingServiceOfferId")))
        now = self.business.now
        if offer is None or offer.until < now or offer.order_id != order.order_id:
            raise bad("ShippingServiceOfferId is invalid or expired")
        if offer.carriage.id_ != whole["ShippingServiceId"] or offer.carriage.needs_more:
            raise bad("ShippingServiceId is invalid, or needs AdditionalSellerInputs")
        sold = {
            "shipment_id": str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)),
            "details": details,
            "service": self._service(offer.carriage, offer.price, details, "", now),
            "form": FILE_TYPES[details["ShippingServiceOptions"].get("LabelFormat", "PDF")],
            "tracking": f"NP{secrets.randbelow(10**12):012d}",
            "at": now,
            "leaves": now + offer.carriage.collects_after,
        }
        self.business.buy_label(order.order_id, sold)
        self.kept({"verb": "buy_label", "order_id": order.order_id, "detail": sold, "at": now})
        return {"payload": self._shipment(order, sold, "createShipment")}

    def shipment(self, shipment_id: str) -> dict[str, Any]:
        """`getShipment`."""
        order, sold = self._sold(shipment_id)
        return {"payload": self._shipment(order, sold, "getShipment")}

    def cancel(self, shipment_id: str) -> dict[str, Any]:
        """`cancelShipment`; cancelled twice it stays cancelled."""
        order, sold = self._sold(shipment_id)
        told = any(package["trackingNumber"] == sold["tracking"] for package in order.packages.values())
        if told or "collected" in sold:
            raise bad("The shipment is with the carrier and cannot be cancelled")
        if "cancelled" not in sold:
            now = self.business.now
            self.business.cancel_label(order.order_id, {"shipment_id": shipment_id, "at": now})
            self.kept({"verb": "cancel_label", "order_id": order.order_id, "at": now,
                       "detail": {"shipment_id": shipment_id, "at": now}})  # fmt: skip
        return {"payload": self._shipment(order, sold, "cancelShipment")}

    def _details(self, said: Any) -> tuple[SimulatedOrder, dict[str, Any]]:
        """The order and what was asked of it. Raises `Answer`."""
        details = table(said, REQUIRED | OPTIONAL, REQUIRED, "ShipmentRequestDetails")
        order = self.business.orders.get(text(details["AmazonOrderId"], "AmazonOrderId"))
        if order is None:
            raise bad("AmazonOrderId is invalid")
        if order.fulfilled_by != "MERCHANT" or order.status not in ("UNSHIPPED", "PARTIALLY_SHIPPED"):
            raise bad("The order is not ready to be shipped by its seller")
        _check_address(details["ShipFromAddress"])
        _check_measures(details)
        left = {item.item_id: item.quantity - item.fulfilled for item in order.items}
        for row in rows(details["ItemList"], "ItemList"):
            item = table(row, frozenset({"OrderItemId", "Quantity"}), frozenset({"OrderItemId", "Quantity"}), "Item")
            if item["OrderItemId"] not in left or not isinstance(item["Quantity"], int) or item["Quantity"] < 1:
                raise bad("OrderItemId or Quantity is invalid")
            left[item["OrderItemId"]] -= item["Quantity"]
        if any(pieces < 0 for pieces in left.values()):
            raise bad("Quantity is more than is left to ship")
        for name in ("ShipDate", "MustArriveByDate"):
            if name in details:
                moment(details[name])
        return order, details

    def _offer(self, order: SimulatedOrder, details: dict[str, Any], carriage: Carriage) -> dict[str, Any]:
        price = round(carriage.base + carriage.a_kilo * details["Weight"]["Value"] / 1000, 2)
        offer_id = secrets.token_urlsafe(96)
        now = self.business.now
        self._offers[offer_id] = _Offer(order.order_id, carriage, price, now + OFFERS_LIVE)
        return {
            **self._service(carriage, price, details, offer_id, now),
            "AvailableLabelFormats": [*FORMATS, "ShippingServiceDefault"],
            "AvailableFormatOptionsForLabel": [{"LabelFormat": word} for word in FORMATS],
        }

    def _service(
        self, carriage: Carriage, price: float, details: dict[str, Any], offer_id: str, now: float
    ) -> dict[str, Any]:
        home = details["ShipFromAddress"]["CountryCode"]
        money = {"CurrencyCode": MARKETPLACES[home][2] if home in MARKETPLACES else "EUR", "Amount": price}
        leaves = now + carriage.collects_after
        return {
            "ShippingServiceName": carriage.name,
            "CarrierName": carriage.carrier,
            "ShippingServiceId": carriage.id_,
            "ShippingServiceOfferId": offer_id,
            "ShipDate": instant(leaves),
            "EarliestEstimatedDeliveryDate": instant(leaves + carriage.takes / 2),
            "LatestEstimatedDeliveryDate": instant(leaves + carriage.takes),
            "Rate": money,
            "RateWithAdjustments": money,
            "ShippingServiceOptions": {
                "DeliveryExperience": "DeliveryConfirmationWithoutSignature",
                "CarrierWillPickUp": False,
            },
            "RequiresAdditionalSellerInputs": carriage.needs_more,
        }

    def _sold(self, shipment_id: str) -> tuple[SimulatedOrder, dict[str, Any]]:
        if not re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", shipment_id):
            raise bad("shipmentId failed to satisfy constraint")
        for order in self.business.orders.values():
            if shipment_id in order.labels:
                return order, order.labels[shipment_id]
        raise Answer(404, "NotFound", "The shipment was not found")

    def _shipment(self, order: SimulatedOrder, sold: dict[str, Any], operation: str) -> dict[str, Any]:
        details, cancelled = sold["details"], sold.get("cancelled")
        status = "Purchased"
        if cancelled is not None:
            status = "RefundApplied" if self.business.now > cancelled + REFUNDED_AFTER else "RefundPending"
        contents = b"" if cancelled is not None else draw(order, sold)
        return {
            "ShipmentId": sold["shipment_id"],
            "AmazonOrderId": order.order_id,
            "ItemList": details["ItemList"],
            "ShipFromAddress": details["ShipFromAddress"],
            "ShipToAddress": _to(order),
            "PackageDimensions": details["PackageDimensions"],
            "Weight": details["Weight"],
            "Insurance": {"CurrencyCode": sold["service"]["Rate"]["CurrencyCode"], "Amount": 0.0},
            "ShippingService": sold["service"],
            "Label": {
                "Dimensions": {"Length": 6.0, "Width": 4.0, "Unit": "inches"},
                "FileContents": self._file(contents, sold["form"], operation),
            },
            "Status": status,
            "TrackingId": sold["tracking"],
            "CreatedDate": instant(sold["at"]),
            "LastUpdatedDate": instant(cancelled or sold["at"]),
        }

    def _file(self, contents: bytes, form: str, operation: str) -> dict[str, Any]:
        """`FileContents`, and the labels that no honest Amazon sends."""
        if not contents or self.faults.fires(Fault.LABEL_ABSENT, operation):
            return {"Contents": "", "FileType": form, "Checksum": ""}
        checksum = base64.b64encode(hashlib.md5(contents, usedforsecurity=False).digest()).decode()
        if self.faults.fires(Fault.LABEL_BOMB, operation):
            contents = bytes(64 << 20)
        if self.faults.fires(Fault.LABEL_DAMAGED, operation):
            contents = contents[:-1] + b"?"
        packed = gzip.compress(contents, mtime=0)
        return {"Contents": base64.b64encode(packed).decode(), "FileType": form, "Checksum": checksum}


def _to(order: SimulatedOrder) -> dict[str, Any]:
    """Where it goes. Amazon cuts and fills here; the label is what counts."""
    who = order.person
    found = {
        "Name": who.name[:30] or "-", "AddressLine1": who.line1[:180] or "-", "AddressLine2": who.line2[:60],
        "City": who.city[:30] or "-", "StateOrProvinceCode": who.state[:30], "PostalCode": who.postcode[:30],
        "CountryCode": who.country, "Email": "", "Phone": who.phone[:30],
    }  # fmt: skip
    return {name: value for name, value in found.items() if value or name == "Email"}


def _check_address(said: Any) -> None:
    found = table(said, ADDRESS | FURTHER, ADDRESS, "ShipFromAddress")
    for name, value in found.items():
        text(value, name, 30 if name in ("Name", "City", "PostalCode", "Phone") else 180)
    if len(found["CountryCode"]) > 2:
        raise bad("CountryCode failed to satisfy constraint: Member must have length less than or equal to 2")


def _check_measures(details: dict[str, Any]) -> None:
    sides = details["PackageDimensions"]
    weight = table(details["Weight"], frozenset({"Value", "Unit"}), frozenset({"Value", "Unit"}), "Weight")
    numbers = [weight["Value"]]
    if "PredefinedPackageDimensions" not in sides:
        numbers += [sides.get(name) for name in ("Length", "Width", "Height")]
    if any(not isinstance(n, int | float) or n <= 0 for n in numbers) or weight["Unit"] not in ("g", "oz"):
        raise bad("PackageDimensions or Weight is invalid")
    options = details["ShippingServiceOptions"]
    if not isinstance(options, dict) or not {"DeliveryExperience", "CarrierWillPickUp"} <= set(options):
        raise bad("ShippingServiceOptions is invalid")
    if options.get("LabelFormat", "PDF") not in FILE_TYPES:
        raise bad("LabelFormat is invalid")
