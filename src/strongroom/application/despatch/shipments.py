"""Telling Amazon that a parcel left: until Amazon says so itself, and never twice by mistake (DF-1, LM-6).

A parcel that left waits as a row while Amazon is down. Before a call is repeated, Amazon's own packages are read back:
an answer that was lost on its way may have been obeyed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F

from strongroom.application.despatch import rules
from strongroom.application.despatch.actions import read_tracking
from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.parts import Purpose
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.marketplace import (
    Client,
    MarketplaceError,
    NotAParcel,
    RoleMissing,
    ShipmentRefused,
    ShippedItem,
    Throttled,
    TokenRevoked,
)
from strongroom.marketplace.parcels import OTHER
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage.actions import open_for
from strongroom.policy.encryption_and_storage.connection import Forgotten
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.retention_and_recovery.models import Order, OrderItem, Parcel, ParcelItem, ParcelState

AT_MOST: Final = 20
AMAZON_CODES: Final = {name: code for name, code, _ in rules.CARRIERS} | {rules.OTHER: OTHER}
OTHER_NAME: Final = "Other carrier"


def is_due(account: int) -> bool:
    """Whether a parcel waits to be told now."""
    return Parcel.objects.filter(account_id=account, state=ParcelState.LEFT, try_at__lte=definitions.now()).exists()


def tell_due(*, account: int, client: Client) -> int:
    """Tell Amazon of parcels that left; how many it knows now. Raises only what stops every other call too."""
    told = 0
    now = definitions.now()
    due = Parcel.objects.filter(account_id=account, state=ParcelState.LEFT, try_at__lte=now).order_by("try_at")
    for parcel in due[:AT_MOST]:
        try:
            told += _tell(parcel, client)
        except (Throttled, TokenRevoked, RoleMissing) as problem:
            _later(parcel, problem.outcome, asked=False)
            raise
        except ShipmentRefused as problem:
            _refused(parcel, problem.why.name.lower().replace("_", " "))
        except NotAParcel:
            _refused(parcel, "not a parcel")
        except MarketplaceError as problem:  # also a 400 that is not Amazon's own: it says nothing of the parcel
            _later(parcel, problem.outcome, asked=True)
    return told


def _tell(parcel: Parcel, client: Client) -> int:
    order = Order.objects.get(account_id=parcel.account_id, ref=parcel.order_ref)
    if order.order_id is None:
        _refused(parcel, "order forgotten")
        return 0
    try:
        carrier, number = _tracking(parcel)
    except (Forgotten, Refused, KeyError):
        _refused(parcel, "tracking forgotten")
        return 0
    items, told = _items(parcel), Secret(number)
    pieces = {item.order_item_id: item.quantity for item in items}
    if parcel.asked and client.read_back(order.order_id).knows(
        reference=rules.package_reference(parcel.number), tracking=told, pieces=pieces
    ):
        return _known(parcel)
    _mark_asked(parcel)
    code = AMAZON_CODES.get(carrier, OTHER)
    client.confirm_shipment(
        order_id=order.order_id,
        marketplace_id=order.marketplace,
        reference=rules.package_reference(parcel.number),
        carrier=code,
        carrier_name=OTHER_NAME if code == OTHER else None,
        tracking=told,
        shipped=parcel.left_at or definitions.now(),
        items=items,
    )
    return _known(parcel)


def _tracking(parcel: Parcel) -> tuple[str, str]:
    """Carrier and number; opened for this call, with its entry and leaf (AM-3)."""
    opening = open_for(
        account=parcel.account_id, order=parcel.order_ref, purpose=Purpose.TRACKING, by=Actor.DESPATCH.reference
    )  # fmt: skip
    return read_tracking(opening.fields)[parcel.number]


def _items(parcel: Parcel) -> list[ShippedItem]:
    pieces: Mapping[int, int] = dict(
        ParcelItem.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number
        ).values_list("line", "quantity")
    )
    items = OrderItem.objects.filter(account_id=parcel.account_id, order_ref=parcel.order_ref, line__in=list(pieces))
    return [ShippedItem(item.order_item_id, pieces[item.line]) for item in items.order_by("line")]


def _mark_asked(parcel: Parcel) -> None:
    """Before the call: whoever comes after a crash reads back first."""
    _change(parcel, asked=True)


def _known(parcel: Parcel) -> int:
    with transaction.atomic(durable=True):
        moved = Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number, version=parcel.version
        ).update(
            state=ParcelState.TOLD, told_at=definitions.now(), told_version=parcel.version, problem=None, tries=0,
            asked=False,
        )  # fmt: skip
        if moved:
            _journal(Kind.SHIPMENT_CONFIRMED, parcel)
    return moved


def _refused(parcel: Parcel, code: str) -> None:
    """Amazon will not have it as it is: a person looks, corrects, and hands over again."""
    with transaction.atomic(durable=True):
        moved = Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number, version=parcel.version
        ).update(state=ParcelState.REFUSED, problem=code[:40], asked=False)  # fmt: skip
        if moved:
            _journal(Kind.SHIPMENT_REFUSED, parcel, Outcome.REFUSED)


def _later(parcel: Parcel, problem: str, *, asked: bool) -> None:
    _change(
        parcel,
        tries=F("tries") + 1,
        try_at=definitions.now() + rules.wait_before_try(parcel.tries),
        problem=problem[:40],
        asked=asked or parcel.asked,
    )


def _change(parcel: Parcel, **what: object) -> None:
    with transaction.atomic(durable=True):
        Parcel.objects.filter(
            account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number, version=parcel.version
        ).update(**what)  # fmt: skip
    if what.get("asked") is True:
        parcel.asked = True


def _journal(kind: Kind, parcel: Parcel, outcome: Outcome = Outcome.DONE) -> None:
    journal.record(
        kind, by=Actor.DESPATCH.reference, account=parcel.account_id, subject=parcel.order_ref.bytes,
        outcome=outcome, facts={Fact.PARCEL: parcel.number},
    )  # fmt: skip


def late_untold(*, account: int, now: datetime, after: timedelta = timedelta(hours=1)) -> int:
    """Parcels that left over an hour ago and Amazon does not know."""
    return Parcel.objects.filter(
        account_id=account, state__in=[ParcelState.LEFT, ParcelState.REFUSED], left_at__lt=now - after
    ).count()
