"""A parcel is checked before Amazon is told, a refusal has its reason, and what was told is recognised (DF-1)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.formats.secret import Secret
from strongroom.marketplace import Client, Confirmed, NotAParcel, Outcome, ShipmentRefused, ShippedItem, Why, errors
from strongroom.marketplace.records import PackageRecord, Packages
from tests.marketplace.server import CANARY, Scripted, scripted_server
from tests.marketplace.test_client import Log, error, make_client

ORDER = "250-1234567-8901234"
TRACKING = "JD0146 0000-1234"
LEFT = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def script(folder: Path) -> Iterator[Scripted]:
    with scripted_server(folder) as running:
        yield running


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def client(script: Scripted, log: Log) -> Iterator[Client]:
    made = make_client(script, log)
    yield made
    made.close()


def tell(client: Client, **other: Any) -> Confirmed:
    wanted = {"order_id": ORDER, "marketplace_id": "A1F83G8C2ARO7P", "reference": "1", "carrier": "DHL",
              "tracking": Secret(TRACKING), "shipped": LEFT, "items": [ShippedItem("51986411826454", 2)]}  # fmt: skip
    return client.confirm_shipment(**{**wanted, **other})


def refusal(message: str, code: str = "InvalidInput") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": f"{message} {CANARY}", "details": CANARY}]}).encode()


def package(**other: Any) -> PackageRecord:
    wanted = {"reference": "1", "tracking": Secret("JD014600001234"), "shipped": LEFT, "pieces": {"51986411826454": 2}}
    return PackageRecord(**{**wanted, **other})


def knows(*packages: PackageRecord) -> bool:
    import uuid

    found = Packages(packages, "SHIPPED", uuid.UUID(int=1))
    return found.knows(reference="1", tracking=Secret(TRACKING), pieces={"51986411826454": 2})


def test_a_parcel_that_amazon_takes_is_accepted(script: Scripted, client: Client, log: Log) -> None:
    script.status, script.body = 204, b""
    assert tell(client).outcome is Outcome.ACCEPTED
    assert log.begun == ["token", "confirmShipment"]


@pytest.mark.parametrize(
    "wrong",
    [{"reference": reference} for reference in ("", "0", "01", "-1", "1a", "1234567890", "١", "1\n")]
    + [{"order_id": order_id} for order_id in ("", "250", "../250-1234567-8901234", "250-1234567-8901234/x")]
    + [{"tracking": Secret(number)} for number in ("", "123", "1" * 51, "NP 1\n2 3", "Straße 12345", " 12345")]
    + [{"carrier": ""}, {"carrier": "Other"}, {"carrier": "DHL", "carrier_name": "DHL"}, {"carrier": "D\nHL"},
       {"carrier": "Other", "carrier_name": ""}, {"marketplace_id": ""}, {"marketplace_id": "a1"}, {"items": []},
       {"items": [ShippedItem("1", 0)]}, {"items": [ShippedItem("1", 1), ShippedItem("1", 1)]},
       {"items": [ShippedItem("1/2", 1)]}, {"items": [ShippedItem("1", 10**9)]},
       {"shipped": datetime(2026, 11, 18, 12)}],  # noqa: DTZ001
    ids=str,
)  # fmt: skip
def test_what_is_no_parcel_is_not_told(script: Scripted, client: Client, log: Log, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotAParcel) as raised:
        tell(client, **wrong)
    assert (script.seen, log.begun) == ([], [])
    number = wrong.get("tracking", Secret("")).text()
    assert not number.strip() or number not in str(raised.value)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("PackageReferenceId: is invalid, must be a positive numeric value.", Why.REFERENCE),
        ("OrderItemId is invalid, please obtain the value through the getOrderItems API", Why.ITEM),
        ("The quantity is more than was ordered", Why.QUANTITY),
        ("carrierName is required when carrierCode is Other", Why.CARRIER),
        ("trackingNumber is not valid", Why.TRACKING),
        ("shipDate lies in the future", Why.SHIP_DATE),
        ("The marketplaceId is not the one of this order", Why.MARKETPLACE),
        ("The order was cancelled", Why.CANCELLED),
        ("Invalid Input", Why.UNSAID),
    ],
)
def test_each_refusal_has_its_reason_and_none_of_amazons_words(
    script: Scripted, client: Client, log: Log, message: str, why: Why
) -> None:
    script.status, script.body = 400, refusal(message)
    with pytest.raises(ShipmentRefused) as raised:
        tell(client)
    assert (raised.value.why, raised.value.code, raised.value.may_be_done) == (why, "InvalidInput", False)
    assert CANARY not in str(raised.value) + repr(raised.value.__dict__)
    assert log.done[-1]["outcome"] == "shipment-refused"


def test_the_sandboxs_code_in_two_words_is_a_code(script: Scripted, client: Client) -> None:
    script.status, script.body = 400, refusal("Invalid Input", code="Invalid Input")
    with pytest.raises(ShipmentRefused) as raised:
        tell(client)
    assert raised.value.code == "InvalidInput"


def test_an_order_that_amazon_does_not_know_is_a_refusal(script: Scripted, client: Client) -> None:
    script.status, script.body = 404, error("NotFound")
    with pytest.raises(ShipmentRefused) as raised:
        tell(client)
    assert raised.value.why is Why.NOT_FOUND


def test_a_400_that_is_not_amazons_own_says_nothing_of_the_parcel(script: Scripted, client: Client) -> None:
    script.status, script.body = 400, b"<h1>packageReferenceId</h1>"
    with pytest.raises(errors.BadRequest) as raised:
        tell(client)
    assert not isinstance(raised.value, ShipmentRefused)


def test_all_left_already_is_a_refusal_where_amazon_has_another_parcel(
    script: Scripted, client: Client, log: Log
) -> None:
    script.status, script.body = 400, refusal("order already fulfilled. errorMetric=PackageToUpdateNotFound")
    with pytest.raises(errors.MarketplaceError):
        tell(client)
    assert log.begun[-2:] == ["confirmShipment", "getOrder"], "read back before anybody decides"


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (package(), True),
        (package(tracking=Secret("jd014600001234")), True),
        (package(reference="AMZ-7"), True),
        (package(reference="AMZ-7", pieces={"51986411826454": 1}), False),
        (package(pieces={}), True),
        (package(tracking=Secret("JD014600001235")), False),
        (package(tracking=None), False),
        (package(status="CANCELLED"), False),
    ],
    ids=str,
)
def test_a_parcel_is_known_by_its_number_under_our_reference_or_with_our_pieces(
    found: PackageRecord, known: bool
) -> None:
    assert knows(found) is known


@pytest.mark.parametrize(
    ("answer", "done"),
    [({"status": 429, "body": error("QuotaExceeded")}, False), ({"status": 403, "body": error("Unauthorized")}, False),
     ({"status": 500, "body": error("InternalFailure")}, True), ({"silent": True}, True),
     ({"status": 200, "body": b"<h1>", "headers": {"content-type": "text/html"}}, True)],
    ids=str,
)  # fmt: skip
def test_an_error_tells_whether_amazon_may_have_obeyed(
    script: Scripted, client: Client, answer: dict[str, Any], done: bool
) -> None:
    for name, value in answer.items():
        setattr(script, name, value)
    with pytest.raises(errors.MarketplaceError) as raised:
        tell(client)
    assert raised.value.may_be_done is done


def test_a_connection_that_never_was_obeyed_nothing(script: Scripted, log: Log, folder: Path) -> None:
    client = make_client(script, log, endpoint="https://localhost:1")
    with pytest.raises(errors.Unreachable) as raised:
        tell(client)
    client.close()
    assert raised.value.may_be_done is False
