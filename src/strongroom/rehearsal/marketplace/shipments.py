"""`confirmShipment` (v0) as Amazon does it: what it refuses and in which words, and that telling again is harmless."""

import re
from typing import Any, Final

from strongroom.rehearsal.marketplace.business import DAY, MARKETPLACES, Business, SimulatedOrder
from strongroom.rehearsal.marketplace.problems import Answer, bad, moment, rows, table, text

BODY: Final = frozenset({"marketplaceId", "packageDetail", "codCollectionMethod"})
DETAIL: Final = frozenset({"packageReferenceId", "carrierCode", "trackingNumber", "shipDate", "orderItems"})
OPTIONAL: Final = frozenset({"carrierName", "shippingMethod", "shipFromSupplySourceId"})
ITEM: Final = frozenset({"orderItemId", "quantity"})
ALREADY: Final = (
    "Failed to create package due to not finding a matching package or order already fulfilled."
    " ErrorMessage(errorCode=GeneralError, errorMetric=PackageToUpdateNotFound, packageIndex=null)"
)


def read(business: Business, order_id: str, body: Any) -> dict[str, Any]:
    """The parcel of a request that Amazon takes. Raises `Answer`."""
    whole = table(body, BODY, frozenset({"marketplaceId", "packageDetail"}), "body")
    detail = table(whole["packageDetail"], DETAIL | OPTIONAL, DETAIL, "packageDetail")
    if not re.fullmatch("[1-9][0-9]*", text(detail["packageReferenceId"], "packageDetail.packageReferenceId")):
        raise bad("PackageReferenceId: is invalid, must be a positive numeric value.")
    if text(detail["carrierCode"], "carrierCode") == "Other" and not detail.get("carrierName"):
        raise bad("carrierName is required when carrierCode is Other")
    text(detail["trackingNumber"], "trackingNumber", 50)
    order = business.orders.get(order_id)
    if order is None:
        raise Answer(404, "NotFound", "The order was not found")
    if whole["marketplaceId"] != MARKETPLACES[order.person.country][0]:
        raise bad("The marketplaceId is not the one of this order")
    _check_moment(detail["shipDate"], order, business.now)
    _check_state(order, detail)
    _check_pieces(order, detail)
    return detail


def _check_moment(said: Any, order: SimulatedOrder, now: float) -> None:
    if not isinstance(said, str) or not re.search(r"(Z|[+-]\d\d:\d\d)$", said):
        raise bad("shipDate is not ISO 8601")
    if not order.created - DAY <= moment(said) <= now + DAY:
        raise bad("shipDate lies before the order or in the future")


def _check_state(order: SimulatedOrder, detail: dict[str, Any]) -> None:
    if order.fulfilled_by != "MERCHANT":
        raise bad("The order is fulfilled by Amazon")
    if order.status == "CANCELLED":
        raise bad("The order was cancelled")
    if order.status == "SHIPPED" and detail["packageReferenceId"] not in order.packages:
        raise bad(ALREADY)
    if order.status not in ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"):
        raise bad("The order is not ready to be shipped")


def _check_pieces(order: SimulatedOrder, detail: dict[str, Any]) -> None:
    """No unknown line, and over all parcels no more than was ordered; a parcel told again counts once."""
    left = {item.item_id: item.quantity for item in order.items}
    others = [p for reference, p in order.packages.items() if reference != detail["packageReferenceId"]]
    for item in (item for package in others for item in package["orderItems"]):
        left[item["orderItemId"]] -= item["quantity"]
    fetched = [s for s in order.labels.values() if "collected" in s and s["tracking"] != detail["trackingNumber"]]
    for item in (item for sold in fetched for item in sold["details"]["ItemList"]):
        left[item["OrderItemId"]] -= item["Quantity"]
    for row in rows(detail["orderItems"], "orderItems"):
        item = table(row, ITEM | {"transparencyCodes"}, ITEM, "orderItems")
        if item["orderItemId"] not in left:
            raise bad("OrderItemId is invalid, please obtain the value through the getOrderItems API")
        quantity = item["quantity"]
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            raise bad("The quantity is not valid")
        left[item["orderItemId"]] -= quantity
    if any(pieces < 0 for pieces in left.values()):
        raise bad("The quantity is more than was ordered")
