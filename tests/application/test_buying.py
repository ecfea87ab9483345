"""A label bought through Amazon: chosen by rule, paid for once, kept sealed, and no address asked for (RR-1, ES-1)."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from strongroom.application.despatch.buying import (
    NotBought,
    Reason,
    Wanted,
    buy,
    choose,
    give_back,
    kept,
    not_ours,
    opened,
)  # fmt: skip
from strongroom.formats.leaf import Actor, Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import OPENS, Part, Peer, Purpose
from strongroom.formats.secret import Secret
from strongroom.marketplace import Document, Form, RoleMissing, Service, ShipFrom, ShippedItem, Size, Throttled
from strongroom.marketplace.documents import LARGEST
from strongroom.rehearsal.marketplace.business import SimulatedOrder
from strongroom.rehearsal.marketplace.faults import Fault
from tests.application.test_telling import seal
from tests.house.running import House, Shop

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
HOME = ShipFrom(
    "Quillmarsh Toys", "Unit 4", "Quillmarsh", "QM1 2AB", "GB", "pack@quillmarsh.invalid", "+44 20 7946 0000"
)
WANTED = Wanted("250-1234567-8901234", (ShippedItem("1", 1),), Size(800, 300, 200, 100), NOW + timedelta(days=1),
                NOW + timedelta(days=4), Form.PDF, Decimal(50))  # fmt: skip


def offer(id_: str, price: str, *, ships: float = 0.5, arrives: float = 3, **other: object) -> Service:
    made = Service(id_, f"offer {id_}", id_, "Northmoor", Decimal(price), "GBP", NOW + timedelta(days=ships),
                   NOW + timedelta(days=arrives), frozenset({Form.PDF, Form.ZPL}), needs_more=False)  # fmt: skip
    return replace(made, **other)  # type: ignore[arg-type]


def chosen(*offered: Service, **other: object) -> str:
    found = choose(offered, wanted=replace(WANTED, **other), now=NOW)  # type: ignore[arg-type]
    return found.name if isinstance(found, Reason) else found.service_id


def test_the_cheapest_in_time_is_chosen() -> None:
    assert chosen(offer("A", "5"), offer("B", "3"), offer("C", "4")) == "B"


def test_what_leaves_or_arrives_too_late_is_not_chosen_however_cheap() -> None:
    assert chosen(offer("A", "5"), offer("B", "1", ships=2), offer("C", "1", arrives=5)) == "A"
    assert chosen(offer("B", "1", ships=2), offer("C", "1", arrives=5)) == "NO_SERVICE"


def test_an_offer_of_another_form_or_that_asks_for_more_is_none() -> None:
    assert chosen(offer("A", "1", needs_more=True), offer("B", "2", forms=frozenset({Form.PNG}))) == "NO_SERVICE"


def test_an_offer_that_does_not_say_when_is_not_in_time() -> None:
    assert chosen(offer("A", "1", arrives_by=None)) == "NO_SERVICE"
    assert chosen(Service("A", "o", "", "", Decimal(1), "GBP", None, NOW, frozenset({Form.PDF}), False)) == "NO_SERVICE"


def test_what_is_late_already_takes_the_soonest() -> None:
    late = {"ship_by": NOW - timedelta(days=1), "deliver_by": NOW + timedelta(hours=1)}
    assert chosen(offer("A", "1", arrives=3), offer("B", "9", arrives=1), **late) == "B"


def test_a_label_never_costs_more_than_it_may() -> None:
    assert chosen(offer("A", "50.01")) == "TOO_DEAR"
    assert chosen(offer("A", "50")) == "A"


def test_prices_in_several_currencies_are_not_compared() -> None:
    assert chosen(offer("A", "3"), offer("B", "1", currency="JPY")) == "CURRENCIES"


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    with house.shop() as running:
        yield running


def wanted(order: SimulatedOrder, form: Form = Form.PDF) -> Wanted:
    items = tuple(ShippedItem(item.item_id, item.quantity) for item in order.items)
    whens = [datetime.fromtimestamp(moment, UTC) for moment in (order.ship_by, order.deliver_by)]
    return Wanted(
        order.order_id, items, Size(800, 300, 200, 100), whens[0], whens[1] + timedelta(days=30), form, Decimal(50)
    )


def test_a_bought_label_is_kept_sealed_and_opened_for_the_printer(shop: Shop) -> None:
    from strongroom.policy.encryption_and_storage.actions import open_for

    (order,) = shop.place()
    shop.receive()
    bought = buy(client=shop.client, wanted=wanted(order), ship_from=HOME, now=shop.house.now())
    ref = shop.order(order.order_id).ref
    seal(shop, ref, Part.LABEL, {"label": kept({1: bought.label})})
    stored = b"".join(
        repr(row).encode() for table in ("sealed", "part", "entry", "api_call") for row in shop.rows(table)
    )
    assert bought.label.content.bytes()[:40] not in stored
    assert bought.tracking.bytes() not in stored
    found = open_for(account=shop.account, order=ref, purpose=Purpose.BOUGHT_LABEL, by=Actor.DESPATCH.reference)
    assert opened(found.fields["label"]) == {1: bought.label}
    assert Kind.OPENED in [kind for (kind,) in shop.rows("entry", "kind")]


def test_a_bought_label_opens_for_the_worker_alone() -> None:
    opens = OPENS[Purpose.BOUGHT_LABEL]
    assert (opens.part, opens.fields, opens.peers) == (Part.LABEL, ("label",), (Peer.WORKER,))


def test_no_call_of_a_purchase_asks_for_a_recipient(shop: Shop) -> None:
    (order,) = shop.place()
    world = shop.amazon.roles
    shop.amazon.roles = frozenset()
    buy(client=shop.client, wanted=wanted(order), ship_from=HOME, now=shop.house.now())
    shop.amazon.roles = world
    operations = [operation for (operation,) in shop.rows("api_call", "operation")]
    assert sorted(operations) == ["createRestrictedDataToken", "createShipment", "getEligibleShipmentServices", "token"]


def test_a_purchase_whose_answer_is_lost_is_not_repeated_and_is_found(shop: Shop) -> None:
    (order,) = shop.place()
    shop.amazon.faults.set(Fault.DROP_AFTER, 1, "createShipment")
    with pytest.raises(NotBought) as raised:
        buy(client=shop.client, wanted=wanted(order), ship_from=HOME, now=shop.house.now())
    assert raised.value.reason is Reason.PERHAPS
    assert raised.value.__context__ is None
    assert len(order.labels) == 1
    (stray,) = not_ours(client=shop.client, order_id=order.order_id, ours=frozenset())
    assert stray.status == "PENDING"
    assert stray.tracking is not None
    assert not_ours(client=shop.client, order_id=order.order_id, ours=frozenset({stray.tracking.text()})) == ()


@pytest.mark.parametrize(("fault", "kind"), [(Fault.THROTTLE, Throttled), (Fault.ROLE_MISSING, RoleMissing)], ids=str)
def test_a_purchase_that_amazon_did_not_make_is_an_ordinary_failure(
    shop: Shop, fault: Fault, kind: type[Exception]
) -> None:
    (order,) = shop.place()
    shop.amazon.faults.set(fault, 1, "createShipment")
    with pytest.raises(kind):
        buy(client=shop.client, wanted=wanted(order), ship_from=HOME, now=shop.house.now())
    assert order.labels == {}


@pytest.mark.parametrize("fault", [Fault.LABEL_BOMB, Fault.LABEL_DAMAGED, Fault.LABEL_ABSENT], ids=str)
def test_a_label_that_cannot_be_used_is_given_back(shop: Shop, fault: Fault) -> None:
    (order,) = shop.place()
    shop.amazon.faults.set(fault, 1, "createShipment")
    with pytest.raises(NotBought) as raised:
        buy(client=shop.client, wanted=wanted(order), ship_from=HOME, now=shop.house.now())
    assert raised.value.reason is Reason.UNUSABLE
    assert all("cancelled" in sold for sold in order.labels.values())


def test_a_label_that_amazon_does_not_take_back_is_named(shop: Shop) -> None:
    (order,) = shop.place()
    shop.amazon.faults.set(Fault.LABEL_DAMAGED, 1, "createShipment")
    shop.amazon.faults.set(Fault.DROP_BEFORE, 1, "cancelShipment")
    with pytest.raises(NotBought) as raised:
        buy(client=shop.client, wanted=wanted(order), ship_from=HOME, now=shop.house.now())
    assert raised.value.reason is Reason.NOT_RETURNED
    assert [raised.value.shipment_id] == list(order.labels)
    shop.house.step(5)
    give_back(client=shop.client, shipment_id=raised.value.shipment_id)
    assert all("cancelled" in sold for sold in order.labels.values())


def test_where_no_carrier_takes_it_nothing_is_bought(shop: Shop) -> None:
    (order,) = shop.place()
    shop.amazon.faults.set(Fault.NO_SERVICES, 1)
    with pytest.raises(NotBought) as raised:
        buy(client=shop.client, wanted=wanted(order), ship_from=HOME, now=shop.house.now())
    assert raised.value.reason is Reason.NO_SERVICE


def test_labels_of_several_parcels_are_kept_in_one_text() -> None:
    labels = {1: Document(Form.PDF, Secret(b"%PDF-" + b"x" * 9000)), 2: Document(Form.ZPL, Secret(b"^XA\n^XZ"))}
    assert opened(kept(labels)) == labels


def test_the_largest_label_fits_a_sealed_part_and_more_is_refused() -> None:
    from strongroom.formats.sealed import encode_fields

    noise = Document(Form.PNG, Secret(b"".join(uuid.uuid4().bytes for _ in range(LARGEST // 16))))
    encode_fields(Part.LABEL, {"label": kept({1: noise})})
    with pytest.raises(ValueError, match="too large"):
        kept({1: noise, 2: noise})


@pytest.mark.parametrize("text", ["1", "x application/pdf eJwDAAAAAAE=", "1 text/html eJwDAAAAAAE=", "1 image/png ???",
                                  "1 image/png eJwD"])  # fmt: skip
def test_what_was_not_kept_by_us_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        opened(Secret(text))


def test_a_kept_label_that_unfolds_to_too_much_is_refused() -> None:
    import base64
    import zlib

    packed = base64.b64encode(zlib.compress(bytes(LARGEST + 1))).decode()
    with pytest.raises(Malformed):
        opened(Secret(f"1 image/png {packed}"))
