"""Buying a label at Amazon: which service, at what price, and what becomes of a purchase that goes wrong (RR-1, DF-1).

Amazon knows where its order goes. It is told the parcel and our own address; no recipient is asked for, opened or sent.
A purchase costs money and cannot be asked for twice: Amazon gives no key for it. So it is never repeated by itself;
after an answer that was lost `not_ours` shows what Amazon sold for the order, and a person decides.
No database here: `bought_labels` keeps the rows and seals what comes back.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from strongroom.formats.malformed import Malformed
from strongroom.formats.secret import Secret
from strongroom.marketplace import (
    Client,
    Document,
    Form,
    MarketplaceError,
    PackageRecord,
    ParcelToLabel,
    Service,
    ShipFrom,
    ShippedItem,
    Size,
)
from strongroom.marketplace.documents import LARGEST

MOST_TEXT: Final = 1_000_000
"""Characters of all of an order's bought labels: with a part's padding and names that stays under 1 MiB."""
CANCELLED: Final = "CANCELLED"
FORMS: Final = {"pdf": Form.PDF, "zpl": Form.ZPL}
"""What a printer prints, and what is bought for it."""


class Reason(StrEnum):
    """Why no label was bought; the value is what the packer reads."""

    NO_SERVICE = "No carrier at Amazon takes this parcel in time. Print our own label, or ship it by hand."
    CURRENCIES = "Carriers at Amazon ask in several currencies. Choose the service by hand, in Seller Central."
    TOO_DEAR = "Every service at Amazon costs more than a label may. Ask the manager."
    UNUSABLE = "Amazon sold a label that cannot be used. It was given back; nothing is lost."
    NOT_RETURNED = "Amazon sold a label that cannot be used, and did not take it back yet. Look in Seller Central."
    PERHAPS = "Amazon's answer was lost: the label may be bought. Look at the order's parcels before buying again."


class NotBought(Exception):
    """There is no label. `reason` says why; `shipment_id` names a purchase that stands at Amazon all the same."""

    def __init__(self, reason: Reason, *, shipment_id: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.shipment_id = shipment_id


@dataclass(frozen=True)
class Wanted:
    """The parcel that wants a label, of one order; `at_most`: what it may cost, in the currency that is asked."""

    order_id: str
    items: tuple[ShippedItem, ...]
    size: Size
    ship_by: datetime | None
    deliver_by: datetime | None
    form: Form
    at_most: Decimal


@dataclass(frozen=True)
class Bought:
    """A label that was paid for. `tracking` and `label.content` are secrets; `label.form` says PDF, PNG or ZPL."""

    shipment_id: str
    carrier: str
    service: str
    tracking: Secret
    label: Document
    price: Decimal
    currency: str


def buy(*, client: Client, wanted: Wanted, ship_from: ShipFrom, now: datetime) -> Bought:
    """Ask what is offered, choose by rule, buy. Raises `NotBought`, and `MarketplaceError` where nothing was bought."""
    promised = wanted.deliver_by if wanted.deliver_by is not None and wanted.deliver_by > now else None
    parcel = ParcelToLabel(wanted.order_id, wanted.items, wanted.size, ship_from, wanted.form, arrive_by=promised)
    chosen = choose(client.eligible_services(parcel).offered, wanted=wanted, now=now)
    if isinstance(chosen, Reason):
        raise NotBought(chosen)
    try:
        sold = client.buy_label(parcel, chosen)
    except MarketplaceError as problem:
        if not problem.may_be_done or problem.operation != "createShipment":  # only a token was asked for
            raise
        lost = True
    else:
        lost = False
    if lost:
        raise NotBought(Reason.PERHAPS)
    whole = sold.document is not None and sold.document.form is wanted.form and sold.order_id == wanted.order_id
    if not whole or sold.document is None or sold.tracking is None:
        raise _give_back(client, sold.shipment_id)
    return Bought(
        sold.shipment_id, sold.carrier or chosen.carrier, sold.service_id, sold.tracking, sold.document,
        chosen.price if sold.price is None else sold.price, sold.currency or chosen.currency,
    )  # fmt: skip


def choose(offered: Iterable[Service], *, wanted: Wanted, now: datetime) -> Service | Reason:
    """The cheapest that leaves by the latest ship date and arrives by the promise; for what is late, the soonest."""
    whole = [s for s in offered if not s.needs_more and wanted.form in s.forms]
    fitting = [s for s in whole if _in_time(s, wanted)]
    late = wanted.ship_by is not None and wanted.ship_by < now
    if not fitting and late:
        fitting = [s for s in whole if s.arrives_by is not None]
    if not fitting:
        return Reason.NO_SERVICE
    if len({s.currency for s in fitting}) > 1:
        return Reason.CURRENCIES
    fitting = [s for s in fitting if s.price <= wanted.at_most]
    if not fitting:
        return Reason.TOO_DEAR
    far = datetime.max.replace(tzinfo=now.tzinfo)
    if late:
        return min(fitting, key=lambda s: (s.arrives_by or far, s.price, s.service_id))
    return min(fitting, key=lambda s: (s.price, s.arrives_by or far, s.service_id))


def not_ours(*, client: Client, order_id: str, ours: frozenset[str]) -> tuple[PackageRecord, ...]:
    """Parcels that Amazon has for an order and we do not, by tracking number: labels whose sale we did not hear of."""
    return tuple(
        package
        for package in client.read_back(order_id).packages
        if package.status != CANCELLED and package.tracking is not None and package.tracking.text() not in ours
    )


def give_back(*, client: Client, shipment_id: str) -> None:
    """Cancel a label that is not used: the order was cancelled while it was packed. Raises `MarketplaceError`."""
    client.cancel_shipment(shipment_id)


def kept(labels: Mapping[int, Document]) -> Secret:
    """Labels by parcel as the one text that `Part.LABEL` seals. Raises `ValueError` where they are too many."""
    lines = [
        f"{parcel} {document.form.value} {base64.b64encode(zlib.compress(document.content.bytes(), 9)).decode()}"
        for parcel, document in sorted(labels.items())
    ]
    text = "\n".join(lines)
    if len(text) > MOST_TEXT:
        raise ValueError("the bought labels of one order are too large for one sealed part")
    return Secret(text)


def opened(text: Secret) -> dict[int, Document]:
    """The inverse of `kept`. Raises `Malformed` for anything it could not have written."""
    found = {}
    for line in text.text().splitlines():
        parcel, form, packed = [*line.split(" "), "", ""][:3]
        try:
            unfolding = zlib.decompressobj()
            content = unfolding.decompress(base64.b64decode(packed, validate=True), LARGEST + 1)
            found[int(parcel)] = Document(Form(form), Secret(content))
        except (ValueError, binascii.Error, zlib.error):
            raise Malformed("a kept label is a parcel, a form and compressed base64") from None
        if not unfolding.eof or len(content) > LARGEST:
            raise Malformed("a kept label is whole, and no larger than a label")
    return found


def _in_time(service: Service, wanted: Wanted) -> bool:
    leaves = wanted.ship_by is None or (service.ships is not None and service.ships <= wanted.ship_by)
    arrives = wanted.deliver_by is None or (service.arrives_by is not None and service.arrives_by <= wanted.deliver_by)
    return leaves and arrives


def _give_back(client: Client, shipment_id: str) -> NotBought:
    try:
        client.cancel_shipment(shipment_id)
    except MarketplaceError:
        return NotBought(Reason.NOT_RETURNED, shipment_id=shipment_id)
    return NotBought(Reason.UNUSABLE, shipment_id=shipment_id)
