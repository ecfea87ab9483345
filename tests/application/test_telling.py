"""Amazon is told of a parcel once, whatever becomes of its answer, and a refusal waits for a person (DF-1, I19, F24)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest

from strongroom.formats.leaf import Actor
from strongroom.formats.parts import Part
from strongroom.formats.secret import Secret
from strongroom.installation import database_roles
from strongroom.marketplace import Throttled, TokenRevoked
from strongroom.rehearsal.marketplace.business import SimulatedOrder
from strongroom.rehearsal.marketplace.faults import Fault
from tests.house.running import House, Shop

NUMBER = "NP000146000012"


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    with house.shop() as running:
        yield running


def as_website(shop: Shop, statement: str, values: list[Any]) -> None:
    """What a page writes, by the role that pages have."""
    running = shop.house.rehearsal.running
    parameters = database_roles.connect_as(running.admin, shop.house.rehearsal.folders, "web", "strongroom")
    with psycopg.connect(**parameters) as connection:
        connection.execute(statement, values)


def seal(shop: Shop, ref: Any, part: Part, fields: dict[str, Secret]) -> None:
    """A part of an order, sealed and written as the worker does."""
    from django.db import transaction

    from strongroom.policy.encryption_and_storage import actions as storage
    from strongroom.policy.encryption_and_storage import broker

    wanted = storage.to_seal(order=ref, part=part, fields=fields)
    with transaction.atomic():
        (sealed,), keys = broker.seal(account=shop.account, by=Actor.DESPATCH.reference, parts=[wanted])
        storage.know_keys(account=shop.account, keys=keys)
        storage.write_rows(account=shop.account, rows=[storage.Written(ref, part, wanted.write, sealed)])


def left(shop: Shop, *, number: str = NUMBER, carrier: str = "Royal Mail") -> tuple[SimulatedOrder, Any]:
    """An order whose one parcel left: Amazon's view of it, and our reference."""
    (order,) = shop.place()
    shop.receive()
    ref = shop.order(order.order_id).ref
    seal(shop, ref, Part.TRACKING, {"carrier": Secret(f"1: {carrier}"), "number": Secret(f"1: {number}")})
    now = shop.house.now()
    as_website(
        shop,
        "INSERT INTO parcel (account_id, order_ref, number, state, made_at, made_by, left_at, version, told_version,"
        " tries, try_at, asked) VALUES (%s, %s, 1, 'left', %s, %s, %s, 1, 0, 0, %s, false)",
        [shop.account, ref, now, ref, now, now],
    )
    for line, _, quantity in shop.rows("order_item", "line, order_item_id, quantity"):
        as_website(
            shop,
            "INSERT INTO parcel_item (account_id, order_ref, number, line, quantity) VALUES (%s, %s, 1, %s, %s)",
            [shop.account, ref, line, quantity],
        )
    return order, ref


def tell(shop: Shop) -> int:
    from strongroom.application.despatch.shipments import tell_due

    return tell_due(account=shop.account, client=shop.client)


def again(shop: Shop) -> int:
    """An hour later, when every wait is over."""
    shop.house.step(3600)
    return tell(shop)


def parcel(shop: Shop) -> tuple[str, str | None]:
    ((state, problem),) = shop.rows("parcel", "state, problem")
    return state, problem


def calls(shop: Shop) -> list[str]:
    rows: list[tuple[datetime, str]] = list(shop.rows("api_call", "began_at, operation"))
    return [operation for _, operation in sorted(rows) if operation in ("confirmShipment", "getOrder")]


def test_a_parcel_that_left_is_told_and_amazon_has_it(shop: Shop) -> None:
    order, _ = left(shop)
    assert tell(shop) == 1
    assert (order.status, parcel(shop)) == ("SHIPPED", ("told", None))
    assert [(p["trackingNumber"], p["carrierCode"]) for p in order.packages.values()] == [(NUMBER, "Royal Mail")]
    assert tell(shop) == 0


def test_a_lost_answer_is_read_back_and_not_told_again(shop: Shop) -> None:
    order, _ = left(shop)
    shop.amazon.faults.set(Fault.DROP_AFTER, 1, "confirmShipment")
    assert tell(shop) == 0
    assert (order.status, parcel(shop)) == ("SHIPPED", ("left", "truncated"))
    assert again(shop) == 1
    assert calls(shop).count("confirmShipment") == 1
    assert parcel(shop) == ("told", None)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.HTML_BAD_REQUEST, Fault.HTML_OK, Fault.TRUNCATE])
def test_an_answer_that_says_nothing_is_read_back(shop: Shop, fault: Fault) -> None:
    left(shop)
    shop.amazon.faults.set(fault, 1, "confirmShipment")
    assert tell(shop) == 0
    assert parcel(shop)[0] == "left"
    assert again(shop) == 1
    assert calls(shop).count("confirmShipment") == 1


def test_a_request_that_never_arrived_is_made_again(shop: Shop) -> None:
    order, _ = left(shop)
    shop.amazon.faults.set(Fault.DROP_BEFORE, 1, "confirmShipment")
    assert tell(shop) == 0
    assert order.status == "UNSHIPPED"
    assert again(shop) == 1
    assert order.status == "SHIPPED"


def test_too_many_calls_stop_the_round_and_the_parcel_waits(shop: Shop) -> None:
    left(shop)
    shop.amazon.faults.set(Fault.THROTTLE, 1, "confirmShipment")
    with pytest.raises(Throttled):
        tell(shop)
    assert parcel(shop) == ("left", "throttled")
    assert again(shop) == 1


def test_a_revoked_authorisation_stops_the_round_and_nothing_is_lost(shop: Shop) -> None:
    left(shop)
    shop.amazon.faults.set(Fault.UNAUTHORISED, 2, "confirmShipment")
    with pytest.raises(TokenRevoked):
        tell(shop)
    assert again(shop) == 1


def test_a_cancelled_order_is_refused_with_its_reason_and_waits_for_a_person(shop: Shop) -> None:
    order, _ = left(shop)
    shop.does("cancel", order.order_id)
    assert tell(shop) == 0
    assert parcel(shop) == ("refused", "cancelled")
    assert again(shop) == 0
    assert calls(shop).count("confirmShipment") == 1


def test_an_order_that_somebody_else_shipped_is_refused_after_a_look(shop: Shop) -> None:
    order, _ = left(shop)
    shop.does("ship", order.order_id)
    assert tell(shop) == 0
    assert parcel(shop) == ("refused", "already shipped")
    assert calls(shop)[-2:] == ["confirmShipment", "getOrder"]


def test_a_tracking_number_that_is_none_stops_nobody_elses_parcel(shop: Shop) -> None:
    left(shop, number="?")
    assert tell(shop) == 0
    assert parcel(shop) == ("refused", "not a parcel")
    assert calls(shop).count("confirmShipment") == 0


def test_a_carrier_without_a_code_is_told_by_name(shop: Shop) -> None:
    order, _ = left(shop, carrier="Other")
    assert tell(shop) == 1
    (told,) = order.packages.values()
    assert (told["carrierCode"], told["carrierName"]) == ("Other", "Other carrier")


def test_neither_the_number_nor_an_answer_stands_in_the_database(shop: Shop) -> None:
    left(shop)
    shop.amazon.faults.set(Fault.DROP_AFTER, 1, "confirmShipment")
    tell(shop)
    again(shop)
    everything = b"".join(repr(row).encode() for table in ("amazon_order", "sealed", "parcel", "api_call", "entry")
                          for row in shop.rows(table))  # fmt: skip
    assert NUMBER.encode() not in everything
