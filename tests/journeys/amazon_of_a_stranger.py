"""An Amazon of nobody we know, written from its published model alone: HTTPS, the standard library, and ill will.

It shares nothing with the rehearsal's simulator. Its customers are canaries; it says them also where they do not
belong: in errors, headers, redirects, unknown fields, half answers. `mood` decides what the next answers are.
"""

import contextlib
import json
import ssl
import threading
import time
import urllib.parse
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

TOWN: Final = "Quirrelmere"
NAMES: Final = ("Ambrosine Thistlewhit", "佐久良 実花", "نورة الحكيمي", "Gülnihal Çevikoğlu")
STREET: Final = "77 Vexmoor Gallery"
PHONE: Final = "+44 7700 900842"
SAID: Final = f"{NAMES[0]}, {STREET}, {TOWN}"
NEEDLES: Final = (*NAMES, "Vexmoor Gallery", TOWN, "7700 900842", "ambrosine.t@", "Veiled Note 5521", "QW8 8ZX")


def _error(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": SAID, "details": SAID}]}).encode()


_ELSEWHERE: Final = f"https://{TOWN.lower()}.invalid/?{urllib.parse.quote(SAID)}"
REFUSALS: Final[dict[str, tuple[int, bytes, dict[str, str]]]] = {
    "errs": (500, _error("InternalFailure"), {"content-type": "application/json"}),
    "forbids": (403, _error("Unauthorized"), {"content-type": "application/json"}),
    "throttles": (429, _error("QuotaExceeded"), {"content-type": "application/json"}),
    "speaks html": (400, f"<h1>{SAID}</h1>".encode(), {"content-type": "text/html"}),
    "redirects": (302, b"", {"location": _ELSEWHERE}),
}


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def order(number: int, *, status: str = "UNSHIPPED", by: str = "MERCHANT", updated: datetime) -> dict[str, Any]:
    """An order as Orders v2026-01-01 describes it, with everything that a person could have in it."""
    address = {
        "name": NAMES[number % len(NAMES)], "addressLine1": STREET, "addressLine2": "Flat Q", "city": TOWN,
        "postalCode": "QW8 8ZX", "countryCode": "GB", "phone": PHONE, "companyName": f"{TOWN} Traders",
    }  # fmt: skip
    return {
        "orderId": f"299-{number:07d}-{number:07d}", "createdTime": _instant(updated - timedelta(hours=1)),
        "lastUpdatedTime": _instant(updated), "programs": [SAID], "whatIsThis": {"recipient": SAID},
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1F83G8C2ARO7P", "note": SAID},
        "buyer": {"buyerName": NAMES[number % len(NAMES)], "buyerEmail": f"ambrosine.t@{TOWN.lower()}.invalid"},
        "recipient": {"deliveryAddress": address, "deliveryPreference": {"addressInstruction": f"Behind {SAID}"}},
        "fulfillment": {
            "fulfillmentStatus": status, "fulfilledBy": by, "fulfillmentServiceLevel": SAID,
            "shipByWindow": {"latestDateTime": _instant(updated + timedelta(days=1))},
        },
        "orderItems": [
            {
                "orderItemId": f"{number}1", "quantityOrdered": 1,
                "product": {"asin": SAID, "sellerSku": "KITE-S", "title": "Kite, small",
                            "customization": {"customizedUrl": f"https://example.invalid/?for={TOWN}"}},
                "fulfillment": {"quantityFulfilled": 0, "packing": {"giftOption": {"giftMessage": "Veiled Note 5521"}}},
            }
        ],
        "packages": [{"packageReferenceId": SAID, "trackingNumber": "ZZ556677889GB", "carrier": SAID}],
    }  # fmt: skip


class Stranger:
    """Serves until closed. `orders`: what it has; `asked`: how often each kind of question came."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.orders: list[dict[str, Any]] = []
        self.mood = "honest"
        self.asked: Counter[str] = Counter()
        self.recipients_asked_for: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"amazon": self}))
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def place(self, **what: Any) -> str:
        made = order(len(self.orders) + 1, updated=datetime.now(UTC) - timedelta(minutes=5), **what)
        self.orders.append(made)
        return str(made["orderId"])

    def search(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """One page; the token is the place where the next one begins. Calls are dear, so pages are short only in moods
        that are about pages.
        """
        length = 5 if self.mood in ("repeats", "turns in circles") else 100
        wanted = self.orders
        if "fulfillmentStatuses" in query:
            states = query["fulfillmentStatuses"][0].split(",")
            wanted = [o for o in wanted if o["fulfillment"]["fulfillmentStatus"] in states]
            wanted = [o for o in wanted if o["fulfillment"]["fulfilledBy"] == query["fulfilledBy"][0]]
        first = int(query.get("paginationToken", ["0"])[0])
        page = wanted[first : first + length]
        said: dict[str, Any] = {"orders": [self._shown(o, query) for o in page], "gossip": SAID}
        if self.mood == "repeats":
            said["orders"] = [*said["orders"], *said["orders"]]
        if first + length < len(wanted):
            said["pagination"] = {"nextToken": str(first if self.mood == "turns in circles" else first + length)}
        said["lastUpdatedBefore"] = _instant(datetime.now(UTC) - timedelta(minutes=2))
        return said

    def one(self, order_id: str, query: dict[str, list[str]]) -> dict[str, Any] | None:
        found = [o for o in self.orders if o["orderId"] == order_id]
        return {"order": self._shown(found[0], query)} if found else None

    def _shown(self, o: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
        """An honest Amazon leaves out who was not asked for; this one never does."""
        if "RECIPIENT" in query.get("includedData", [""])[0]:
            self.recipients_asked_for.add(o["fulfillment"]["fulfilledBy"])
        return o


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    amazon: Stranger

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/auth/o2/token":
            self._say(200, {"access_token": f"Atza|{TOWN}", "expires_in": 3600, "token_type": "bearer"})
        else:
            self._say(204, None)

    def do_GET(self) -> None:
        where = urllib.parse.urlsplit(self.path)
        query, tail = urllib.parse.parse_qs(where.query), where.path.rpartition("/")[2]
        self.amazon.asked["search" if tail == "orders" else "one"] += 1
        with contextlib.suppress(OSError):
            self._moody(self.amazon.search(query) if tail == "orders" else self.amazon.one(tail, query))

    def _moody(self, answer: dict[str, Any] | None) -> None:
        whole, json_ = json.dumps(answer).encode(), {"content-type": "application/json"}
        if self.amazon.mood in REFUSALS and answer is not None:
            self._raw(*REFUSALS[self.amazon.mood])
        elif self.amazon.mood == "breaks off":
            self._raw(200, whole[: len(whole) // 2], {**json_, "content-length": str(len(whole))})
            self.close_connection = True
        else:
            time.sleep(8 if self.amazon.mood == "hesitates" else 0)
            self._raw(200 if answer is not None else 404, whole, json_)

    def _say(self, status: int, answer: Any) -> None:
        body = b"" if answer is None else json.dumps(answer).encode()
        self._raw(status, body, {"content-type": "application/json"})

    def _raw(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status, TOWN)
        quoted = urllib.parse.quote(SAID)
        for name, value in {"content-length": str(len(body)), "x-amzn-RequestId": quoted, "x-note": quoted,
                            "set-cookie": f"who={quoted}", **headers}.items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
