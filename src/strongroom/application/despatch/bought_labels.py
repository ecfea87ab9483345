"""Labels bought through Amazon: no address is opened for them, and a purchase is never made twice by itself.

Asked for at the desk, bought by the worker, sealed with the order, printed like any other label. `asked` is committed
before Amazon is: a crash in between leaves a purchase that a person looks up, not a second one.
"""

from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import F, Q, QuerySet

from strongroom.application.despatch import rules
from strongroom.application.despatch.actions import into_the_ledger, next_parcel, read_tracking, tracking_fields
from strongroom.application.despatch.buying import FORMS, Bought, NotBought, Reason, Wanted, buy, kept, opened
from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Part, Purpose
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.marketplace import (
    Client,
    Document,
    MarketplaceError,
    NotAParcel,
    RoleMissing,
    ShipFrom,
    ShippedItem,
    Size,
    Throttled,
    TokenRevoked,
    Unreachable,
)
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.encryption_and_storage import actions as storage
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.connection import Forgotten
from strongroom.policy.encryption_and_storage.models import Printer, PrintReason
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.retention_and_recovery.actions import promise_to_forget
from strongroom.policy.retention_and_recovery.models import Order, OrderItem, Parcel, ParcelItem, Stock

SIDES: Final = (300, 200, 120)
"""Millimetres of the box that is assumed; one preset, until benches measure."""
UNKNOWN_WEIGHT: Final = 500
AT_MOST: Final = 50
"""What a label may cost where nothing else is configured, in whole units of its currency."""


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
    """Whether a label is to be bought now."""
    return _due(account).exists()


def buy_due(*, account: int, client: Client, home: ShipFrom, at_most: int = AT_MOST) -> int:
    """Buy what was asked for; how many labels. Raises what would stop every other call too."""
    bought = 0
    for parcel in _due(account).order_by("made_at")[:10]:
        order = Order.objects.get(account_id=account, ref=parcel.order_ref)
        printer = Printer.objects.filter(pk=parcel.printer or 0, retired_at__isnull=True).first()
        if order.order_id is None or order.done_on is not None or printer is None:
            _settle(parcel, "refused", "order or printer is gone")
            continue
        bought += _buy(order, parcel, printer, client, _wanted(order, parcel, printer.format, at_most), home)
    return bought


def _buy(order: Order, parcel: Parcel, printer: Printer, client: Client, wanted: Wanted, home: ShipFrom) -> int:
    """One purchase, `asked` before it is made; its end decides whether it may be asked again (F24)."""
    _settle(parcel, "asked", None)
    try:
        label = buy(client=client, wanted=wanted, ship_from=home, now=definitions.now())
    except NotBought as none:
        _end(parcel, none)
        return 0
    except NotAParcel:
        _settle(parcel, "refused", "the parcel or our address is not whole")
        return 0
    except MarketplaceError as problem:  # nothing was bought
        stops = isinstance(problem, Throttled | TokenRevoked | RoleMissing)
        if stops or problem.may_be_done or isinstance(problem, Unreachable):
            _later(parcel, problem.outcome)
        else:
            _settle(parcel, "refused", problem.outcome)
        if stops:
            raise
        return 0
    _keep(order, parcel, label, printer)
    return 1


def _due(account: int) -> QuerySet[Parcel]:
    wanted = Parcel.objects.filter(account_id=account, purchase="wanted")
    return wanted.filter(Q(try_at__isnull=True) | Q(try_at__lte=definitions.now()))


def _later(parcel: Parcel, problem: str) -> None:
    """Nothing was bought, and it is worth asking again."""
    _settle(parcel, "wanted", problem)
    Parcel.objects.filter(account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number).update(
        tries=F("tries") + 1, try_at=definitions.now() + rules.wait_before_try(parcel.tries)
    )


def _end(parcel: Parcel, none: NotBought) -> None:
    """A purchase that may stand at Amazon stays `asked`: a person looks there first."""
    open_end = none.reason in (Reason.PERHAPS, Reason.NOT_RETURNED)
    _settle(parcel, "asked" if open_end else "refused", none.reason.name.lower().replace("_", " "))
    if none.shipment_id:
        Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number
        ).update(shipment=none.shipment_id)  # fmt: skip


def _wanted(order: Order, parcel: Parcel, form: str, at_most: int) -> Wanted:
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
    return Wanted(
        str(order.order_id), tuple(ShippedItem(item.order_item_id, pieces[item.line]) for item in items),
        Size(grams, *SIDES), order.ship_by, order.deliver_by, FORMS[form], Decimal(at_most),
    )  # fmt: skip


def _keep(order: Order, parcel: Parcel, label: Bought, printer: Printer) -> None:
    """Seal label and tracking number with the order, and put the print into the ledger, in one transaction.

    What the order's other parcels have of both is opened, with its own entries, and sealed again beside the new.
    """
    labels = {**_other_labels(order), parcel.number: label.label}
    numbers = {**_other_numbers(order), parcel.number: (label.carrier, label.tracking.text())}
    try:
        text = kept(labels)
    except ValueError:  # the newest is needed most; an older one is bought again when it must be
        text = kept({parcel.number: label.label})
    parts = [
        storage.to_seal(order=order.ref, part=Part.LABEL, fields={"label": text}),
        storage.to_seal(order=order.ref, part=Part.TRACKING, fields=tracking_fields(numbers)),
    ]
    by = Actor.DESPATCH.reference
    with transaction.atomic(durable=True):
        sealed, keys = broker.seal(account=order.account_id, by=by, parts=parts)
        storage.know_keys(account=order.account_id, keys=keys)
        rows = [storage.Written(order.ref, p.part, p.write, s) for p, s in zip(parts, sealed, strict=True)]
        storage.write_rows(account=order.account_id, rows=rows)
        promise_to_forget(account=order.account_id, keys=keys)
        Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number
        ).update(purchase="bought", shipment=label.shipment_id, problem=None)  # fmt: skip
        into_the_ledger(parcel, printer, PrintReason.FIRST, parcel.made_by.bytes)
        journal.record(
            Kind.LABEL_BOUGHT, by=by, account=order.account_id, subject=order.ref.bytes,
            facts={Fact.PARCEL: parcel.number},
        )  # fmt: skip


def _other_labels(order: Order) -> dict[int, Document]:
    fields = _opened(order, Purpose.BOUGHT_LABEL)
    try:
        return opened(fields["label"]) if fields else {}
    except Malformed:
        return {}


def _other_numbers(order: Order) -> dict[int, tuple[str, str]]:
    fields = _opened(order, Purpose.TRACKING)
    return read_tracking(fields) if fields else {}


def _opened(order: Order, purpose: Purpose) -> dict[str, Secret]:
    """What this order has of a part; nothing where it has none or none any more."""
    try:
        return storage.open_for(
            account=order.account_id, order=order.ref, purpose=purpose, by=Actor.DESPATCH.reference
        ).fields  # fmt: skip
    except Forgotten:
        return {}


def _settle(parcel: Parcel, purchase: str, problem: str | None) -> None:
    with transaction.atomic(durable=True):
        Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number
        ).update(purchase=purchase, problem=problem[:40] if problem else None)  # fmt: skip
        if purchase == "refused":
            journal.record(
                Kind.LABEL_BOUGHT, by=Actor.DESPATCH.reference, account=parcel.account_id,
                subject=parcel.order_ref.bytes, outcome=Outcome.REFUSED, facts={Fact.PARCEL: parcel.number},
            )  # fmt: skip
