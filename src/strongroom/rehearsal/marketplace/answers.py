"""What Amazon says of an order: the JSON of Orders v2026-01-01, only the datasets asked for and allowed."""

from typing import Any

from strongroom.rehearsal.marketplace.business import MARKETPLACES, Item, SimulatedOrder
from strongroom.rehearsal.marketplace.moments import instant


def order_json(order: SimulatedOrder, *, included: frozenset[str], roles: frozenset[str], now: float) -> dict[str, Any]:
    """One order. Without the role for a dataset its fields are absent, as at Amazon."""
    marketplace, name, currency = MARKETPLACES[order.person.country]
    answer: dict[str, Any] = {
        "orderId": order.order_id,
        "createdTime": instant(order.created),
        "lastUpdatedTime": instant(order.updated),
        "programs": order.programs,
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace, "marketplaceName": name},
        "orderItems": [_item(item, order, included, currency) for item in order.items],
    }
    if "FULFILLMENT" in included:
        answer["fulfillment"] = {
            "fulfillmentStatus": order.status,
            "fulfilledBy": order.fulfilled_by,
            "fulfillmentServiceLevel": order.service,
            "shipByWindow": {"earliestDateTime": instant(order.created), "latestDateTime": instant(order.ship_by)},
            "deliverByWindow": {
                "earliestDateTime": instant(order.ship_by),
                "latestDateTime": instant(order.deliver_by),
            },
        }
    if "BUYER" in included and "BUYER" in roles:
        answer["buyer"] = _buyer(order)
    if "RECIPIENT" in included and "RECIPIENT" in roles and not order.no_recipient:
        answer["recipient"] = {"deliveryAddress": _address(order, now)}
        if order.instruction:
            answer["recipient"]["deliveryPreference"] = {"addressInstruction": order.instruction}
    if "PACKAGES" in included and (packages := _packages(order)):
        answer["packages"] = packages
    if "PROCEEDS" in included:
        total = sum(float(item.price) * item.quantity for item in order.items)
        answer["proceeds"] = {"grandTotal": {"amount": f"{total:.2f}", "currencyCode": currency}}
    if "CANCELLATION" in included and order.status == "CANCELLED":
        for item in answer["orderItems"]:
            item["cancellation"] = {
                "cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "NO_LONGER_NEEDED"}
            }
    return answer


def _item(item: Item, order: SimulatedOrder, included: frozenset[str], currency: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "orderItemId": item.item_id,
        "quantityOrdered": item.quantity,
        "product": {
            "asin": item.asin,
            "title": item.title,
            "sellerSku": item.sku,
            "condition": {"conditionType": "NEW"},
            "price": {"unitPrice": {"amount": item.price, "currencyCode": currency}},
        },
    }
    if "FULFILLMENT" in included:
        answer["fulfillment"] = {
            "quantityFulfilled": item.fulfilled,
            "quantityUnfulfilled": item.quantity - item.fulfilled,
        }
        if item.gift:  # arrives with every search, asked for or not
            answer["fulfillment"]["packing"] = {"giftOption": {"giftMessage": item.gift, "giftWrapLevel": "STANDARD"}}
    if item.customised or order.order_id.endswith("7"):
        address = item.customised or f"https://customised.invalid/{item.item_id}"
        answer["product"]["customization"] = {"customizedUrl": address}
    return answer


def _buyer(order: SimulatedOrder) -> dict[str, Any]:
    found = {"buyerName": order.person.name}
    if order.fulfilled_by == "MERCHANT" and order.status in ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"):
        found["buyerEmail"] = order.person.email
    if order.person.company:
        found |= {"buyerCompanyName": order.person.company, "buyerPurchaseOrderNumber": f"PO-{order.order_id[-7:]}"}
    return found


def _address(order: SimulatedOrder, now: float) -> dict[str, Any]:
    """Amazon suppresses the telephone once the order left and its latest delivery date passed."""
    who = order.person
    found = {
        "name": who.name, "companyName": who.company, "addressLine1": who.line1, "addressLine2": who.line2,
        "city": who.city, "stateOrRegion": who.state, "postalCode": who.postcode, "countryCode": who.country,
        "phone": who.phone, "addressType": "RESIDENTIAL",
    }  # fmt: skip
    if order.status == "SHIPPED" and now > order.deliver_by:
        del found["phone"]
    return {name: value for name, value in found.items() if value}


def _packages(order: SimulatedOrder) -> list[dict[str, Any]]:
    """What sellers told, and labels that were bought and are not told of yet."""
    told = {package["trackingNumber"] for package in order.packages.values()}
    found = [_told(package) for package in order.packages.values()]
    if not found and not order.labels and order.shipped is not None:
        found = [_package(order)]
    return found + [_pending(sold) for sold in order.labels.values() if sold["tracking"] not in told]


def _package(order: SimulatedOrder) -> dict[str, Any]:
    return {
        "packageReferenceId": "1",
        "createdTime": instant(order.shipped or order.updated),
        "packageStatus": {"status": "IN_TRANSIT"},
        "carrier": "Northmoor Parcels",
        "shipTime": instant(order.shipped or order.updated),
        "trackingNumber": order.tracking,
        "packageItems": [{"orderItemId": i.item_id, "quantity": i.fulfilled} for i in order.items if i.fulfilled],
    }


def _told(detail: dict[str, Any]) -> dict[str, Any]:
    """A parcel as its seller told it."""
    return {
        "packageReferenceId": str(detail["packageReferenceId"]),
        "createdTime": detail["shipDate"],
        "packageStatus": {"status": "SHIPPED"},
        "carrier": detail.get("carrierName") or detail["carrierCode"],
        "shipTime": detail["shipDate"],
        "trackingNumber": detail["trackingNumber"],
        "packageItems": [
            {"orderItemId": item["orderItemId"], "quantity": item["quantity"]} for item in detail["orderItems"]
        ],
    }


def _pending(sold: dict[str, Any]) -> dict[str, Any]:
    """A parcel whose label was bought through Amazon: it waits, is on its way, or was given back."""
    state = ("PENDING", "PENDING_DROP_OFF")
    if "cancelled" in sold:
        state = ("CANCELLED", "LABEL_CANCELLED")
    elif "collected" in sold:
        state = ("IN_TRANSIT", "PICKED_UP")
    return {
        "packageReferenceId": sold["shipment_id"],
        "createdTime": instant(sold["at"]),
        "packageStatus": {"status": state[0], "detailedStatus": state[1]},
        **({"shipTime": instant(sold["collected"])} if "collected" in sold else {}),
        "carrier": sold["service"]["CarrierName"],
        "shippingService": sold["service"]["ShippingServiceName"],
        "trackingNumber": sold["tracking"],
        "packageItems": [
            {"orderItemId": item["OrderItemId"], "quantity": item["Quantity"]} for item in sold["details"]["ItemList"]
        ],
    }
