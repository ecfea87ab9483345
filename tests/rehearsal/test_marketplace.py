"""The simulated Amazon is a real HTTPS server held to Amazon's models; every fault of it can fire (DESIGN 6)."""

import json
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from strongroom.installation.certificates import ensure
from strongroom.rehearsal.clock import ClockDriver
from strongroom.rehearsal.marketplace.business import DAY, MARKETPLACES, Business
from strongroom.rehearsal.marketplace.faults import Fault, Switchboard
from strongroom.rehearsal.marketplace.requests import DATASETS, STATUSES, Amazon
from strongroom.rehearsal.marketplace.server import Server

SPAPI = Path(__file__).parents[2].parent / "shared" / "spapi"
START = 1_795_000_000.0
MODELS = {
    "searchOrders": ("orders_2026-01-01.json", "SearchOrdersResponse"),
    "getOrder": ("orders_2026-01-01.json", "GetOrderResponse"),
    "getMarketplaceParticipations": ("sellers.json", "GetMarketplaceParticipationsResponse"),
}


class World:
    """A server with its clock, and a client that behaves as asked."""

    def __init__(self, folder: Path, **business: Any) -> None:
        self.clock = ClockDriver(folder / "clock", start=START)
        world = Business(**{"seed": 5, "start": START, "orders_per_day": 0.0, **business})
        self.amazon = Amazon(world, self.clock, Switchboard(), "app", "secret", f"Atzr|{secrets.token_hex(4)}")
        ca, certificate, key = ensure(folder, ("localhost", "127.0.0.1"))
        self.seen: list[tuple[str, int, Any]] = []
        self.server = Server(
            self.amazon, certificate=certificate, key=key, validate=lambda *said: self.seen.append(said)
        )
        context = ssl.create_default_context(cafile=str(ca))
        self.http = httpx.Client(base_url=f"https://localhost:{self.server.port}", verify=context, trust_env=False)
        self.token = ""

    def login(self, **other: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "client_id": "app", "client_secret": "secret",
                "refresh_token": self.amazon.refresh_token, **other}  # fmt: skip
        answer = self.http.post("/auth/o2/token", data=form)
        self.token = answer.json().get("access_token", "")
        return answer

    def search(self, **other: str) -> httpx.Response:
        wanted = {"marketplaceIds": ",".join(id_ for id_, _, _ in MARKETPLACES.values()),
                  "createdAfter": "2020-01-01T00:00:00Z", **other}  # fmt: skip
        parameters = {name: value for name, value in wanted.items() if value}
        return self.http.get("/orders/2026-01-01/orders", params=parameters, headers={"x-amz-access-token": self.token})

    def order(self, id_: str, included: str = "") -> httpx.Response:
        parameters = {"includedData": included} if included else {}
        path = f"/orders/2026-01-01/orders/{id_}"
        return self.http.get(path, params=parameters, headers={"x-amz-access-token": self.token})


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    made = World(folder)
    with made.server:
        made.login()
        yield made
        made.http.close()


def place(world: World, count: int = 1, **what: Any) -> list[str]:
    world.amazon.business.advance(world.clock.wall())
    ids = [world.amazon.business.place(**{"status": "UNSHIPPED", **what}).order_id for _ in range(count)]
    world.clock.step(180)
    return ids


@pytest.mark.parametrize(
    "wrong",
    [{"createdAfter": ""}, {"lastUpdatedAfter": "2020-01-01T00:00:00Z"}, {"marketplaceIds": ""}, {"surprise": "1"},
     {"maxResultsPerPage": "0"}, {"maxResultsPerPage": "101"}, {"includedData": "EVERYTHING"}, {"createdAfter": "today"},
     {"fulfillmentStatuses": "LOST"}, {"createdBefore": "2199-01-01T00:00:00Z"}, {"paginationToken": "made-up"}],
    ids=str,
)  # fmt: skip
def test_a_request_that_amazon_refuses_is_refused(world: World, wrong: dict[str, str]) -> None:
    answer = world.search(**wrong)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "InvalidInput"


def test_login_checks_everything(world: World) -> None:
    assert world.login(refresh_token="Atzr|other").json()["error"] == "invalid_grant"
    assert world.login(client_secret="other").json()["error"] == "invalid_client"
    assert world.login(grant_type="password").status_code == 400
    assert world.search().status_code in (401, 403)


def test_an_access_token_lives_an_hour(world: World) -> None:
    assert world.search().status_code == 200
    world.clock.step(3601)
    assert world.search().status_code == 401


def test_pages_follow_by_token_with_the_same_question_for_a_day(world: World) -> None:
    ids = place(world, 130)
    first = world.search()
    token = first.json()["pagination"]["nextToken"]
    assert world.search(paginationToken=token, fulfilledBy="AMAZON").status_code == 400
    second = world.search(paginationToken=token)
    told = [o["orderId"] for o in first.json()["orders"] + second.json()["orders"]]
    assert sorted(told) == sorted(ids)
    assert "pagination" not in second.json()
    world.clock.step(25 * 3600)
    world.login()
    assert world.search(paginationToken=token).status_code == 400


def test_the_bucket_empties_and_refills_and_says_no_limit_on_429(world: World) -> None:
    statuses = [world.search().status_code for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    assert "x-amzn-ratelimit-limit" not in world.search().headers
    world.clock.step(180)
    assert world.search().status_code == 200


def test_data_is_two_minutes_late(world: World) -> None:
    world.amazon.business.advance(world.clock.wall())
    world.amazon.business.place(status="UNSHIPPED")
    assert world.search().json()["orders"] == []
    world.clock.step(121)
    assert len(world.search().json()["orders"]) == 1


def test_a_person_is_in_the_answer_only_when_asked_for_and_allowed(world: World) -> None:
    (id_,) = place(world)
    assert "recipient" not in world.order(id_).json()["order"]
    assert "deliveryAddress" in world.order(id_, "RECIPIENT").json()["order"]["recipient"]
    world.amazon.roles = frozenset()
    assert "recipient" not in world.order(id_, "RECIPIENT,BUYER").json()["order"]


def test_the_telephone_is_gone_once_shipped_and_late(world: World) -> None:
    (id_,) = place(world)
    assert "phone" in world.order(id_, "RECIPIENT").json()["order"]["recipient"]["deliveryAddress"]
    world.amazon.business.ship(id_)
    world.clock.step(6 * DAY)
    world.login()
    assert "phone" not in world.order(id_, "RECIPIENT").json()["order"]["recipient"]["deliveryAddress"]


def confirmation(world: World, id_: str, **other: Any) -> httpx.Response:
    """A parcel of one piece of the first line, told as the model wants it, but for what is said otherwise."""
    item = world.amazon.business.orders[id_].items[0]
    detail = {"packageReferenceId": "1", "carrierCode": "UPS", "trackingNumber": "1Z999AA10123456784",
              "shipDate": "2026-11-01T00:00:00Z", "orderItems": [{"orderItemId": item.item_id, "quantity": 1}], **other}  # fmt: skip
    return world.http.post(
        f"/orders/v0/orders/{id_}/shipmentConfirmation", json={"marketplaceId": "A", "packageDetail": detail},
        headers={"x-amz-access-token": world.token},
    )  # fmt: skip


def test_a_shipment_is_confirmed_by_its_packages(world: World) -> None:
    from strongroom.rehearsal.marketplace.business import Item

    (id_,) = place(world, items=[Item("1", "A", "A", "A", "1.00", 2)])
    order = world.amazon.business.orders[id_]
    assert confirmation(world, id_).status_code == 204
    assert order.status == "PARTIALLY_SHIPPED"
    before = order.updated
    assert confirmation(world, id_).status_code == 204
    assert (len(order.packages), order.updated) == (1, before), "the same again changes nothing"
    assert confirmation(world, id_, packageReferenceId="2").status_code == 204
    assert order.status == "SHIPPED"
    told = world.order(id_, "PACKAGES,FULFILLMENT").json()["order"]["packages"]
    assert [package["packageReferenceId"] for package in told] == ["1", "2"]


@pytest.mark.parametrize(
    "wrong",
    [{"packageReferenceId": "one"}, {"orderItems": [{"orderItemId": "999", "quantity": 1}]}, {"trackingNumber": " "},
     {"carrierCode": "Other"}, {"shipDate": "yesterday"}, {"orderItems": [{"orderItemId": "1", "quantity": 50}]}],
    ids=str,
)  # fmt: skip
def test_a_shipment_that_cannot_be_is_refused(world: World, wrong: dict[str, Any]) -> None:
    from strongroom.rehearsal.marketplace.business import Item

    (id_,) = place(world, items=[Item("1", "A", "A", "A", "1.00", 2)])
    assert confirmation(world, id_, **wrong).status_code == 400
    assert world.amazon.business.orders[id_].status == "UNSHIPPED"


def test_bought_labels_are_held_to_amazons_model(world: World) -> None:
    import base64
    import gzip

    (id_,) = place(world)
    item = world.amazon.business.orders[id_].items[0]
    home = {
        "Name": "Q",
        "AddressLine1": "Unit 4",
        "City": "Q",
        "PostalCode": "QM1",
        "CountryCode": "GB",
        "Email": "d@q",
        "Phone": "1",
    }
    details = {"AmazonOrderId": id_, "ItemList": [{"OrderItemId": item.item_id, "Quantity": 1}], "ShipFromAddress": home,
               "PackageDimensions": {"Length": 1, "Width": 1, "Height": 1, "Unit": "centimeters"},
               "Weight": {"Value": 100, "Unit": "g"},
               "ShippingServiceOptions": {"DeliveryExperience": "NoTracking", "CarrierWillPickUp": False, "LabelFormat": "PDF"}}  # fmt: skip
    headers = {"x-amz-access-token": world.token}
    offers = world.http.post(
        "/mfn/v0/eligibleShippingServices", json={"ShipmentRequestDetails": details}, headers=headers
    )
    chosen = offers.json()["payload"]["ShippingServiceList"][0]["ShippingServiceId"]
    made = world.http.post(
        "/mfn/v0/shipments", json={"ShipmentRequestDetails": details, "ShippingServiceId": chosen}, headers=headers
    )
    contents = made.json()["payload"]["Label"]["FileContents"]["Contents"]
    assert gzip.decompress(base64.b64decode(contents)).startswith(b"%PDF")
    path = SPAPI / "models" / "merchantFulfillmentV0.json"
    if not path.exists():
        pytest.skip("Amazon's models are not beside the project")
    model = json.loads(path.read_text())
    for answer, name in ((offers, "GetEligibleShipmentServicesResponse"), (made, "CreateShipmentResponse")):
        jsonschema.validate(answer.json(), {**model["definitions"][name], "definitions": model["definitions"]})


def test_plain_http_gets_nothing(world: World) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://localhost:{world.server.port}/", trust_env=False)


def test_answers_carry_the_rehearsals_date_and_a_request_id(world: World) -> None:
    answer = world.search()
    assert "2026" in answer.headers["date"]
    assert answer.headers["x-amzn-requestid"]


def test_every_fault_fires(world: World) -> None:
    place(world, 101)
    world.search()
    for fault in Fault:
        world.amazon.faults.set(fault, 1)
        world.clock.step(3600)
        try:
            if fault is Fault.AUTHORISATION_REVOKED:
                world.login()
            world.login()
            page = world.search()
            if fault in (Fault.PAGE_EXPIRED, Fault.REPEAT_PAGE):
                world.search(paginationToken=page.json()["pagination"]["nextToken"])
        except httpx.HTTPError:
            pass
        world.amazon.faults.set(fault, 0)
    assert set(world.amazon.faults.fired) == set(Fault)


def test_a_month_of_business_has_every_kind_of_life_and_is_the_same_for_a_seed() -> None:
    def live(seed: int) -> Business:
        world = Business(seed=seed, start=START, orders_per_day=20)
        world.advance(START + 90 * DAY)
        return world

    began = time.monotonic()
    one, again = live(3), live(3)
    assert time.monotonic() - began < 10
    assert [(o.order_id, o.status, o.updated) for o in one.orders.values()] == [
        (o.order_id, o.status, o.updated) for o in again.orders.values()
    ]
    statuses = Counter(o.status for o in one.orders.values())
    assert {"SHIPPED", "CANCELLED", "UNSHIPPED", "UNFULFILLABLE"} <= set(statuses)
    orders = one.orders.values()
    assert any(o.fulfilled_by == "AMAZON" for o in orders)
    assert any(o.shipped and o.shipped - o.created > 30 * DAY for o in orders), "carried"
    assert any(o.shipped and o.updated - o.shipped > 40 * DAY for o in orders), "refunded on day 45"
    assert len({o.person.country for o in orders}) == 6


def test_a_killed_simulator_has_the_same_world_again(folder: Path) -> None:
    from strongroom.rehearsal.marketplace.control import Keeper

    first = World(folder)
    with first.server:
        keeper = Keeper(first.server, folder / "acts")
        id_ = str(keeper.do({"verb": "place", "what": {"status": "UNSHIPPED"}})["order_id"])
        first.clock.step(3600)
        keeper.do({"verb": "ship", "order_id": id_})
        first.http.close()
    second = World(folder)
    second.server.server_close()
    second.http.close()
    Keeper(second.server, folder / "acts")
    assert second.amazon.business.orders[id_].status == "SHIPPED"


def strict(definition: Any) -> Any:
    """A Swagger definition as JSON Schema in which no property may stand that the model does not list."""
    if isinstance(definition, dict):
        made = {name: strict(value) for name, value in definition.items() if name != "x-example"}
        if isinstance(definition.get("properties"), dict):
            made["additionalProperties"] = False
        return made
    return [strict(item) for item in definition] if isinstance(definition, list) else definition


def check(operation: str, status: int, body: Any) -> None:
    """Raise unless Amazon's model of the operation allows this answer."""
    if operation == "token" or body is None:
        return
    file, name = MODELS.get(operation, ("ordersV0.json", ""))
    model = json.loads((SPAPI / "models" / file).read_text())
    failed = "ConfirmShipmentErrorResponse" if operation == "confirmShipment" else "ErrorList"
    wanted = name if status == 200 else failed
    definitions = {key: strict(value) for key, value in model["definitions"].items()}
    jsonschema.validate(body, {"$ref": f"#/definitions/{wanted}", "definitions": definitions})


def test_every_answer_is_what_amazons_models_allow(folder: Path) -> None:
    if not SPAPI.is_dir():
        pytest.skip("Amazon's published models are not beside the project (shared/spapi)")
    world = World(folder, orders_per_day=20.0)
    with world.server:
        world.clock.step(50 * DAY)
        world.login()
        for dataset in ["", *sorted(DATASETS), ",".join(sorted(DATASETS))]:
            world.clock.step(600)
            world.login()
            assert world.search(includedData=dataset).status_code == 200
        for status in sorted(STATUSES):
            world.clock.step(600)
            world.login()
            world.search(fulfillmentStatuses=status, includedData="FULFILLMENT,RECIPIENT,BUYER")
        world.search(surprise="1")
        id_ = next(iter(world.amazon.business.orders))
        world.order(id_, ",".join(sorted(DATASETS)))
        world.order("999-0000000-0000000")
        world.http.get("/sellers/v1/marketplaceParticipations", headers={"x-amz-access-token": world.token})
        world.http.post(f"/orders/v0/orders/{id_}/shipmentConfirmation", headers={"x-amz-access-token": world.token})
        world.http.close()
    told = Counter((operation, status) for operation, status, _ in world.seen)
    assert told["searchOrders", 200] >= 20
    for operation, code, said in world.seen:
        body = json.loads(json.dumps(said))
        for order in body.get("orders", []) if isinstance(body, dict) else []:
            if order.get("fulfillment", {}).get("fulfillmentStatus") not in {None, *STATUSES}:
                order["fulfillment"]["fulfillmentStatus"] = "PENDING"  # the word no model lists, told on purpose
        check(operation, code, body)


def test_the_contract_check_itself_can_fail() -> None:
    if not SPAPI.is_dir():
        pytest.skip("Amazon's published models are not beside the project (shared/spapi)")
    order = {"orderId": "1", "createdTime": "2026-11-01T00:00:00Z", "lastUpdatedTime": "2026-11-01T00:00:00Z",
             "salesChannel": {"channelName": "AMAZON"}, "orderItems": []}  # fmt: skip
    check("getOrder", 200, {"order": order})
    with pytest.raises(jsonschema.ValidationError):
        check("getOrder", 200, {"order": {**order, "ours": 1}})
    with pytest.raises(jsonschema.ValidationError):
        check("getOrder", 200, {"order": {"orderId": "1"}})
