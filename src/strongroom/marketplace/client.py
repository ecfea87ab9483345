"""The operations of the Selling Partner API that Strongroom uses: Orders v2026-01-01, confirmShipment, participations,
and labels bought through Amazon (Merchant Fulfillment v0).

Every call takes its token from the bucket and its place in the call log first. Nothing of an answer but typed records
comes out, also when it fails.
"""

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from strongroom.formats.clock import Clock
from strongroom.formats.secret import Secret
from strongroom.marketplace import errors, labels, parcels, parse, tokens
from strongroom.marketplace.errors import MarketplaceError
from strongroom.marketplace.labels import BoughtLabel, ParcelToLabel, Service, Services
from strongroom.marketplace.limits import LIMITS
from strongroom.marketplace.parcels import Confirmed, Outcome, ShippedItem, instant
from strongroom.marketplace.protocols import Bucket, CallLog, DateHeard
from strongroom.marketplace.records import Packages, Page, Participation
from strongroom.marketplace.tokens import RESTRICTED, Held, Tokens
from strongroom.marketplace.transport import WHOLE_WITHIN, Reply, Transport

ORDERS: Final = "/orders/2026-01-01/orders"
STATES_DATA: Final = "FULFILLMENT"
PARCELS: Final = "FULFILLMENT,PACKAGES"
PERSONAL_DATA: Final = "BUYER,RECIPIENT,FULFILLMENT"
"""The smallest sets: states never ask for a person; PII only for what the merchant must still ship (RR-1)."""
TO_SHIP: Final = "UNSHIPPED,PARTIALLY_SHIPPED"
SHIPMENTS: Final = "/mfn/v0/shipments"
RETRY_AFTER: Final = 60.0

T = TypeVar("T")


class Client:
    """Amazon for one selling account. Synchronous; one thread at a time."""

    def __init__(
        self, *, endpoint: str, login_endpoint: str, client_id: str, client_secret: Secret, refresh_token: Secret,
        marketplace_ids: Sequence[str], bucket: Bucket, call_log: CallLog, clock: Clock, ca_file: Path | None = None,
        date_heard: DateHeard | None = None, user_agent: str = "Strongroom/0.1 (Language=Python)",
        transport: httpx.BaseTransport | None = None, whole_within: float = WHOLE_WITHIN,
    ) -> None:  # fmt: skip
        """`whole_within`: seconds for a whole answer.

        Raises `ValueError` for an endpoint that is not https: nothing is ever asked in the clear (ET-1).
        """
        for url in (endpoint, login_endpoint):
            if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
                raise ValueError(f"a marketplace endpoint is an https address, not {urlsplit(url).scheme or 'that'}")
        if not marketplace_ids or len(marketplace_ids) > 50:
            raise ValueError("name 1 to 50 marketplaces")
        self._endpoint = endpoint.rstrip("/")
        self._marketplaces = ",".join(marketplace_ids)
        self._bucket, self._call_log, self._date_heard = bucket, call_log, date_heard
        self._transport = Transport(
            ca_file=ca_file, user_agent=user_agent, transport=transport, whole_within=whole_within
        )
        self._tokens = Tokens(
            transport=self._transport, endpoint=login_endpoint, client_id=client_id, client_secret=client_secret,
            refresh_token=refresh_token, clock=clock,
        )  # fmt: skip
        self._restricted = Held(clock)

    def close(self) -> None:
        self._transport.close()

    def search_states(self, *, updated_after: datetime, page_token: Secret | None = None) -> Page:
        """One page of everything updated since, without PII; what arrives all the same is dropped unread."""
        parameters = {
            "marketplaceIds": Secret(self._marketplaces),
            "lastUpdatedAfter": Secret(instant(updated_after)),
            "includedData": Secret(STATES_DATA),
        }
        return self._search(parameters, page_token, keep=False)

    def search_personal_data(self, *, created_after: datetime, page_token: Secret | None = None) -> Page:
        """One page of orders that the merchant must still ship, with what a label needs (RR-1)."""
        parameters = {
            "marketplaceIds": Secret(self._marketplaces),
            "createdAfter": Secret(instant(created_after)),
            "fulfillmentStatuses": Secret(TO_SHIP),
            "fulfilledBy": Secret("MERCHANT"),
            "includedData": Secret(PERSONAL_DATA),
        }
        return self._search(parameters, page_token, keep=True)

    def get_order_state(self, order_id: str) -> Page:
        return self._get_order(order_id, STATES_DATA, keep=False)

    def get_order_personal_data(self, order_id: str) -> Page:
        return self._get_order(order_id, PERSONAL_DATA, keep=True)

    def confirm_shipment(
        self, *, order_id: str, marketplace_id: str, reference: str, carrier: str, tracking: Secret, shipped: datetime,
        items: Sequence[ShippedItem], carrier_name: str | None = None,
    ) -> Confirmed:  # fmt: skip
        """Tell Amazon that a parcel left (v0). Where it says that all left already, its parcels are read back once.

        Raises `NotAParcel` before anything is asked, and `ShipmentRefused` with the reason.
        """
        path = f"/orders/v0/orders/{parcels.order_path(order_id)}/shipmentConfirmation"
        body = parcels.confirmation(
            marketplace_id=marketplace_id, reference=reference, carrier=carrier, carrier_name=carrier_name,
            tracking=tracking, shipped=shipped, items=items,
        )  # fmt: skip
        try:
            call = self._call("confirmShipment", "POST", path, lambda _, call: call, content=body)
        except errors.ShipmentRefused as problem:
            if problem.why is not errors.Why.ALREADY_SHIPPED:
                raise
            refused = problem
        else:
            return Confirmed(Outcome.ACCEPTED, call)
        known = self.read_back(order_id)
        pieces = {item.order_item_id: item.quantity for item in items}
        if not known.knows(reference=reference, tracking=tracking, pieces=pieces):
            raise refused
        return Confirmed(Outcome.ALREADY_KNOWN, known.call)

    def read_back(self, order_id: str) -> Packages:
        """What parcels Amazon knows of an order. The recipient is not asked for."""
        return self._call(
            "getOrder", "GET", f"{ORDERS}/{parcels.order_path(order_id)}",
            lambda body, call: parse.packages(body, call=call), parameters={"includedData": Secret(PARCELS)},
        )  # fmt: skip

    def eligible_services(self, parcel: ParcelToLabel) -> Services:
        """What carriers offer for a parcel of an order. Raises `NotAParcel` before anything is asked."""
        return self._call(
            "getEligibleShipmentServices", "POST", "/mfn/v0/eligibleShippingServices",
            lambda body, call: labels.services(body, call=call), content=labels.services_body(parcel),
        )  # fmt: skip

    def buy_label(self, parcel: ParcelToLabel, service: Service) -> BoughtLabel:
        """Buy a label: it costs money, and Amazon has no way to ask again for the same one.

        After an error whose `may_be_done` is true it may be bought; `read_back` shows its parcel then.
        """
        return self._call(
            "createShipment", "POST", SHIPMENTS, lambda body, call: labels.bought(body, call=call),
            content=labels.purchase_body(parcel, service), restricted=True,
        )  # fmt: skip

    def get_shipment(self, shipment_id: str) -> BoughtLabel:
        """A label that was bought, once more."""
        return self._call(
            "getShipment", "GET", f"{SHIPMENTS}/{labels.shipment_path(shipment_id)}",
            lambda body, call: labels.bought(body, call=call), restricted=True,
        )  # fmt: skip

    def cancel_shipment(self, shipment_id: str) -> BoughtLabel:
        """Give a label back for a refund; it must not be used any more."""
        return self._call(
            "cancelShipment", "DELETE", f"{SHIPMENTS}/{labels.shipment_path(shipment_id)}",
            lambda body, call: labels.bought(body, call=call), restricted=True,
        )  # fmt: skip

    def participations(self) -> tuple[Participation, ...]:
        return self._call(
            "getMarketplaceParticipations", "GET", "/sellers/v1/marketplaceParticipations",
            lambda body, _: parse.participations(body),
        )  # fmt: skip

    def _search(self, parameters: dict[str, Secret], page_token: Secret | None, *, keep: bool) -> Page:
        if page_token is not None:
            parameters["paginationToken"] = page_token
        return self._call(
            "searchOrders", "GET", ORDERS,
            lambda body, call: parse.orders_page(body, call=call, keep=keep, asked_recipient=keep),
            parameters=parameters,
        )  # fmt: skip

    def _get_order(self, order_id: str, data: str, *, keep: bool) -> Page:
        return self._call(
            "getOrder", "GET", f"{ORDERS}/{quote(order_id, safe='')}",
            lambda body, call: parse.order_page(body, call=call, keep=keep, asked_recipient=keep),
            parameters={"includedData": Secret(data)},
        )  # fmt: skip

    def _call(
        self, operation: str, method: str, path: str, read: Callable[[Any, uuid.UUID], T], *,
        parameters: dict[str, Secret] | None = None, content: Secret | None = None, restricted: bool = False,
    ) -> T:  # fmt: skip
        """Token, bucket, log, request, log, parse. A 401 is tried once more with new tokens."""
        paged = "paginationToken" in (parameters or {})
        for last in (False, True):
            token = self._token_for(restricted=restricted)
            self._take(operation)
            call = self._call_log.begin(operation)
            began, outcome, reply, found = time.monotonic(), "failed", None, None
            try:
                reply = self._send(operation, method, path, token, parameters, content)
                self._hear(reply)
                if reply.status == 401 and not last:
                    outcome = "token-expired"
                else:
                    problem, found = _read(operation, reply, call, read, paged=paged)
                    if problem is not None:  # raised here, where no answer is in sight of the traceback
                        raise problem
                    outcome = "ok"
            except MarketplaceError as failed:
                outcome = failed.outcome
                raise
            finally:
                self._complete(call, reply, outcome, began, found)
            if found is not None:
                return found.value  # type: ignore[no-any-return]
            self._tokens.forget()
            self._restricted.forget()
        raise errors.TokenRevoked(operation)

    def _send(
        self, operation: str, method: str, path: str, token: Secret, parameters: dict[str, Secret] | None,
        content: Secret | None,
    ) -> Reply:  # fmt: skip
        return self._transport.send(
            operation, method, self._endpoint + path, headers={"x-amz-access-token": token}, content=content,
            content_type="application/json" if content else None, parameters=parameters,
        )  # fmt: skip

    def _token_for(self, *, restricted: bool) -> Secret:
        """The token that a call needs; one that must be asked for is a call with its own record."""
        wanted: Held = self._restricted if restricted else self._tokens
        if wanted.held() is None:
            if restricted:
                self._fetch_restricted()
            else:
                self._fetch_token()
        token = wanted.held()
        if token is None:
            raise errors.TokenRevoked("token")
        return token

    def _fetch_restricted(self) -> None:
        body = Secret(json.dumps({"restrictedResources": list(RESTRICTED)}))
        token, life = self._call(
            "createRestrictedDataToken", "POST", "/tokens/2021-03-01/restrictedDataToken",
            lambda body, _: tokens.restricted(body), content=body,
        )  # fmt: skip
        self._restricted.keep(token, life)

    def _fetch_token(self) -> None:
        self._take("token")
        call = self._call_log.begin("token")
        began, outcome, reply = time.monotonic(), "failed", None
        try:
            reply = self._tokens.fetch()
            self._hear(reply)
            outcome = "ok"
        except MarketplaceError as problem:
            outcome = problem.outcome
            raise
        finally:
            self._complete(call, reply, outcome, began, None)

    def _take(self, operation: str) -> None:
        limit = LIMITS[operation]
        wait = self._bucket.take(operation, rate=limit.rate, burst=limit.burst)
        if wait > 0:
            raise errors.Throttled(operation, wait=wait)

    def _hear(self, reply: Reply) -> None:
        if self._date_heard is not None and reply.date is not None:
            self._date_heard(reply.date)

    def _complete(self, call: uuid.UUID, reply: Reply | None, outcome: str, began: float, found: Any) -> None:
        record = getattr(found, "value", None)
        self._call_log.complete(
            call,
            status=reply.status if reply else None,
            request_id=reply.request_id if reply else None,
            rate_limit=reply.rate_limit if reply else None,
            outcome=outcome,
            milliseconds=int((time.monotonic() - began) * 1000),
            dropped_fields=getattr(record, "dropped", 0),
        )


@dataclass(frozen=True, repr=False)
class _Found:
    value: Any


def _read(
    operation: str, reply: Reply, call: uuid.UUID, read: Callable[[Any, uuid.UUID], Any], *, paged: bool
) -> tuple[MarketplaceError | None, _Found | None]:
    """The record of an answer, or the typed error that its status, form or shape means; it raises none itself."""
    where: dict[str, Any] = {"status": reply.status, "request_id": reply.request_id}
    if reply.status == 204:
        return None, _Found(read(None, call))
    loaded = _loaded(reply)
    if reply.status >= 400:
        return _error(operation, reply, loaded, where, paged=paged), None
    if loaded is None or not reply.is_json:
        return errors.NotJson(operation, **where), None
    try:
        return None, _Found(read(loaded, call))
    except parse.NotAnAnswer:
        return errors.WrongShape(operation, **where), None


def _error(operation: str, reply: Reply, loaded: Any, where: dict[str, Any], *, paged: bool) -> MarketplaceError:
    code = _code(loaded)
    where["code"] = code
    if reply.status == 429:
        return errors.Throttled(operation, wait=RETRY_AFTER, **where)
    if operation == "confirmShipment" and code is not None and reply.status in (400, 404, 409, 422):
        return errors.ShipmentRefused(operation, why=parcels.why_refused(reply.status, loaded), **where)
    return _kind(reply.status, code, paged=paged)(operation, **where)


def _kind(status: int, code: str | None, *, paged: bool) -> type[MarketplaceError]:
    match status:
        case 401:
            return errors.TokenRevoked
        case 403:
            return errors.RoleMissing if code in ("Unauthorized", "AccessDenied") else errors.AccessRefused
        case 400 if paged and code == "InvalidInput":
            return errors.PageTokenExpired
        case status if status >= 500:
            return errors.Unavailable
        case _:
            return errors.BadRequest


def _code(loaded: Any) -> str | None:
    """Amazon's error code, where the answer is its error envelope."""
    listed = loaded.get("errors") if isinstance(loaded, dict) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    code = first.get("code") if isinstance(first, dict) else None
    return code.replace(" ", "") if isinstance(code, str) else None  # `Invalid Input`, says the sandbox of v0


def _loaded(reply: Reply) -> Any:
    try:
        return parse.load(reply.body)
    except ValueError:
        return None
