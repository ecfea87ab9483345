"""Labels bought through Amazon: no address is opened for them, and a purchase is never made twice by itself.

Asked for at the desk, bought by the worker, sealed with the order, printed like any other label. `asked` is committed
before Amazon is: a crash in between leaves a purchase that a person looks up, not a second one.
"""

import base64
from typing import Final

from django.db import transaction

from strongroom.application.despatch.actions import into_the_ledger, next_parcel, tracking_fields
from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.parts import Part
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.marketplace import Client, MarketplaceError, Throttled
from strongroom.marketplace.shipping_labels import BoughtLabel, LabelRequest, ShipFrom, cheapest
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.encryption_and_storage import actions as storage
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.models import Printer, PrintReason
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.retention_and_recovery.actions import promise_to_forget
from strongroom.policy.retention_and_recovery.models import Order, OrderItem, Parcel, ParcelItem, Stock

SIZE: Final = (30.0, 20.0, 12.0)
"""Centimetres of the box that is assumed; one preset, until benches measure."""
UNKNOWN_WEIGHT: Final = 500


def want(*, order: Order, printer: Printer, by: Person) -> Parcel:
    """Ask for a label to be bought for everything of an order that is still here, and printed there."""
    require(Permission.DESPATCH_PACK, of=by)
    with transaction.atomic():
        parcel = next_parcel(order, by)
        if parcel is None:
            raise Refused("ES-4", "Everything of this order is packed already.")
        Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number
        ).update(purchase="wanted", printer=printer.pk)  # fmt: skip
    return parcel


def is_due(account: int) -> bool:
    return Parcel.objects.filter(account_id=account, purchase="wanted").exists()


def buy_due(*, account: int, client: Client, home: ShipFrom) -> int:
    """Buy what was asked for; how many labels. Raises what would stop every other call too."""
    bought = 0
    for parcel in Parcel.objects.filter(account_id=account, purchase="wanted").order_by("made_at")[:10]:
        order = Order.objects.get(account_id=account, ref=parcel.order_ref)
        printer = Printer.objects.filter(pk=parcel.printer or 0, retired_at__isnull=True).first()
        if order.order_id is None or order.done_on is not None or printer is None:
            _settle(parcel, "refused", "order or printer is gone")
            continue
        request = _request(order, parcel, home, printer.format)
        offer = cheapest(client.eligible_services(request), arrive_by=order.deliver_by)
        if offer is None:
            _settle(parcel, "refused", "no carrier promises the date")
            continue
        _settle(parcel, "asked", None)
        try:
            label = client.buy_label(request, offer)
        except Throttled:
            _settle(parcel, "wanted", None)
            raise
        except MarketplaceError as problem:
            _settle(parcel, "refused" if problem.status and problem.status < 500 else "asked", problem.outcome)
            continue
        _keep(order, parcel, label, printer)
        bought += 1
    return bought


def _request(order: Order, parcel: Parcel, home: ShipFrom, form: str) -> LabelRequest:
    pieces = dict(
        ParcelItem.objects.filter(
            account_id=order.account_id, order_ref=order.ref, number=parcel.number
        ).values_list("line", "quantity")
    )  # fmt: skip
    items = list(OrderItem.objects.filter(account_id=order.account_id, order_ref=order.ref, line__in=list(pieces)))
    weights = dict(
        Stock.objects.filter(account_id=order.account_id, sku__in=[i.sku for i in items]).values_list("sku", "weight")
    )
    grams = sum((weights.get(item.sku) or UNKNOWN_WEIGHT) * pieces[item.line] for item in items)
    return LabelRequest(
        str(order.order_id), [(item.order_item_id, pieces[item.line]) for item in items], SIZE, grams, home, form,
        order.deliver_by,
    )  # fmt: skip


def _keep(order: Order, parcel: Parcel, label: BoughtLabel, printer: Printer) -> None:
    """Seal label and tracking number with the order, and put the print into the ledger, in one transaction."""
    text = f"{parcel.number}\n{label.form}\n{base64.b64encode(label.label.bytes()).decode()}"
    parts = [
        storage.to_seal(order=order.ref, part=Part.LABEL, fields={"label": Secret(text)}),
        storage.to_seal(
            order=order.ref, part=Part.TRACKING,
            fields=tracking_fields({parcel.number: (label.carrier, label.tracking.text())}),
        ),
    ]  # fmt: skip
    by = Actor.DESPATCH.reference
    with transaction.atomic(durable=True):
        sealed, keys = broker.seal(account=order.account_id, by=by, parts=parts)
        storage.know_keys(account=order.account_id, keys=keys)
        rows = [storage.Written(order.ref, p.part, p.write, s) for p, s in zip(parts, sealed, strict=True)]
        storage.write_rows(account=order.account_id, rows=rows)
        promise_to_forget(account=order.account_id, keys=keys)
        Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number
        ).update(purchase="bought", shipment=label.shipment, problem=None)  # fmt: skip
        into_the_ledger(parcel, printer, PrintReason.FIRST, parcel.made_by.bytes)
        journal.record(
            Kind.LABEL_BOUGHT, by=by, account=order.account_id, subject=order.ref.bytes,
            facts={Fact.PARCEL: parcel.number},
        )  # fmt: skip


def _settle(parcel: Parcel, purchase: str, problem: str | None) -> None:
    with transaction.atomic(durable=True):
        Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number
        ).update(purchase=purchase, problem=problem)  # fmt: skip
        if purchase == "refused":
            journal.record(
                Kind.LABEL_BOUGHT, by=Actor.DESPATCH.reference, account=parcel.account_id,
                subject=parcel.order_ref.bytes, outcome=Outcome.REFUSED, facts={Fact.PARCEL: parcel.number},
            )  # fmt: skip
