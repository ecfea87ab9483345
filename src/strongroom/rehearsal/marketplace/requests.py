"""How Amazon answers a request: every rule of its models that a client could break, then the data."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.formats.clock import Clock
from strongroom.rehearsal.marketplace import shipments
from strongroom.rehearsal.marketplace.answers import order_json
from strongroom.rehearsal.marketplace.business import MARKETPLACES, Business, SimulatedOrder
from strongroom.rehearsal.marketplace.faults import Fault, Switchboard
from strongroom.rehearsal.marketplace.label_shop import LabelShop
from strongroom.rehearsal.marketplace.moments import instant
from strongroom.rehearsal.marketplace.problems import Answer, moment

DATASETS: Final = frozenset(
    {"BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX",
     "PAYMENT", "FULFILLMENT_ORDERS"}
)  # fmt: skip
STATUSES: Final = frozenset(
    {"PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE"}
)
SEARCH: Final = frozenset(
    {"createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore", "fulfillmentStatuses", "marketplaceIds",
     "fulfilledBy", "maxResultsPerPage", "paginationToken", "includedData"}
)  # fmt: skip
ALLOWANCES: Final = {
    "searchOrders": (0.0056, 20), "getOrder": (0.5, 30), "confirmShipment": (2.0, 10),
    "getMarketplaceParticipations": (0.016, 15), "createRestrictedDataToken": (1.0, 10),
    "getEligibleShipmentServices": (6.0, 12), "createShipment": (2.0, 2), "getShipment": (1.0, 1),
    "cancelShipment": (1.0, 1),
}  # fmt: skip
LATE: Final = 120.0
"""Seconds that Amazon's data lags, and that a `…Before` must lie in the past."""
TOKEN_LIVES: Final = 24 * 3600.0
ACCESS_LIVES: Final = 3600.0
RESTRICTED: Final = {
    "createShipment": ("POST", "/mfn/v0/shipments"),
    "getShipment": ("GET", "/mfn/v0/shipments/{shipmentId}"),
    "cancelShipment": ("DELETE", "/mfn/v0/shipments/{shipmentId}"),
}
"""Operations whose answers hold a customer: they want a restricted data token for their method and path."""


def _forgotten(_: dict[str, Any]) -> None:
    """Where nobody keeps acts."""


@dataclass
class _Pages:
    """A search under way: what was asked, which orders, and how far it was read."""

    asked: tuple[tuple[str, str], ...]
    ids: list[str]
    at: int
    until: float
    before: tuple[str, str]


@dataclass
class Amazon:
    """The marketplace as one client sees it."""

    business: Business
    clock: Clock
    faults: Switchboard
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    roles: frozenset[str] = frozenset({"BUYER", "RECIPIENT"})
    kept: Callable[[dict[str, Any]], None] = field(default=_forgotten, repr=False)
    """Hears what sellers told, so that a restarted simulator knows it still."""
    _access: dict[str, float] = field(default_factory=dict, repr=False)
    _restricted: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict, repr=False)
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _pages: dict[str, _Pages] = field(default_factory=dict)
    _last: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.labels = LabelShop(self.business, self.faults, self._keep)

    def _keep(self, act: dict[str, Any]) -> None:
        self.kept(act)  # whoever keeps acts comes after us

    def login(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Login with Amazon."""
        if form.get("grant_type") != "refresh_token":
            return 400, {"error": "unsupported_grant_type", "error_description": "use refresh_token"}
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed"}
        if form.get("refresh_token") != self.refresh_token or self.faults.fires(Fault.AUTHORISATION_REVOKED):
            return 400, {"error": "invalid_grant", "error_description": "The request has an invalid grant parameter"}
        token = f"Atza|{secrets.token_urlsafe(24)}"
        self._access[token] = self.clock.boot() + ACCESS_LIVES
        return 200, {"access_token": token, "token_type": "bearer", "expires_in": int(ACCESS_LIVES)}

    def admit(self, operation: str, token: str | None) -> None:
        """Token, then allowance. Raises `Answer`."""
        if self.faults.fires(Fault.UNAUTHORISED, operation):
            raise Answer(401, "Unauthorized", "Access token is missing, malformed or expired")
        if token is None:
            raise Answer(403, "MissingAuthenticationToken", "Missing access token")
        if self._access.get(token, 0.0) < self.clock.boot():
            raise Answer(401, "Unauthorized", "The access token you provided has expired")
        wanted = RESTRICTED.get(operation)
        allowed = self._restricted.get(token)
        if (wanted is None) != (allowed is None) or (wanted and wanted not in (allowed or ())):
            raise Answer(403, "Unauthorized", "Access to requested resource is denied.")
        if self.faults.fires(Fault.ROLE_MISSING, operation):
            raise Answer(403, "Unauthorized", "Access to requested resource is denied.")
        rate, burst = ALLOWANCES[operation]
        now = self.clock.boot()
        tokens, at = self._buckets.get(operation, (float(burst), now))
        tokens = min(float(burst), tokens + max(0.0, now - at) * rate)
        if tokens < 1.0 or self.faults.fires(Fault.THROTTLE, operation):
            self._buckets[operation] = (tokens, now)
            raise Answer(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        self._buckets[operation] = (tokens - 1.0, now)

    def search(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """`searchOrders`."""
        asked = self._check_search(parameters)
        if "paginationToken" in parameters:
            pages = self._following(parameters["paginationToken"], asked)
        else:
            pages = self._begin(parameters, asked)
        most = int(parameters.get("maxResultsPerPage", "100"))
        ids = pages.ids[pages.at : pages.at + most]
        included = _included(parameters)
        answer: dict[str, Any] = {"orders": self._told(ids, included), pages.before[0]: pages.before[1]}
        if pages.at + most < len(pages.ids):
            answer["pagination"] = {"nextToken": self._token(pages, pages.at + most)}
        return self._spoilt(answer)

    def order(self, order_id: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """`getOrder`."""
        if set(parameters) - {"includedData"}:
            raise Answer(400, "InvalidInput", "Unknown parameter")
        if order_id not in self.business.orders:
            raise Answer(404, "NotFound", "The order was not found")
        return {"order": self._told([order_id], _included(parameters))[0]}

    def confirm(self, order_id: str, body: Any) -> None:
        """`confirmShipment` (v0)."""
        detail = shipments.read(self.business, order_id, body)
        self.business.confirm_shipment(order_id, detail)
        self.kept({"verb": "confirm_shipment", "order_id": order_id, "detail": detail, "at": self.business.now})

    def restrict(self, body: Any) -> dict[str, Any]:
        """`createRestrictedDataToken`, for the resources that we sell."""
        resources = body.get("restrictedResources") if isinstance(body, dict) else None
        known = frozenset(RESTRICTED.values())
        if not isinstance(resources, list) or not 0 < len(resources) <= 50:
            raise Answer(400, "InvalidInput", "Resource not provided.")
        asked = frozenset((str(r.get("method")), str(r.get("path"))) for r in resources if isinstance(r, dict))
        if not asked <= known:
            raise Answer(400, "InvalidInput", "Not a restricted resource")
        token = f"Atz.sprdt|{secrets.token_urlsafe(24)}"
        self._access[token], self._restricted[token] = self.clock.boot() + ACCESS_LIVES, asked
        return {"restrictedDataToken": token, "expiresIn": int(ACCESS_LIVES)}

    def participations(self) -> dict[str, Any]:
        rows = []
        for country, (id_, name, currency) in MARKETPLACES.items():
            place = {"id": id_, "name": name, "countryCode": country, "defaultCurrencyCode": currency,
                     "defaultLanguageCode": "en_GB", "domainName": name.lower()}  # fmt: skip
            rows.append({"marketplace": place, "storeName": "Quillmarsh Toys",
                         "participation": {"isParticipating": True, "hasSuspendedListings": False}})  # fmt: skip
        return {"payload": rows}

    def _check_search(self, parameters: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Every rule of the parameters; returns those that a following page must repeat."""
        if set(parameters) - SEARCH:
            raise Answer(400, "InvalidInput", "Unknown parameter")
        if ("createdAfter" in parameters) == ("lastUpdatedAfter" in parameters):
            raise Answer(400, "InvalidInput", "Exactly one of createdAfter and lastUpdatedAfter is required")
        if "lastUpdatedAfter" in parameters and ("createdBefore" in parameters):
            raise Answer(400, "InvalidInput", "createdBefore does not go with lastUpdatedAfter")
        ids = parameters.get("marketplaceIds", "").split(",")
        if not ids[0] or len(ids) > 50:
            raise Answer(400, "InvalidInput", "1 to 50 marketplaceIds are required")
        most = parameters.get("maxResultsPerPage", "100")
        if not most.isdigit() or not 1 <= int(most) <= 100:
            raise Answer(400, "InvalidInput", "maxResultsPerPage is 1 to 100")
        _words(parameters, "fulfillmentStatuses", STATUSES)
        _words(parameters, "fulfilledBy", frozenset({"MERCHANT", "AMAZON"}))
        _included(parameters)
        repeated = sorted(SEARCH - {"maxResultsPerPage", "includedData", "paginationToken"})
        return tuple((name, parameters[name]) for name in repeated if name in parameters)

    def _begin(self, parameters: Mapping[str, str], asked: tuple[tuple[str, str], ...]) -> _Pages:
        by, word = ("created", "created") if "createdAfter" in parameters else ("updated", "lastUpdated")
        newest = self.clock.wall() - LATE
        before = moment(parameters[f"{word}Before"]) if f"{word}Before" in parameters else newest
        if before > newest + 1:
            raise Answer(400, "InvalidInput", f"{word}Before must be at least two minutes in the past")
        after = moment(parameters[f"{word}After"])
        places = parameters["marketplaceIds"].split(",")
        statuses = _words(parameters, "fulfillmentStatuses", STATUSES)
        fulfillers = _words(parameters, "fulfilledBy", frozenset({"MERCHANT", "AMAZON"}))
        ids = [
            order.order_id
            for order in self.business.due(after=after, before=before, by=by)
            if MARKETPLACES[order.person.country][0] in places
            and (not statuses or order.status in statuses)
            and (not fulfillers or order.fulfilled_by in fulfillers)
        ]
        return _Pages(asked, ids, 0, self.clock.boot() + TOKEN_LIVES, (f"{word}Before", instant(before)))

    def _following(self, token: str, asked: tuple[tuple[str, str], ...]) -> _Pages:
        pages = self._pages.get(token)
        expired = pages is None or pages.until < self.clock.boot() or self.faults.fires(Fault.PAGE_EXPIRED)
        if expired or pages is None or pages.asked != asked:
            raise Answer(400, "InvalidInput", "paginationToken is invalid or expired, or parameters differ")
        if self.faults.fires(Fault.REPEAT_PAGE):
            pages = _Pages(pages.asked, pages.ids, 0, pages.until, pages.before)
        return pages

    def _token(self, pages: _Pages, at: int) -> str:
        token = secrets.token_urlsafe(24)
        self._pages[token] = _Pages(pages.asked, pages.ids, at, pages.until, pages.before)
        return token

    def _told(self, ids: list[str], included: frozenset[str]) -> list[dict[str, Any]]:
        found = []
        for id_ in ids:
            order: SimulatedOrder = self.business.orders[id_]
            roles = self.roles - {"RECIPIENT"} if self.faults.fires(Fault.NO_RECIPIENT) else self.roles
            answer = order_json(order, included=included, roles=roles, now=self.clock.wall())
            if self.faults.fires(Fault.STALE) and id_ in self._last:
                answer = self._last[id_]
            self._last[id_] = answer
            found.append(answer)
        return found

    def _spoilt(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Faults of content in a page of orders."""
        orders = answer["orders"]
        if orders and self.faults.fires(Fault.SHUFFLE):
            orders.reverse()
        if orders and self.faults.fires(Fault.DUPLICATE):
            orders.append(orders[0])
        if orders and self.faults.fires(Fault.UNKNOWN_FIELD):
            orders[0] = {**orders[0], "recipientHint": "planted", "nested": {"deliveryAddress": {"name": "planted"}}}
        return answer


def _included(parameters: Mapping[str, str]) -> frozenset[str]:
    return frozenset(_words(parameters, "includedData", DATASETS))


def _words(parameters: Mapping[str, str], name: str, known: frozenset[str]) -> list[str]:
    words = [word for word in parameters.get(name, "").split(",") if word]
    if not set(words) <= known:
        raise Answer(400, "InvalidInput", f"{name} has an unknown value")
    return words
