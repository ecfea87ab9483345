"""The simulated Amazon's side of despatch: what it refuses, what it remembers, what it sells, and every fault of it."""

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pypdfium2
import pytest

from strongroom.marketplace import Client, Form, ParcelToLabel, Service, ShipFrom, ShippedItem, Size
from strongroom.rehearsal.marketplace.business import DAY, HOUR, MARKETPLACES, SimulatedOrder, promise
from strongroom.rehearsal.marketplace.control import Keeper
from strongroom.rehearsal.marketplace.faults import Fault
from tests.rehearsal.world import START, World, check, check_request, needs_models, place

HOME = ShipFrom("Quillmarsh Toys", "Unit 4, Wharf Road", "Quillmarsh", "QM1 2AB", "GB", "pack@quillmarsh.invalid",
                "+44 20 7946 0000")  # fmt: skip


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    made = World(folder)
    with made.server:
        made.login()
        yield made
        made.http.close()


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    made = world.client()
    yield made
    made.close()


def placed(world: World, **what: Any) -> SimulatedOrder:
    (id_,) = place(world, fulfilled_by="MERCHANT", **what)
    world.login()
    return world.amazon.business.orders[id_]


def two_lines(world: World) -> SimulatedOrder:
    """An order of two lines, three pieces of each."""
    from dataclasses import replace

    while True:
        order = placed(world)
        if len(order.items) >= 2:
            order.items = [replace(item, quantity=3) for item in order.items[:2]]
            return order


def parcel(order: SimulatedOrder, reference: str = "1", tracking: str = "JD014600001", **other: Any) -> dict[str, Any]:
    """A parcel with everything of an order, unless said otherwise."""
    items = [{"orderItemId": item.item_id, "quantity": item.quantity} for item in order.items]
    return {"packageReferenceId": reference, "carrierCode": "DHL", "trackingNumber": tracking,
            "shipDate": "2026-11-18T12:00:00Z", "orderItems": items, **other}  # fmt: skip


def tell(world: World, order: SimulatedOrder, detail: dict[str, Any], **other: Any) -> httpx.Response:
    body = {"marketplaceId": MARKETPLACES[order.person.country][0], "packageDetail": detail, **other}
    path = f"/orders/v0/orders/{order.order_id}/shipmentConfirmation"
    return world.http.post(path, json=body, headers={"x-amz-access-token": world.token})


def wording(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["message"])


def to_label(order: SimulatedOrder, form: Form = Form.PDF) -> ParcelToLabel:
    items = tuple(ShippedItem(item.item_id, item.quantity) for item in order.items)
    return ParcelToLabel(order.order_id, items, Size(800, 300, 200, 100), HOME, form)


def cheap(client: Client, wanted: ParcelToLabel) -> Service:
    return next(s for s in client.eligible_services(wanted).offered if s.service_id == "NORTHMOOR_48")


def test_a_parcel_with_everything_ships_the_order_and_amazon_shows_it(world: World) -> None:
    order = placed(world)
    before = order.updated
    assert tell(world, order, parcel(order)).status_code == 204
    told = world.order(order.order_id, "PACKAGES,FULFILLMENT").json()["order"]
    assert told["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert [(p["packageReferenceId"], p["trackingNumber"]) for p in told["packages"]] == [("1", "JD014600001")]
    assert order.updated > before


def test_part_of_an_order_leaves_the_rest_to_ship(world: World) -> None:
    order = two_lines(world)
    first, second = order.items
    assert tell(world, order, parcel(order, orderItems=[{"orderItemId": first.item_id, "quantity": 2}])).is_success
    assert order.status == "PARTIALLY_SHIPPED"
    rest = [{"orderItemId": first.item_id, "quantity": 1}, {"orderItemId": second.item_id, "quantity": 3}]
    assert tell(world, order, parcel(order, "2", "JD014600002", orderItems=rest)).is_success
    assert order.status == "SHIPPED"


def test_the_same_parcel_told_again_changes_nothing_and_a_corrected_one_replaces_it(world: World) -> None:
    order = placed(world)
    tell(world, order, parcel(order))
    after = order.updated
    assert tell(world, order, parcel(order)).status_code == 204
    assert order.updated == after
    assert tell(world, order, parcel(order, tracking="JD014600009")).status_code == 204
    assert [p["trackingNumber"] for p in order.packages.values()] == ["JD014600009"]
    assert order.updated > after


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"packageReferenceId": 1}, "invalid type"), ({"packageReferenceId": "A1"}, "positive numeric"),
     ({"packageReferenceId": "0"}, "positive numeric"), ({"carrierCode": ""}, "carrierCode"),
     ({"carrierCode": "Other"}, "carrierName"), ({"trackingNumber": ""}, "trackingNumber"),
     ({"trackingNumber": "9" * 51}, "trackingNumber"), ({"shipDate": "02/21/2026"}, "shipDate"),
     ({"shipDate": "2026-11-18T12:00:00"}, "shipDate"), ({"shipDate": "2020-01-01T00:00:00Z"}, "shipDate"),
     ({"orderItems": []}, "orderItems"), ({"orderItems": [{"orderItemId": "1", "quantity": 1}]}, "OrderItemId"),
     ({"ours": 1}, "unknown")],
    ids=str,
)  # fmt: skip
def test_a_parcel_that_amazon_refuses_is_refused_in_its_wording(world: World, wrong: dict[str, Any], says: str) -> None:
    order = placed(world)
    answer = tell(world, order, parcel(order, **wrong))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "InvalidInput")
    assert says in wording(answer)
    assert order.status == "UNSHIPPED"


def test_more_pieces_than_were_ordered_are_refused_over_all_parcels(world: World) -> None:
    order = two_lines(world)
    some = [{"orderItemId": order.items[0].item_id, "quantity": 2}]
    assert tell(world, order, parcel(order, orderItems=some)).is_success
    assert "quantity" in wording(tell(world, order, parcel(order, "2", orderItems=some)))


@pytest.mark.parametrize(
    ("state", "says"),
    [({"status": "CANCELLED"}, "cancelled"), ({"status": "PENDING"}, "not ready"),
     ({"status": "SHIPPED"}, "PackageToUpdateNotFound")],
)  # fmt: skip
def test_an_order_that_cannot_ship_takes_no_parcel(world: World, state: dict[str, Any], says: str) -> None:
    order = placed(world, **state)
    assert says in wording(tell(world, order, parcel(order)))


def test_another_marketplaces_order_is_refused_and_an_unknown_one_is_not_found(world: World) -> None:
    order = placed(world)
    assert "marketplaceId" in wording(tell(world, order, parcel(order), marketplaceId="A0NOTTHISONE"))
    order.order_id = "999-0000000-0000000"
    assert tell(world, order, parcel(order)).status_code == 404


def test_an_answer_that_is_lost_was_obeyed(world: World) -> None:
    order = placed(world)
    world.amazon.faults.set(Fault.DROP_AFTER, 1, "confirmShipment")
    assert world.order(order.order_id).is_success, "the fault waits for its operation"
    with pytest.raises(httpx.HTTPError):
        tell(world, order, parcel(order))
    assert order.status == "SHIPPED"


@pytest.mark.parametrize("form", Form, ids=lambda form: form.name)
def test_a_sold_label_is_whole_and_shows_the_customer(world: World, client: Client, form: Form) -> None:
    order = placed(world)
    wanted = to_label(order, form)
    sold = client.buy_label(wanted, cheap(client, wanted))
    assert sold.document is not None
    data = sold.document.content.bytes()
    assert (sold.document.form, sold.order_id, sold.carrier) == (form, order.order_id, "Northmoor Parcels")
    if form is Form.PDF:
        page = pypdfium2.PdfDocument(data)[0]
        assert [round(side) for side in page.get_size()] == [288, 432]
        ink = bytes(page.render(scale=1, grayscale=True).buffer)
        other = placed(world)
        world.clock.step(60)
        another = client.buy_label(to_label(other), cheap(client, to_label(other)))
        assert another.document is not None
        assert ink != bytes(
            pypdfium2.PdfDocument(another.document.content.bytes())[0].render(scale=1, grayscale=True).buffer
        )


def test_a_label_is_sold_twice_to_whoever_asks_twice(world: World, client: Client) -> None:
    order = placed(world)
    wanted = to_label(order)
    service = cheap(client, wanted)
    one, two = client.buy_label(wanted, service), client.buy_label(wanted, service)
    assert one.shipment_id != two.shipment_id
    assert {p.status for p in client.read_back(order.order_id).packages} == {"PENDING"}


def test_a_label_is_given_back_and_its_parcel_is_cancelled(world: World, client: Client) -> None:
    order = placed(world)
    wanted = to_label(order)
    sold = client.buy_label(wanted, cheap(client, wanted))
    given = client.cancel_shipment(sold.shipment_id)
    assert (given.status, given.document) == ("RefundPending", None)
    assert [p.status for p in client.read_back(order.order_id).packages] == ["CANCELLED"]
    world.clock.step(2 * DAY)
    assert client.get_shipment(sold.shipment_id).status == "RefundApplied"


def test_a_parcel_whose_bought_label_is_told_stands_once(world: World, client: Client) -> None:
    order = placed(world)
    wanted = to_label(order)
    sold = client.buy_label(wanted, cheap(client, wanted))
    assert sold.tracking is not None
    assert tell(world, order, parcel(order, tracking=sold.tracking.text())).is_success
    (known,) = client.read_back(order.order_id).packages
    assert (known.reference, known.status) == ("1", "SHIPPED")


def test_an_offer_is_good_for_its_order_and_ten_minutes(world: World, client: Client) -> None:
    order, other = placed(world), placed(world)
    service = cheap(client, to_label(order))
    headers = {"x-amz-access-token": restricted(world)}
    for wanted, wait in ((to_label(other), 0), (to_label(order), 700)):
        world.clock.step(wait)
        from strongroom.marketplace.labels import purchase_body

        answer = world.http.post("/mfn/v0/shipments", content=purchase_body(wanted, service).bytes(), headers=headers)
        assert answer.status_code == 400
        assert "ShippingServiceOfferId" in wording(answer)


def restricted(world: World) -> str:
    resources = [{"method": "POST", "path": "/mfn/v0/shipments"}]
    answer = world.http.post("/tokens/2021-03-01/restrictedDataToken", json={"restrictedResources": resources},
                             headers={"x-amz-access-token": world.token})  # fmt: skip
    return str(answer.json()["restrictedDataToken"])


def test_a_label_wants_a_restricted_token_for_just_that(world: World) -> None:
    order = placed(world)
    for token, path in ((world.token, "/mfn/v0/shipments/be7a0a53-00c3-4f6f-a63a-639f76ee9253"),
                        (restricted(world), "/mfn/v0/shipments/be7a0a53-00c3-4f6f-a63a-639f76ee9253"),
                        (restricted(world), f"/orders/2026-01-01/orders/{order.order_id}")):  # fmt: skip
        assert world.http.get(path, headers={"x-amz-access-token": token}).status_code == 403


def test_a_killed_simulator_knows_its_parcels_and_labels_still(folder: Path) -> None:
    first = World(folder)
    with first.server:
        first.login()
        keeper = Keeper(first.server, folder / "acts")
        id_ = str(keeper.do({"verb": "place", "what": {"status": "UNSHIPPED", "fulfilled_by": "MERCHANT"}})["order_id"])
        order = first.amazon.business.orders[id_]
        client = first.client()
        sold = client.buy_label(to_label(order), cheap(client, to_label(order)))
        client.cancel_shipment(sold.shipment_id)
        assert tell(first, order, parcel(order)).is_success
        client.close()
        first.http.close()
    second = World(folder)
    second.server.server_close()
    second.http.close()
    Keeper(second.server, folder / "acts")
    again = second.amazon.business.orders[id_]
    assert (again.status, again.packages, again.labels) == (order.status, order.packages, order.labels)


def test_every_fault_fires(world: World) -> None:
    place(world, 101, fulfilled_by="MERCHANT")
    world.login()
    world.search()
    order = next(o for o in world.amazon.business.orders.values() if o.fulfilled_by == "MERCHANT")
    for fault in Fault:
        world.amazon.faults.set(fault, 1)
        world.clock.step(HOUR)
        client = world.client()
        try:
            if fault is Fault.AUTHORISATION_REVOKED:
                world.login()
            world.login()
            if fault in (Fault.NO_SERVICES, Fault.LABEL_ABSENT, Fault.LABEL_BOMB, Fault.LABEL_DAMAGED):
                offered = client.eligible_services(to_label(order)).offered
                assert (fault is Fault.NO_SERVICES) == (not offered)
                if offered:
                    assert client.buy_label(to_label(order), offered[1]).unusable
            page = world.search()
            if fault in (Fault.PAGE_EXPIRED, Fault.REPEAT_PAGE):
                world.search(paginationToken=page.json()["pagination"]["nextToken"])
        except httpx.HTTPError:
            pass
        client.close()
        world.amazon.faults.set(fault, 0)
    assert set(world.amazon.faults.fired) == set(Fault)


def test_orders_promise_working_days_by_their_service_and_the_hour_they_came() -> None:
    wednesday = START - START % DAY + 9 * HOUR
    midnight = wednesday - 9 * HOUR
    assert promise(wednesday, "NEXT_DAY") == (midnight + DAY - 1, midnight + 2 * DAY - 1)
    assert promise(wednesday + 6 * HOUR, "NEXT_DAY")[0] == midnight + 2 * DAY - 1, "after the cut-off"
    friday = wednesday + 2 * DAY
    assert promise(friday, "EXPEDITED")[0] == midnight + 6 * DAY - 1, "Monday"
    assert promise(friday + DAY, "NEXT_DAY")[0] == midnight + 6 * DAY - 1, "nobody packs on a Saturday"


def test_business_that_is_handed_over_waits_for_its_packers(folder: Path) -> None:
    from strongroom.rehearsal.marketplace.business import Business

    world = Business(seed=3, start=START, orders_per_day=20, hands_off=START + 28 * DAY)
    world.advance(START + 30 * DAY)
    ours = [o for o in world.orders.values() if o.fulfilled_by == "MERCHANT"]
    waiting = [o for o in ours if o.status in ("UNSHIPPED", "PARTIALLY_SHIPPED")]
    assert len(waiting) > 20
    assert sum(o.status == "SHIPPED" for o in ours) > 200
    assert {o.service for o in waiting} == {"STANDARD", "EXPEDITED", "NEXT_DAY"}
    assert any(len(o.items) > 1 for o in waiting)
    assert any(item.quantity > 1 for o in waiting for item in o.items)


class Listening(httpx.BaseTransport):
    """A transport that keeps what is sent."""

    def __init__(self, world: World) -> None:
        import ssl

        context = ssl.create_default_context(cafile=str(world.ca))
        self.real = httpx.HTTPTransport(verify=context)
        self.bodies: list[tuple[str, Any]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if "json" in request.headers.get("content-type", ""):
            self.bodies.append((request.url.path, json.loads(request.read())))
        return self.real.handle_request(request)

    def close(self) -> None:
        self.real.close()


def test_our_requests_are_what_amazons_models_allow_and_name_no_recipient(world: World) -> None:
    needs_models()
    heard = Listening(world)
    client = world.client(transport=heard)
    order = placed(world)
    sold = client.buy_label(to_label(order), cheap(client, to_label(order)))
    assert sold.tracking is not None
    import datetime as dt

    client.confirm_shipment(
        order_id=order.order_id, marketplace_id=MARKETPLACES[order.person.country][0], reference="1", carrier="Other",
        carrier_name="Northmoor Parcels", tracking=sold.tracking, shipped=dt.datetime.fromtimestamp(START, dt.UTC),
        items=[ShippedItem(item.item_id, item.quantity) for item in order.items],
    )  # fmt: skip
    client.close()
    names = {"restrictedDataToken": "createRestrictedDataToken", "eligibleShippingServices": "getEligibleShipmentServices",
             "shipments": "createShipment", "shipmentConfirmation": "confirmShipment"}  # fmt: skip
    assert len(heard.bodies) == 4
    for path, body in heard.bodies:
        check_request(names[path.rsplit("/", 1)[1]], body)
        who = order.person
        for person in (who.name, who.line1, who.postcode, who.email, who.phone):
            assert person not in json.dumps(body, ensure_ascii=False)


def test_every_answer_about_labels_is_what_amazons_models_allow(world: World, client: Client) -> None:
    needs_models()
    for form in Form:
        order = placed(world)
        sold = client.buy_label(to_label(order, form), cheap(client, to_label(order, form)))
        client.get_shipment(sold.shipment_id)
        client.read_back(order.order_id)
        client.cancel_shipment(sold.shipment_id)
        client.read_back(order.order_id)
        world.clock.step(60)
    world.http.post("/mfn/v0/eligibleShippingServices", json={}, headers={"x-amz-access-token": world.token})
    world.http.post("/tokens/2021-03-01/restrictedDataToken", json={}, headers={"x-amz-access-token": world.token})
    world.http.get("/mfn/v0/shipments/none", headers={"x-amz-access-token": world.token})
    tell(world, placed(world), {})
    for operation, status, said in world.seen:
        check(operation, status, json.loads(json.dumps(said)))
    told = Counter((operation, status) for operation, status, _ in world.seen)
    assert told["createShipment", 200] == 3
    assert told["getEligibleShipmentServices", 400] == told["confirmShipment", 400] == 1


def test_the_checks_of_labels_can_fail() -> None:
    needs_models()
    with pytest.raises(jsonschema.ValidationError):
        check("createShipment", 200, {"payload": {"ShipmentId": "1"}})
    with pytest.raises(jsonschema.ValidationError):
        check_request("createShipment", {"ShipmentRequestDetails": {}, "ShippingServiceId": "X"})


def test_the_checksum_is_of_the_document_itself(world: World, client: Client) -> None:
    order = placed(world)
    client.buy_label(to_label(order), cheap(client, to_label(order)))
    said = next(body for operation, _, body in world.seen if operation == "createShipment")
    contents = said["payload"]["Label"]["FileContents"]
    document = gzip.decompress(base64.b64decode(contents["Contents"]))
    assert document.startswith(b"%PDF-")
    assert base64.b64decode(contents["Checksum"]) == hashlib.md5(document, usedforsecurity=False).digest()
