"""A simulated Amazon for tests, with its clock, and the check of its answers against Amazon's published models."""

import json
import secrets
import ssl
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.marketplace import Client
from strongroom.rehearsal.clock import ClockDriver
from strongroom.rehearsal.marketplace.business import MARKETPLACES, Business
from strongroom.rehearsal.marketplace.faults import Switchboard
from strongroom.rehearsal.marketplace.requests import Amazon
from strongroom.rehearsal.marketplace.server import Server
from tests.marketplace.test_client import Bucket, Log

SPAPI = Path(__file__).parents[2].parent / "shared" / "spapi"
START = 1_795_000_000.0
MODELS = {
    "searchOrders": ("orders_2026-01-01.json", "SearchOrdersResponse"),
    "getOrder": ("orders_2026-01-01.json", "GetOrderResponse"),
    "createRestrictedDataToken": ("tokens_2021-03-01.json", "CreateRestrictedDataTokenResponse"),
    "getEligibleShipmentServices": ("merchantFulfillmentV0.json", "GetEligibleShipmentServicesResponse"),
    "createShipment": ("merchantFulfillmentV0.json", "CreateShipmentResponse"),
    "getShipment": ("merchantFulfillmentV0.json", "GetShipmentResponse"),
    "cancelShipment": ("merchantFulfillmentV0.json", "CancelShipmentResponse"),
    "getMarketplaceParticipations": ("sellers.json", "GetMarketplaceParticipationsResponse"),
}


REQUESTS = {
    "confirmShipment": ("ordersV0.json", "ConfirmShipmentRequest"),
    "createRestrictedDataToken": ("tokens_2021-03-01.json", "CreateRestrictedDataTokenRequest"),
    "getEligibleShipmentServices": ("merchantFulfillmentV0.json", "GetEligibleShipmentServicesRequest"),
    "createShipment": ("merchantFulfillmentV0.json", "CreateShipmentRequest"),
}


class World:
    """A server with its clock, and a client that behaves as asked."""

    def __init__(self, folder: Path, **business: Any) -> None:
        self.clock = ClockDriver(folder / "clock", start=START)
        world = Business(**{"seed": 5, "start": START, "orders_per_day": 0.0, **business})
        self.amazon = Amazon(world, self.clock, Switchboard(), "app", "secret", f"Atzr|{secrets.token_hex(4)}")
        self.ca, certificate, key = ensure(folder, ("localhost", "127.0.0.1"))
        self.seen: list[tuple[str, int, Any]] = []
        self.server = Server(
            self.amazon, certificate=certificate, key=key, validate=lambda *said: self.seen.append(said)
        )
        context = ssl.create_default_context(cafile=str(self.ca))
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

    def client(self, **other: Any) -> Client:
        """Our own client for this Amazon, as one selling account."""
        base = f"https://localhost:{self.server.port}"
        wanted = {"endpoint": base, "login_endpoint": f"{base}/auth/o2/token", "client_id": "app",
                  "client_secret": Secret("secret"), "refresh_token": Secret(self.amazon.refresh_token),
                  "marketplace_ids": ("A",), "bucket": Bucket(), "call_log": Log(), "clock": self.clock,
                  "ca_file": self.ca}  # fmt: skip
        return Client(**{**wanted, **other})

    def order(self, id_: str, included: str = "") -> httpx.Response:
        parameters = {"includedData": included} if included else {}
        path = f"/orders/2026-01-01/orders/{id_}"
        return self.http.get(path, params=parameters, headers={"x-amz-access-token": self.token})


def needs_models() -> None:
    if not SPAPI.is_dir():
        pytest.skip("Amazon's published models are not beside the project (shared/spapi)")


def place(world: World, count: int = 1, **what: Any) -> list[str]:
    world.amazon.business.advance(world.clock.wall())
    ids = [world.amazon.business.place(**{"status": "UNSHIPPED", **what}).order_id for _ in range(count)]
    world.clock.step(180)
    return ids


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
    definitions = {key: strict(value) for key, value in model["definitions"].items()}
    wanted: dict[str, Any] = {"$ref": f"#/definitions/{name}"}
    if status != 200 and definitions["ErrorList"]["type"] == "array":
        wanted = {"required": ["errors"], "properties": {"errors": {"$ref": "#/definitions/ErrorList"}}}
    elif status != 200:
        wanted = {"$ref": "#/definitions/ErrorList"}
    jsonschema.validate(body, {**wanted, "definitions": definitions})


def check_request(operation: str, body: Any) -> None:
    """Raise unless Amazon's model of the operation allows this request."""
    file, name = REQUESTS[operation]
    model = json.loads((SPAPI / "models" / file).read_text())
    definitions = {key: strict(value) for key, value in model["definitions"].items()}
    jsonschema.validate(body, {"$ref": f"#/definitions/{name}", "definitions": definitions})
