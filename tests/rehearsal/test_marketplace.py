"""The simulated Amazon is a real HTTPS server held to Amazon's models; every fault of it can fire (DESIGN 6)."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import jsonschema
import pytest

from strongroom.rehearsal.marketplace.business import DAY, Business
from strongroom.rehearsal.marketplace.requests import DATASETS, STATUSES
from tests.rehearsal.world import START, World, check, needs_models, place


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    made = World(folder)
    with made.server:
        made.login()
        yield made
        made.http.close()


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
    world.clock.step(9 * DAY)
    world.login()
    assert "phone" not in world.order(id_, "RECIPIENT").json()["order"]["recipient"]["deliveryAddress"]


def test_plain_http_gets_nothing(world: World) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://localhost:{world.server.port}/", trust_env=False)


def test_answers_carry_the_rehearsals_date_and_a_request_id(world: World) -> None:
    answer = world.search()
    assert "2026" in answer.headers["date"]
    assert answer.headers["x-amzn-requestid"]


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


def test_what_was_cancelled_before_its_payment_stood_stays_cancelled() -> None:
    world = Business(seed=5, start=START, orders_per_day=0)
    order = world.place(status="PENDING", fulfilled_by="MERCHANT")
    world.cancel(order.order_id)
    world.confirm(order.order_id)
    assert order.status == "CANCELLED"


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


def test_every_answer_is_what_amazons_models_allow(folder: Path) -> None:
    needs_models()
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
    needs_models()
    order = {"orderId": "1", "createdTime": "2026-11-01T00:00:00Z", "lastUpdatedTime": "2026-11-01T00:00:00Z",
             "salesChannel": {"channelName": "AMAZON"}, "orderItems": []}  # fmt: skip
    check("getOrder", 200, {"order": order})
    with pytest.raises(jsonschema.ValidationError):
        check("getOrder", 200, {"order": {**order, "ours": 1}})
    with pytest.raises(jsonschema.ValidationError):
        check("getOrder", 200, {"order": {"orderId": "1"}})
