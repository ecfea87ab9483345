"""What packers and managers see: never a person. Every list is filtered, ordered and counted by the database."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import MD5, Left, Upper

from strongroom.application.despatch import rules
from strongroom.formats.parts import Part
from strongroom.policy import definitions
from strongroom.policy.definitions import OrderState
from strongroom.policy.encryption_and_storage.models import LabelPrint, Printer, PrintState, SealedPart
from strongroom.policy.retention_and_recovery.actions import selling_accounts
from strongroom.policy.retention_and_recovery.models import Order, OrderItem, Parcel, ParcelState, Stock, Wave

PACKABLE = Q(has_address=True, held_for__isnull=True, has_parcel=False)
"""Waiting orders that a bench could take now; on `waiting()` only, which says whether there is an address."""
MOST_COUNTED: Final = 100_000
"""Orders that wait at once; more are counted as so many."""
OPEN_STATES = (OrderState.TO_SHIP, OrderState.PART_SHIPPED)


@dataclass(frozen=True)
class Line:
    """One line of an order as a picker needs it."""

    sku: str
    title: str
    bin: str
    quantity: int
    left: int


def filters(now: datetime) -> dict[str, tuple[str, Q]]:
    """The worklist's filters: words, and which orders. `pickable` is the rest that may go into a wave."""
    pickable = Q(has_address=True, held_for__isnull=True)
    return {
        "ready": ("Ready", pickable & Q(wave__isnull=True, has_parcel=False)),
        "waved": ("In a wave", pickable & Q(wave__isnull=False, has_parcel=False)),
        "packed": ("Labelled, still here", Q(has_parcel=True)),
        "late": ("Late", Q(ship_by__lt=now)),
        "held": ("On hold", Q(held_for__isnull=False)),
        "absent": ("No address", Q(has_address=False, data_absent=True)),
        "lost": ("Being fetched again", Q(has_address=False, data_absent=False)),
        "part": ("Part shipped", Q(state=OrderState.PART_SHIPPED)),
        "all": ("All to ship", Q()),
    }


def waiting(*, account: int | None = None, warehouse: str = "") -> QuerySet[Order]:
    """Orders the merchant must still ship, most urgent first: latest ship date, then what was paid for faster."""
    parts = SealedPart.objects.filter(
        account_id=OuterRef("account_id"), order_ref=OuterRef("ref"), part=Part.RECIPIENT
    )  # fmt: skip
    parcels = Parcel.objects.filter(account_id=OuterRef("account_id"), order_ref=OuterRef("ref"))
    found = Order.objects.filter(
        account_id__in=[account] if account is not None else selling_accounts(),
        done_on__isnull=True, fulfilled_by="MERCHANT", state__in=OPEN_STATES,
    )  # fmt: skip
    if warehouse:
        found = found.filter(warehouse=warehouse)
    return found.annotate(has_address=Exists(parts), has_parcel=Exists(parcels)).order_by(
        F("ship_by").asc(nulls_last=True), "-priority", "ref"
    )


def counts(found: QuerySet[Order], now: datetime) -> dict[str, int]:
    """How many each filter holds, in one statement: a slice is a subquery, so that each order is looked at once."""
    each = found.order_by()[:MOST_COUNTED]
    return dict(each.aggregate(**{name: Count("ref", filter=which) for name, (_, which) in filters(now).items()}))


def reopened() -> int:
    """Orders that were cancelled and that Amazon says must ship after all: no label of ours is printed for them."""
    return Order.objects.filter(
        account_id__in=selling_accounts(), cancelled_at__isnull=False, fulfilled_by="MERCHANT", state__in=OPEN_STATES
    ).count()  # fmt: skip


def warehouses() -> list[str]:
    found = Stock.objects.filter(account_id__in=selling_accounts()).values_list("warehouse", flat=True).distinct()
    return sorted(name for name in found if name)


def lines_of(orders: Sequence[Order]) -> dict[uuid.UUID, list[Line]]:
    """The lines of some orders with their bins, in two statements."""
    accounts, refs = {o.account_id for o in orders}, [o.ref for o in orders]
    items = OrderItem.objects.filter(account_id__in=accounts, order_ref__in=refs).order_by("order_ref", "line")
    rows = list(items)
    stock = {
        (s.account_id, s.sku): s
        for s in Stock.objects.filter(account_id__in=accounts, sku__in={item.sku for item in rows})
    }
    found: dict[uuid.UUID, list[Line]] = defaultdict(list)
    for item in rows:
        known = stock.get((item.account_id, item.sku))
        found[item.order_ref].append(
            Line(
                item.sku,
                known.title if known else item.title,
                known.bin if known else "",
                item.quantity,
                max(0, item.quantity - item.quantity_fulfilled),
            )
        )
    return found


def labels_of(orders: Sequence[Order]) -> dict[uuid.UUID, LabelPrint]:
    """The newest label of each order that has one."""
    labels = LabelPrint.objects.filter(
        account_id__in={o.account_id for o in orders}, order_ref__in=[o.ref for o in orders]
    ).order_by("queued_at")  # fmt: skip
    return {label.order_ref: label for label in labels}


def by_code(code: str) -> Order | None:
    """The one order with this code; nothing where none or two have it."""
    first, last = rules.range_of(code)
    found = list(Order.objects.filter(account_id__in=selling_accounts(), ref__range=(first, last))[:2])
    return found[0] if len(found) == 1 else None


def by_amazon_number(number: str) -> Order | None:
    return Order.objects.filter(account_id__in=selling_accounts(), order_id=number).first()


def holds_sku(order: Order, sku: str) -> int:
    """How many pieces of this SKU the order wants; 0 where it does not hold it."""
    found = OrderItem.objects.filter(account_id=order.account_id, order_ref=order.ref, sku__iexact=sku)
    return sum(found.values_list("quantity", flat=True))


def next_with_sku(sku: str, *, wave: int | None) -> Order | None:
    """The most urgent order that is just one piece of this SKU and has no parcel yet, as batches are packed."""
    single = waiting().filter(PACKABLE, lines=1, units=1)
    if wave is not None:
        single = single.filter(wave=wave)
    mine = OrderItem.objects.filter(account_id=OuterRef("account_id"), order_ref=OuterRef("ref"), sku__iexact=sku)
    return single.filter(Exists(mine)).first()


def knows_sku(scanned: str) -> bool:
    """Whether a scan is a SKU of ours, in whatever case.

    It may be a tracking number or a name instead, and no statement carries one (RR-4): the database is asked for SKUs
    with the same first bits of a digest, and what it finds is compared here.
    """
    wanted = _upper(scanned)
    mark = hashlib.md5(wanted, usedforsecurity=False).hexdigest()[:6]
    accounts = selling_accounts()
    for table in (Stock, OrderItem):
        alike = table.objects.alias(mark=Left(MD5(Upper("sku")), 6)).filter(account_id__in=accounts, mark=mark)
        if any(_upper(sku) == wanted for sku in alike.values_list("sku", flat=True).distinct()):
            return True
    return False


def _upper(text: str) -> bytes:
    """As the database does in its plain locale: ASCII letters only."""
    return text.encode().upper()


def printers() -> list[Printer]:
    return list(Printer.objects.filter(retired_at__isnull=True).select_related("second").order_by("name"))


def undecided() -> QuerySet[LabelPrint]:
    """Labels whose fate a person must decide, oldest first."""
    return LabelPrint.objects.filter(account_id__in=selling_accounts(), state=PrintState.UNKNOWN).order_by("since")


def queue_depth(printer: Printer | None) -> int:
    queued = LabelPrint.objects.filter(
        account_id__in=selling_accounts(), state__in=[PrintState.QUEUED, PrintState.SENT]
    )
    return queued.filter(printer=printer.pk).count() if printer is not None else queued.count()


def untold() -> QuerySet[Parcel]:
    """Parcels that left and that Amazon does not know or refuses, oldest first."""
    return Parcel.objects.filter(
        account_id__in=selling_accounts(), state__in=[ParcelState.LEFT, ParcelState.REFUSED]
    ).order_by("left_at")  # fmt: skip


def wave(account: int, number: int) -> Wave | None:
    return Wave.objects.filter(account_id=account, number=number).first()


def in_wave(found: Wave) -> list[Order]:
    """A wave's orders that are still here, most urgent first."""
    return list(waiting(account=found.account_id).filter(wave=found.number))


def waves() -> list[tuple[Wave, int]]:
    """The newest waves, each with how many of its orders are still here."""
    found = list(Wave.objects.filter(account_id__in=selling_accounts()).order_by("-made_at")[:20])
    left = waiting().filter(wave__in=[w.number for w in found]).order_by()
    still = {
        (row["account_id"], row["wave"]): row["n"] for row in left.values("account_id", "wave").annotate(n=Count("ref"))
    }
    return [(w, still.get((w.account_id, w.number), 0)) for w in found]


def parcels_of(order: Order) -> list[Parcel]:
    return list(Parcel.objects.filter(account_id=order.account_id, order_ref=order.ref).order_by("number"))


def ledger_of(order: Order) -> list[LabelPrint]:
    return list(LabelPrint.objects.filter(account_id=order.account_id, order_ref=order.ref).order_by("queued_at"))


def printed_within(hours: int) -> int:
    since = definitions.now() - timedelta(hours=hours)
    done = LabelPrint.objects.filter(account_id__in=selling_accounts(), queued_at__gt=since)
    return done.filter(state__in=[PrintState.SENT, PrintState.CONFIRMED]).count()
