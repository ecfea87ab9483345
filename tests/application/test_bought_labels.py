"""A bought label from the desk to the printer: once, in time, beside what the order has already, or for a person (F24)."""

from typing import Any

import pytest

from strongroom.formats.leaf import Actor, Kind
from strongroom.formats.parts import Purpose
from strongroom.marketplace import RoleMissing, Throttled
from strongroom.rehearsal.marketplace.business import DAY, Item
from strongroom.rehearsal.marketplace.faults import Fault
from tests.application import test_despatch
from tests.application.test_buying import HOME
from tests.application.test_despatch import Bench, place

bench = test_despatch.bench
TWO = [
    Item("11111111111111", "KITE-S", "A", "Kite", "14.00", 2),
    Item("22222222222222", "GLOW-6", "B", "Paint", "9.50", 1),
]


@pytest.fixture
def wanted(bench: Bench) -> Any:
    (order,) = place(bench)
    want(bench, order)
    return order


def want(bench: Bench, order: Any) -> None:
    from strongroom.application.despatch import bought_labels

    with bench.house.as_web():
        bought_labels.want(order=bench.row(order), printer=bench.printer, by=bench.packer)


def buy(bench: Bench, **other: Any) -> int:
    from strongroom.application.despatch import bought_labels

    return bought_labels.buy_due(account=bench.shop.account, client=bench.shop.client, home=HOME, **other)


def is_due(bench: Bench) -> bool:
    from strongroom.application.despatch import bought_labels

    return bought_labels.is_due(bench.shop.account)


def purchase(bench: Bench) -> tuple[str, str | None]:
    ((state, problem),) = bench.shop.rows("parcel", "purchase, problem")
    return state, problem


def numbers(bench: Bench, order: Any) -> dict[int, tuple[str, str]]:
    from strongroom.application.despatch.actions import read_tracking
    from strongroom.policy.encryption_and_storage.actions import open_for

    opened = open_for(
        account=bench.shop.account, order=bench.row(order).ref, purpose=Purpose.TRACKING, by=Actor.DESPATCH.reference
    )
    return read_tracking(opened.fields)


def test_the_carrier_fetches_a_bought_parcel_and_amazon_ships_the_order_untold(bench: Bench, wanted: Any) -> None:
    assert buy(bench) == 1
    bench.house.step(4 * DAY)
    bench.shop.does("refund", wanted.order_id)
    assert wanted.status == "SHIPPED"
    calls = [operation for (operation,) in bench.shop.rows("api_call", "operation")]
    assert "confirmShipment" not in calls


def test_a_bought_label_keeps_the_numbers_of_the_orders_other_parcels(bench: Bench) -> None:
    (order,) = place(bench, items=list(TWO))
    bench.queue(order, lines={1: 1})
    bench.hand_over(order, "AB123456785GB", parcel=1)
    want(bench, order)
    assert buy(bench) == 1
    (sold,) = order.labels.values()
    found = {parcel: number for parcel, (_, number) in numbers(bench, order).items()}
    assert found == {1: "AB123456785GB", 2: sold["tracking"]}
    assert [i["OrderItemId"] for i in sold["details"]["ItemList"]] == ["11111111111111", "22222222222222"]


def test_too_many_calls_are_tried_again_later_and_not_before(bench: Bench, wanted: Any) -> None:
    bench.shop.amazon.faults.set(Fault.THROTTLE, 1, "createShipment")
    with pytest.raises(Throttled):
        buy(bench)
    assert purchase(bench) == ("wanted", "throttled")
    assert not is_due(bench)
    assert buy(bench) == 0
    bench.house.step(60)
    assert buy(bench) == 1
    assert len(wanted.labels) == 1


def test_a_missing_role_stops_the_round_and_the_label_waits(bench: Bench, wanted: Any) -> None:
    bench.shop.amazon.faults.set(Fault.ROLE_MISSING, 1, "createRestrictedDataToken")
    with pytest.raises(RoleMissing):
        buy(bench)
    assert purchase(bench)[0] == "wanted"
    assert wanted.labels == {}


@pytest.mark.parametrize("operation", ["getEligibleShipmentServices", "createRestrictedDataToken"])
def test_an_answer_lost_before_the_purchase_costs_nothing(bench: Bench, wanted: Any, operation: str) -> None:
    bench.shop.amazon.faults.set(Fault.DROP_AFTER, 1, operation)
    assert buy(bench) == 0
    assert (purchase(bench), wanted.labels) == (("wanted", "truncated"), {})
    bench.house.step(60)
    assert buy(bench) == 1


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.SERVER_ERROR, Fault.TRUNCATE, Fault.HTML_OK], ids=str)
def test_a_purchase_without_an_answer_waits_for_a_person(bench: Bench, wanted: Any, fault: Fault) -> None:
    bench.shop.amazon.faults.set(fault, 1, "createShipment")
    assert buy(bench) == 0
    bench.house.step(DAY)
    assert buy(bench) == 0
    assert purchase(bench) == ("asked", "perhaps")
    assert len(wanted.labels) == 1


def test_no_service_in_time_and_none_cheap_enough_are_told_apart(bench: Bench, wanted: Any) -> None:
    assert buy(bench, at_most=1) == 0
    assert purchase(bench) == ("refused", "too dear")
    (other,) = place(bench)
    want(bench, other)
    bench.shop.amazon.faults.set(Fault.NO_SERVICES, 1)
    assert buy(bench) == 0
    assert ("refused", "no service") in bench.shop.rows("parcel", "purchase, problem")
    assert wanted.labels == other.labels == {}
    assert bench.kinds(Kind.LABEL_BOUGHT) == 2, "a refusal is journalled too"


def test_a_damaged_label_is_given_back_and_never_printed(bench: Bench, wanted: Any) -> None:
    bench.shop.amazon.faults.set(Fault.LABEL_DAMAGED, 1, "createShipment")
    assert buy(bench) == 0
    assert purchase(bench) == ("refused", "unusable")
    assert all("cancelled" in sold for sold in wanted.labels.values())
    bench.print()
    assert bench.server.tray.printed == 0


def test_an_order_cancelled_meanwhile_buys_nothing(bench: Bench, wanted: Any) -> None:
    bench.shop.does("cancel", wanted.order_id)
    bench.shop.receive()
    assert buy(bench) == 0
    assert (purchase(bench)[0], wanted.labels) == ("refused", {})
