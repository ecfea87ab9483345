"""The seller's business over time, from a seed: what was ordered, shipped, cancelled, changed and refunded, and when.

The world at a moment follows from seed, start and what tests injected; nothing here asks for the time.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from strongroom.rehearsal.marketplace.moments import instant
from strongroom.rehearsal.people import Person, gift_message, person

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
CATALOGUE: Final = (
    ("MARBLE-42", "B0SRMARBLE", "Marble run, beech, 42 parts", "24.90"),
    ("GLOW-6", "B0SRGLOW06", "Glow paint, six pots", "9.50"),
    ("KITE-S", "B0SRKITE0S", "Swallow kite, small", "14.00"),
    ("PUZZ-500", "B0SRPUZ500", "Puzzle, harbour at night, 500 pieces", "12.75"),
    ("BEAR-OAT", "B0SRBEAROA", "Bear, oatmeal, 30 cm", "19.99"),
    ("TRAIN-12", "B0SRTRAI12", "Wooden train, 12 pieces", "29.00"),
)
MARKETPLACES: Final = {
    "GB": ("A1F83G8C2ARO7P", "Amazon.co.uk", "GBP"),
    "DE": ("A1PA6795UKMFR9", "Amazon.de", "EUR"),
    "FR": ("A13V1IB3VIYZZH", "Amazon.fr", "EUR"),
    "JP": ("A1VC38T7YXB528", "Amazon.co.jp", "JPY"),
    "AE": ("A2VIGQ35RCS4UG", "Amazon.ae", "AED"),
    "TR": ("A33AVAJ2PDY3EV", "Amazon.com.tr", "TRY"),
}


SERVICES: Final = ("STANDARD", "STANDARD", "STANDARD", "EXPEDITED", "STANDARD", "NEXT_DAY", "STANDARD")
CUT_OFF: Final = 14 * HOUR
HANDLING: Final = {"STANDARD": 2, "EXPEDITED": 1, "NEXT_DAY": 0}
TRANSIT: Final = {"STANDARD": 3, "EXPEDITED": 2, "NEXT_DAY": 1}
"""Working days until it must leave (what comes after the cut-off counts from the next), and on the way."""


def promise(created: float, service: str) -> tuple[float, float]:
    """The latest moments to leave and to arrive: the ends of working days, Monday to Friday, in UTC."""
    begins = int(created // DAY) + (created % DAY > CUT_OFF)
    leaves = _working(begins, HANDLING[service])
    arrives = _working(leaves, TRANSIT[service])
    return (leaves + 1) * DAY - 1, (arrives + 1) * DAY - 1


def _working(day: int, after: int) -> int:
    """The working day so many after the first that is none of a weekend; day 0 was a Thursday."""
    while (day + 3) % 7 > 4 or after > 0:
        after -= (day + 3) % 7 <= 4
        day += 1
    return day


@dataclass(frozen=True)
class Item:
    item_id: str
    sku: str
    asin: str
    title: str
    price: str
    quantity: int
    fulfilled: int = 0
    gift: str = field(default="", repr=False)
    customised: str = field(default="", repr=False)


@dataclass
class SimulatedOrder:
    """An order as Amazon knows it; times in seconds since 1970."""

    order_id: str
    created: float
    updated: float
    status: str
    fulfilled_by: str
    person: Person
    items: list[Item]
    ship_by: float
    deliver_by: float
    programs: list[str]
    shipped: float | None = None
    tracking: str = field(default="", repr=False)
    instruction: str = field(default="", repr=False)
    no_recipient: bool = False
    service: str = "STANDARD"
    packages: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)


class Business:
    """All orders up to a moment. `advance` moves only forward."""

    def __init__(
        self, *, seed: int, start: float, orders_per_day: float, despatch: bool = True, hands_off: float = math.inf
    ) -> None:
        """`hands_off`: from this moment on nothing is despatched here: that is left to whoever packs (Strongroom)."""
        self._rng = Random(seed)  # noqa: S311 - a rehearsal's dice, to be thrown alike each time
        self._rate = orders_per_day / DAY
        self._hands_off = hands_off if despatch else start
        self._events: list[tuple[float, int, str, str]] = []
        self._count = 0
        self.now = start
        self.orders: dict[str, SimulatedOrder] = {}
        if orders_per_day > 0:
            self._plan(start + self._rng.expovariate(self._rate), "order", "")

    def advance(self, now: float) -> None:
        """Let everything happen that is due by `now`."""
        while self._events and self._events[0][0] <= now:
            at, _, kind, order_id = heapq.heappop(self._events)
            self.now = at
            if kind == "order":
                self.place()
                self._plan(at + self._rng.expovariate(self._rate), "order", "")
            else:
                getattr(self, kind)(order_id)
        self.now = max(self.now, now)

    def place(self, who: Person | None = None, **what: Any) -> SimulatedOrder:
        """A new order now. `what` overrides fields, for tests; given any, the order lives only as the test says."""
        rng, self._count = self._rng, self._count + 1
        customer = who or person(rng)
        order_id = f"{rng.randint(200, 299)}-{rng.randint(0, 9_999_999):07d}-{self._count:07d}"
        amazon = rng.random() < 0.08
        items = [self._item(i) for i in range(rng.choice((1, 1, 1, 2, 3)))]
        order = SimulatedOrder(
            order_id, self.now, self.now, "UNSHIPPED" if rng.random() < 0.8 else "PENDING",
            "AMAZON" if amazon else "MERCHANT", customer, items, 0.0, 0.0,
            ["PRIME"] if rng.random() < 0.1 else [],
        )  # fmt: skip
        order.service = SERVICES[self._count % len(SERVICES)]
        order.ship_by, order.deliver_by = promise(self.now, order.service)
        for name, value in what.items():
            setattr(order, name, value)
        self.orders[order_id] = order
        if not what:
            self._plan_life(order)
        return order

    def due(self, *, after: float, before: float, by: str) -> Iterator[SimulatedOrder]:
        """Orders whose `created` or `updated` lies in the window, oldest first."""
        found = [o for o in self.orders.values() if after <= getattr(o, by) <= before]
        return iter(sorted(found, key=lambda o: (getattr(o, by), o.order_id)))

    # what happens to an order; each is one of Amazon's or the seller's acts

    def confirm(self, order_id: str) -> None:
        """The payment stands; an order that was cancelled meanwhile stays cancelled."""
        if self.orders[order_id].status in ("PENDING", "INVOICE_UNCONFIRMED"):
            self._set(order_id, "UNSHIPPED")

    def ship(self, order_id: str) -> None:
        order = self.orders[order_id]
        if order.status in ("CANCELLED", "UNFULFILLABLE"):
            return
        order.items = [replace(item, fulfilled=item.quantity) for item in order.items]
        order.shipped = order.shipped or self.now
        order.tracking = order.tracking or f"NP{self._rng.randint(0, 10**12):012d}"
        self._set(order_id, "SHIPPED")

    def ship_part(self, order_id: str) -> None:
        """The first line leaves, or the half of an only line; an order of one piece cannot leave in part."""
        order = self.orders[order_id]
        first = order.items[0]
        gone = first.quantity if len(order.items) > 1 else first.quantity // 2
        if order.status == "UNSHIPPED" and gone:
            self.confirm_shipment(
                order_id,
                {
                    "packageReferenceId": "1",
                    "carrierCode": "Northmoor Parcels",
                    "trackingNumber": f"NP{self._rng.randint(0, 10**12):012d}",
                    "shipDate": instant(self.now),
                    "orderItems": [{"orderItemId": first.item_id, "quantity": gone}],
                },
            )

    def cancel(self, order_id: str) -> None:
        if self.orders[order_id].status != "SHIPPED":
            self._set(order_id, "CANCELLED")

    def confirm_shipment(self, order_id: str, detail: dict[str, Any]) -> None:
        """A parcel as its seller tells it. Told again under the same reference it replaces what was told before."""
        order = self.orders[order_id]
        reference = str(detail["packageReferenceId"])
        if order.packages.get(reference) == detail:
            return
        order.packages[reference] = detail
        self._count_pieces(order_id)

    def _count_pieces(self, order_id: str) -> None:
        """What left, by what was told and what carriers fetched; a parcel that is both counts once."""
        order = self.orders[order_id]
        gone: dict[str, int] = {}
        told = {package["trackingNumber"] for package in order.packages.values()}
        fetched = [s for s in order.labels.values() if "collected" in s and s["tracking"] not in told]
        pieces = [(i["orderItemId"], i["quantity"]) for p in order.packages.values() for i in p["orderItems"]]
        pieces += [(i["OrderItemId"], i["Quantity"]) for sold in fetched for i in sold["details"]["ItemList"]]
        for item_id, quantity in pieces:
            gone[item_id] = gone.get(item_id, 0) + int(quantity)
        order.items = [replace(i, fulfilled=max(i.fulfilled, gone.get(i.item_id, 0))) for i in order.items]
        whole = all(item.fulfilled >= item.quantity for item in order.items)
        if order.status != "SHIPPED":
            order.shipped = self.now if whole else order.shipped
            self._set(order_id, "SHIPPED" if whole else "PARTIALLY_SHIPPED")
        else:
            self._set(order_id, "SHIPPED")

    @property
    def bought(self) -> dict[str, dict[str, Any]]:
        """All labels that were sold, by shipment."""
        return {id_: sold for order in self.orders.values() for id_, sold in order.labels.items()}

    def buy_label(self, order_id: str, sold: dict[str, Any]) -> None:
        """A label sold: its parcel is pending until the carrier has it; then nobody need confirm it."""
        order = self.orders[order_id]
        order.labels[sold["shipment_id"]] = sold
        self._set(order_id, order.status)
        self._plan(sold["leaves"], "collect", order_id)

    def collect(self, order_id: str) -> None:
        """The carrier fetches what is due of an order's bought labels; Amazon counts those pieces as shipped."""
        for sold in self.orders[order_id].labels.values():
            due = sold["leaves"] <= self.now and not {"cancelled", "collected"} & set(sold)
            if due and self.orders[order_id].status in ("UNSHIPPED", "PARTIALLY_SHIPPED"):
                sold["collected"] = self.now
                self._count_pieces(order_id)

    def cancel_label(self, order_id: str, what: dict[str, Any]) -> None:
        order = self.orders[order_id]
        order.labels[what["shipment_id"]]["cancelled"] = what["at"]
        self._set(order_id, order.status)

    def flip(self, order_id: str) -> None:
        """Amazon says unshipped again for a while, as it sometimes does."""
        if self.orders[order_id].status == "SHIPPED":
            self._set(order_id, "UNSHIPPED")

    def refund(self, order_id: str) -> None:
        """Long after: the order is updated, its personal data still in the answer."""
        self._set(order_id, self.orders[order_id].status)

    def change_address(self, order_id: str) -> None:
        order = self.orders[order_id]
        if order.status == "UNSHIPPED":
            order.person = replace(order.person, line1=f"{self._rng.randint(300, 400)} New Wharf")
            self._set(order_id, "UNSHIPPED")

    def rename(self, order_id: str) -> None:
        """A status that no model lists."""
        if self.orders[order_id].status == "PENDING":
            self._set(order_id, "INVOICE_UNCONFIRMED")

    def give_up(self, order_id: str) -> None:
        if self.orders[order_id].status == "PENDING":
            self._set(order_id, "UNFULFILLABLE")

    def _set(self, order_id: str, status: str) -> None:
        order = self.orders[order_id]
        order.status, order.updated = status, max(self.now, order.updated + 0.001)

    def _plan(self, at: float, kind: str, order_id: str) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, kind, order_id))

    def _plan_life(self, order: SimulatedOrder) -> None:
        """One of the lives an order may have; shares are what a small shop sees, its rare ones made less rare."""
        rng, id_, now = self._rng, order.order_id, self.now
        if order.status == "PENDING":
            kind = rng.choices(("confirm", "rename", "give_up"), (90, 5, 5))[0]
            self._plan(now + rng.uniform(0.5, 12) * HOUR, kind, id_)
            if kind == "rename":
                self._plan(now + 20 * HOUR, "confirm", id_)
            if kind == "give_up":
                return
        self._plan_despatch(order)

    def _plan_despatch(self, order: SimulatedOrder) -> None:
        rng, id_, now = self._rng, order.order_id, self.now
        shipped = now + rng.uniform(0.7, 3.0) * DAY
        life = rng.choices(("plain", "late", "cancelled", "part", "flip", "refund", "moved"), (64, 4, 12, 6, 5, 5, 4))[
            0
        ]
        match life:
            case "late":  # a pre-order: it must be carried
                shipped = now + rng.uniform(30, 40) * DAY
            case "cancelled":
                self._plan(now + rng.uniform(1, 20) * HOUR, "cancel", id_)
                return
            case "part":
                self._plan(now + rng.uniform(13, 16) * HOUR, "ship_part", id_)
            case "flip":
                self._plan(shipped + 6 * HOUR, "flip", id_)
                self._plan(shipped + 20 * HOUR, "ship", id_)
            case "refund":
                self._plan(shipped + rng.choice((9, 45)) * DAY, "refund", id_)
            case "moved":
                self._plan(now + rng.uniform(12.5, 15) * HOUR, "change_address", id_)
        if shipped < self._hands_off or order.fulfilled_by == "AMAZON":
            self._plan(shipped, "ship", id_)

    def _item(self, line: int) -> Item:
        sku, asin, title, price = self._rng.choice(CATALOGUE)
        gift = gift_message(self._rng) if self._rng.random() < 0.08 else ""
        return Item(f"{self._rng.randint(10**13, 10**14 - 1)}{line}", sku, asin, title, price,
                    self._rng.choice((1, 1, 1, 2, 4)), gift=gift)  # fmt: skip
