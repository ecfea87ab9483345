"""What stands on a label: the opened recipient, our code, and, where goods cross a customs border, the declaration."""

from collections.abc import Mapping
from typing import Final

from strongroom.application.despatch import rules
from strongroom.application.despatch.labels.content import Customs, CustomsLine, LabelContent
from strongroom.formats.secret import Secret
from strongroom.policy.encryption_and_storage.models import LabelPrint
from strongroom.policy.retention_and_recovery.models import Order, OrderItem, Parcel, ParcelItem, Stock

UNION: Final = frozenset(
    {
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    }
)
"""Customs territory of the European Union, as far as two letters tell."""


def content_of(*, label: LabelPrint, fields: Mapping[str, Secret], sender: tuple[str, ...]) -> LabelContent:
    """The label of one parcel. The last line of `sender` is the country the goods are sent from, two letters."""
    order = Order.objects.get(account_id=label.account_id, ref=label.order_ref)
    parcels = Parcel.objects.filter(account_id=label.account_id, order_ref=label.order_ref).count()
    country, home = order.country or "", sender[-1] if sender else ""
    return LabelContent(
        recipient=fields,
        country=country,
        reference=rules.PREFIX + rules.code_of(order.ref),
        service=order.service or "Standard",
        parcel=label.parcel,
        parcels=max(parcels, label.parcel),
        sender=sender[:-1],
        customs=_customs(order, label.parcel) if _crosses_a_border(home, country) else None,
    )


def _crosses_a_border(home: str, country: str) -> bool:
    """Whether customs see the parcel: another country, unless both are in the one customs union."""
    return bool(country) and home != country and not {home, country} <= UNION


def _customs(order: Order, parcel: int) -> Customs:
    """CN22 or CN23 by the order's items in this parcel; what stock does not know is declared from the order line."""
    pieces = dict(
        ParcelItem.objects.filter(account_id=order.account_id, order_ref=order.ref, number=parcel).values_list(
            "line", "quantity"
        )
    )
    items = list(OrderItem.objects.filter(account_id=order.account_id, order_ref=order.ref, line__in=list(pieces)))
    known = {s.sku: s for s in Stock.objects.filter(account_id=order.account_id, sku__in=[i.sku for i in items])}
    return Customs(lines=tuple(_line(item, pieces[item.line], known.get(item.sku)) for item in items))


def _line(item: OrderItem, pieces: int, stock: Stock | None) -> CustomsLine:
    return CustomsLine(
        description=stock.title if stock else item.title,
        quantity=pieces,
        value=(stock.value or 0) * pieces if stock else 0,
        currency=stock.currency if stock else "",
        grams=(stock.weight or 0) * pieces if stock else 0,
        hs_code=stock.hs_code if stock else "",
        origin=stock.origin if stock else "",
    )
