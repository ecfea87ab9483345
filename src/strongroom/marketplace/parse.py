"""Amazon's JSON to records, leniently: unknown words are kept, unknown fields dropped and counted (DF-3).

Every answer is hostile until it is a record. Nothing here raises for what a value is, only for what the whole is not.
"""

import hashlib
import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.formats.secret import Secret
from strongroom.marketplace.records import (
    ItemRecord,
    OrderRecord,
    PackageRecord,
    Packages,
    Page,
    Participation,
    PersonalData,
)

_ORDER_ID: Final = re.compile(r"[0-9A-Za-z-]{1,40}")
_WORD: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_CODE: Final = re.compile(r"[0-9A-Za-z_-]+")
_TOKEN: Final = re.compile(r"[ -~]{1,4096}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
MOST_ITEMS: Final = 1_000
MOST_ORDERS: Final = 1_000
LONGEST_FIELD: Final = 8_192

ADDRESS: Final = {
    "name": "name", "companyName": "company", "addressLine1": "line1", "addressLine2": "line2",
    "addressLine3": "line3", "city": "city", "districtOrCounty": "district", "stateOrRegion": "state",
    "municipality": "municipality", "postalCode": "postcode", "phone": "phone", "addressType": "address_type",
}  # fmt: skip
EXTENDED: Final = {
    "streetName": "street_name", "streetNumber": "street_number", "complement": "complement",
    "neighborhood": "neighbourhood",
}  # fmt: skip
BUYER: Final = {
    "buyerName": "name", "buyerEmail": "email", "buyerCompanyName": "company",
    "buyerPurchaseOrderNumber": "purchase_order",
}  # fmt: skip
PREFERENCE: Final = {"dropOffLocation": "drop_off", "addressInstruction": "instruction"}

ORDER_KNOWN: Final = frozenset(
    {"orderId", "orderAliases", "createdTime", "lastUpdatedTime", "programs", "associatedOrders", "salesChannel",
     "buyer", "recipient", "proceeds", "payment", "tax", "fulfillment", "orderItems", "packages", "fulfillmentOrders"}
)  # fmt: skip


class NotAnAnswer(ValueError):
    """The whole is not of the shape that the operation answers with."""


class Counter:
    """How many fields were dropped: unknown ones, and known ones of another type than the model's."""

    def __init__(self) -> None:
        self.dropped = 0

    def table(self, value: Any) -> dict[str, Any]:
        """A JSON object; absent is empty, anything else is dropped."""
        if isinstance(value, dict):
            return value
        self.dropped += value is not None
        return {}

    def rows(self, value: Any, most: int) -> list[Any]:
        if isinstance(value, list):
            self.dropped += max(0, len(value) - most)
            return value[:most]
        self.dropped += value is not None
        return []

    def text(self, value: Any, longest: int = 200) -> str | None:
        """A short text in clear: no control characters, cut at `longest`."""
        if isinstance(value, str):
            return _CONTROL.sub(" ", value)[:longest] or None
        self.dropped += value is not None
        return None

    def code(self, value: Any, longest: int) -> str | None:
        """An identifier or word in one piece; what has a space or another sign in it is none, and is not kept."""
        if isinstance(value, str) and len(value) <= longest and _CODE.fullmatch(value):
            return value
        self.dropped += value is not None
        return None

    def word(self, value: Any, otherwise: str) -> str:
        """One of Amazon's words, known or not; `UNRECOGNISED` for what is no word."""
        if value is None:
            return otherwise
        if isinstance(value, str) and _WORD.fullmatch(value):
            return value
        self.dropped += 1
        return "UNRECOGNISED"

    def count(self, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31:
            return value
        self.dropped += value is not None
        return 0

    def moment(self, value: Any) -> datetime | None:
        """An instant with its offset, as UTC."""
        if isinstance(value, str) and len(value) <= 40:
            try:
                found = datetime.fromisoformat(value)
                if found.tzinfo is not None and 1970 < found.year < 2200:
                    return found.astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        self.dropped += value is not None
        return None


def load(body: Secret) -> Any:
    """JSON, or `ValueError`: no NaN, no lone surrogate left in keys, no nesting that breaks the parser."""
    try:
        return json.loads(body.bytes().decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def orders_page(body: Any, *, call: uuid.UUID, keep: bool, asked_recipient: bool) -> Page:
    """A search's answer. `keep`: whether PII is wanted; else it is dropped unread."""
    if not isinstance(body, dict) or not isinstance(body.get("orders"), list):
        raise NotAnAnswer("a search answers with a list of orders")
    counter = Counter()
    counter.dropped += len(set(body) - {"orders", "pagination", "lastUpdatedBefore", "createdBefore"})
    token = counter.table(body.get("pagination")).get("nextToken")
    following = Secret(token) if isinstance(token, str) and _TOKEN.fullmatch(token) else None
    return _page(
        counter, counter.rows(body["orders"], MOST_ORDERS), call=call, keep=keep, asked_recipient=asked_recipient,
        next_token=following,
        last_updated_before=counter.moment(body.get("lastUpdatedBefore")),
        created_before=counter.moment(body.get("createdBefore")),
    )  # fmt: skip


def order_page(body: Any, *, call: uuid.UUID, keep: bool, asked_recipient: bool) -> Page:
    """`getOrder`'s answer, as a page of one."""
    if not isinstance(body, dict) or not isinstance(body.get("order"), dict):
        raise NotAnAnswer("an order was asked for")
    counter = Counter()
    counter.dropped += len(set(body) - {"order"})
    return _page(
        counter, [body["order"]], call=call, keep=keep, asked_recipient=asked_recipient, next_token=None,
        last_updated_before=None, created_before=None,
    )  # fmt: skip


def packages(body: Any, *, call: uuid.UUID) -> Packages:
    """`getOrder`'s answer, read for its parcels only."""
    if not isinstance(body, dict) or not isinstance(body.get("order"), dict):
        raise NotAnAnswer("an order was asked for")
    counter, found = Counter(), []
    for row in counter.rows(body["order"].get("packages"), 100):
        table = counter.table(row)
        reference = counter.text(table.get("packageReferenceId"), 40)
        number = table.get("trackingNumber")
        items = [counter.table(item) for item in counter.rows(table.get("packageItems"), MOST_ITEMS)]
        pieces = {
            counter.text(item.get("orderItemId"), 40) or "": counter.count(item.get("quantity")) for item in items
        }
        if reference:
            tracking = Secret(number[:200].encode("utf-8", "replace")) if isinstance(number, str) and number else None
            state = counter.word(counter.table(table.get("packageStatus")).get("status"), "UNRECOGNISED")
            left = counter.moment(table.get("shipTime"))
            found.append(
                PackageRecord(reference, tracking, left, pieces, counter.text(table.get("carrier"), 60), state)
            )
    status = counter.word(counter.table(body["order"].get("fulfillment")).get("fulfillmentStatus"), "UNRECOGNISED")
    return Packages(tuple(found), status, call, counter.dropped)


def participations(body: Any) -> tuple[Participation, ...]:
    """`getMarketplaceParticipations`' answer."""
    if not isinstance(body, dict) or not isinstance(body.get("payload"), list):
        raise NotAnAnswer("participations were asked for")
    counter, found = Counter(), []
    for row in counter.rows(body["payload"], 200):
        table = counter.table(row)
        place, part = counter.table(table.get("marketplace")), counter.table(table.get("participation"))
        id_ = counter.text(place.get("id"), 24)
        if id_:
            found.append(
                Participation(id_, counter.text(place.get("countryCode"), 2), part.get("isParticipating") is True)
            )
    return tuple(found)


def _page(
    counter: Counter, rows: list[Any], *, call: uuid.UUID, keep: bool, asked_recipient: bool,
    next_token: Secret | None, last_updated_before: datetime | None, created_before: datetime | None,
) -> Page:  # fmt: skip
    read = [_order(row, keep=keep, asked_recipient=asked_recipient) for row in rows]
    orders = tuple(order for order in read if order is not None)
    said = "\n".join(f"{order.order_id} {order.updated.isoformat()}" for order in orders)
    return Page(
        orders, next_token, last_updated_before, created_before, call,
        counter.dropped + sum(order.dropped for order in orders), len(read) - len(orders),
        hashlib.sha256(said.encode()).hexdigest(),
    )  # fmt: skip


def _order(row: Any, *, keep: bool, asked_recipient: bool) -> OrderRecord | None:
    """One order, or `None` where it lacks what every order has."""
    counter = Counter()
    table = counter.table(row)
    order_id = table.get("orderId")
    created, updated = counter.moment(table.get("createdTime")), counter.moment(table.get("lastUpdatedTime"))
    if not isinstance(order_id, str) or not _ORDER_ID.fullmatch(order_id) or created is None or updated is None:
        return None
    counter.dropped += len(set(table) - ORDER_KNOWN)
    fulfillment = counter.table(table.get("fulfillment"))
    channel = counter.table(table.get("salesChannel"))
    address = counter.table(counter.table(table.get("recipient")).get("deliveryAddress"))
    country = address.get("countryCode")
    items = [counter.table(item) for item in counter.rows(table.get("orderItems"), MOST_ITEMS)]
    return OrderRecord(
        order_id=order_id,
        created=created,
        updated=updated,
        status=counter.word(fulfillment.get("fulfillmentStatus"), "UNRECOGNISED"),
        fulfilled_by=counter.word(fulfillment.get("fulfilledBy"), "UNRECOGNISED")[:16],
        marketplace_id=counter.code(channel.get("marketplaceId"), 24),
        sales_channel=counter.code(channel.get("channelName"), 40),
        service_level=counter.code(fulfillment.get("fulfillmentServiceLevel"), 40),
        ship_by=counter.moment(counter.table(fulfillment.get("shipByWindow")).get("latestDateTime")),
        deliver_by=counter.moment(counter.table(fulfillment.get("deliverByWindow")).get("latestDateTime")),
        country=country if isinstance(country, str) and re.fullmatch("[A-Z]{2}", country) else None,
        items=tuple(_item(counter, item) for item in items),
        pii=_personal(counter, table, items) if keep else PersonalData(),
        recipient_absent=asked_recipient and not any(isinstance(value, str) and value for value in address.values()),
        dropped=counter.dropped,
    )


def _item(counter: Counter, item: dict[str, Any]) -> ItemRecord:
    product, shipped = counter.table(item.get("product")), counter.table(item.get("fulfillment"))
    return ItemRecord(
        counter.code(item.get("orderItemId"), 40) or "",
        counter.text(product.get("sellerSku"), 80),
        counter.code(product.get("asin"), 20),
        counter.text(product.get("title"), 200),
        counter.count(item.get("quantityOrdered")),
        counter.count(shipped.get("quantityFulfilled")),
    )


def _personal(counter: Counter, table: dict[str, Any], items: list[dict[str, Any]]) -> PersonalData:
    recipient = counter.table(table.get("recipient"))
    address = counter.table(recipient.get("deliveryAddress"))
    preference = counter.table(recipient.get("deliveryPreference"))
    where = _fields(counter, address, ADDRESS) | _fields(counter, preference, PREFERENCE)
    where |= _fields(counter, counter.table(address.get("extendedFields")), EXTENDED)
    if preference.get("deliveryTime"):
        where["delivery_time"] = _json(preference["deliveryTime"])
    buyer = _fields(counter, counter.table(table.get("buyer")), BUYER)
    registrations = counter.rows(counter.table(table.get("tax")).get("taxRegistrations"), 20)
    theirs = [r for r in registrations if isinstance(r, dict) and r.get("entityType") == "BUYER"]
    if theirs:
        buyer["tax_registrations"] = _json(theirs)
    return PersonalData(where, buyer, _gift(counter, items), _tracking(counter, table))


def _gift(counter: Counter, items: list[dict[str, Any]]) -> dict[str, Secret]:
    messages, customisations = [], []
    for item in items:
        id_ = counter.text(item.get("orderItemId"), 40)
        packing = counter.table(counter.table(item.get("fulfillment")).get("packing"))
        message = counter.table(packing.get("giftOption")).get("giftMessage")
        if isinstance(message, str) and message:
            messages.append({"item": id_, "text": message[:LONGEST_FIELD]})
        customised = counter.table(counter.table(item.get("product")).get("customization")).get("customizedUrl")
        if isinstance(customised, str) and customised:
            customisations.append({"item": id_, "text": customised[:LONGEST_FIELD]})
    found = {}
    if messages:
        found["messages"] = _json(messages)
    if customisations:
        found["customisations"] = _json(customisations)
    return found


def _tracking(counter: Counter, table: dict[str, Any]) -> dict[str, Secret]:
    for package in counter.rows(table.get("packages"), 100):
        found = _fields(counter, counter.table(package), {"carrier": "carrier", "trackingNumber": "number"})
        if "number" in found:
            return found
    return {}


def _fields(counter: Counter, table: dict[str, Any], names: dict[str, str]) -> dict[str, Secret]:
    """The texts of a table under our names; each is a secret as soon as it is taken."""
    found = {}
    for theirs, ours in names.items():
        value = table.get(theirs)
        if isinstance(value, str) and value:
            found[ours] = Secret(value[:LONGEST_FIELD].encode("utf-8", "replace"))
        elif value is not None and not isinstance(value, str):
            counter.dropped += 1
    return found


def _json(value: Any) -> Secret:
    return Secret(json.dumps(value, ensure_ascii=False)[: LONGEST_FIELD * 4].encode("utf-8", "replace"))


def _refuse(_: str) -> None:
    raise ValueError("not JSON")
