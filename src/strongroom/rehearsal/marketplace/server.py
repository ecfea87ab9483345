"""The server: TLS, HTTP, Amazon's headers, and the faults of the way. One thread a connection."""

import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from strongroom.rehearsal.marketplace.faults import Fault
from strongroom.rehearsal.marketplace.problems import Answer
from strongroom.rehearsal.marketplace.requests import Amazon

ROUTES: Final = (
    ("POST", "auth/o2/token", "token"),
    ("GET", "orders/2026-01-01/orders", "searchOrders"),
    ("GET", "orders/2026-01-01/orders/*", "getOrder"),
    ("POST", "orders/v0/orders/*/shipmentConfirmation", "confirmShipment"),
    ("GET", "sellers/v1/marketplaceParticipations", "getMarketplaceParticipations"),
    ("POST", "tokens/2021-03-01/restrictedDataToken", "createRestrictedDataToken"),
    ("POST", "mfn/v0/eligibleShippingServices", "getEligibleShipmentServices"),
    ("POST", "mfn/v0/shipments", "createShipment"),
    ("GET", "mfn/v0/shipments/*", "getShipment"),
    ("DELETE", "mfn/v0/shipments/*", "cancelShipment"),
)
HTML: Final = b"<html><body><h1>Sorry, planted</h1></body></html>"
Validate = Callable[[str, int, Any], None]
"""(operation, status, body): raises where an answer is not what Amazon's model allows."""


class Server(ThreadingHTTPServer):
    """Amazon on this machine, HTTPS only."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, amazon: Amazon, *, certificate: Path, key: Path, port: int = 0, validate: Validate | None = None
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.amazon = amazon
        self.validate = validate
        self.lock = threading.RLock()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self.tls.load_cert_chain(certificate, key)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self) -> tuple[Any, Any]:
        """The handshake happens in the connection's own thread, so a silent peer holds up nobody."""
        connected, address = super().get_request()
        connected.settimeout(60)
        return self.tls.wrap_socket(connected, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that breaks off is ordinary; nothing is printed."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    server_version = "Server"
    sys_version = ""
    wbufsize = 1 << 16  # headers and body in one piece: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        """Nothing is printed: paths hold order ids."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server.amazon.clock.wall() if timestamp is None else timestamp, usegmt=True)

    def _answer(self, method: str) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else b""
        faults = self.server.amazon.faults
        operation = _operation(method, self._parts())
        login = operation == "token"
        if not login and faults.fires(Fault.DROP_BEFORE, operation):
            self.close_connection = True
            return
        with self.server.lock:
            self.server.amazon.business.advance(self.server.amazon.clock.wall())
            status, answer = self._decide(operation, body)
        if self.server.validate is not None:
            self.server.validate(operation, status, answer)
        if not login and faults.fires(Fault.DROP_AFTER, operation):
            self.close_connection = True
            return
        if not login and faults.fires(Fault.SLOW, operation):
            time.sleep(2)
        if login or not self._spoil(operation):
            self._send(operation, status, answer)

    def _parts(self) -> list[str]:
        return [unquote(part) for part in urlsplit(self.path).path.split("/")[1:]]

    def _decide(self, operation: str, body: bytes) -> tuple[int, Any]:
        """Admit, then answer; what Amazon refuses is an answer too."""
        amazon = self.server.amazon
        if operation == "token":
            return amazon.login(dict(parse_qsl(body.decode("ascii", "replace"))))
        if not operation:
            return 404, Answer(404, "NotFound", "No such resource").body
        try:
            amazon.admit(operation, self.headers.get("x-amz-access-token"))
            found = self._found(operation, body)
        except Answer as answer:
            return answer.status, answer.body
        return (204 if found is None else 200), found

    def _found(self, operation: str, body: bytes) -> dict[str, Any] | None:  # noqa: PLR0911 - one return an operation
        amazon, parts = self.server.amazon, self._parts()
        parameters = dict(parse_qsl(urlsplit(self.path).query))
        match operation:
            case "searchOrders":
                return amazon.search(parameters)
            case "getOrder":
                return amazon.order(parts[3], parameters)
            case "confirmShipment":
                amazon.confirm(parts[3], _json(body))
                return None
            case "createRestrictedDataToken":
                return amazon.restrict(_json(body))
            case "getEligibleShipmentServices":
                return amazon.labels.services(_json(body))
            case "createShipment":
                return amazon.labels.buy(_json(body))
            case "getShipment":
                return amazon.labels.shipment(parts[3])
            case "cancelShipment":
                return amazon.labels.cancel(parts[3])
            case _:
                return amazon.participations()

    def _spoil(self, operation: str) -> bool:
        """Faults of the way, as of a proxy or a broken wire; whether one took the answer's place."""
        faults = self.server.amazon.faults

        def fires(fault: Fault) -> bool:
            return faults.fires(fault, operation)

        if fires(Fault.SERVER_ERROR):
            self._send(operation, 500, {"errors": [{"code": "InternalFailure", "message": "planted", "details": ""}]})
        elif fires(Fault.SERVICE_UNAVAILABLE):
            self._send(
                operation, 503, {"errors": [{"code": "ServiceUnavailable", "message": "planted", "details": ""}]}
            )
        elif fires(Fault.HTML_OK):
            self._raw(200, HTML, "text/html")
        elif fires(Fault.HTML_BAD_REQUEST):
            self._raw(400, HTML, "text/html")
        elif fires(Fault.REDIRECT):
            self._raw(302, b"", "text/html", {"location": "https://planted.invalid/"})
        elif fires(Fault.WRONG_GZIP):
            self._raw(200, b'{"orders":[]}', "application/json", {"content-encoding": "gzip"})
        elif fires(Fault.HUGE):
            self._raw(200, b'{"orders":[' + b" " * (20 << 20) + b"]}", "application/json")
        elif fires(Fault.TRUNCATE):
            self._raw(200, b'{"orders":[{"orderId":"2', "application/json", {"content-length": "4096"})
            self.close_connection = True
        else:
            return False
        return True

    def _send(self, operation: str, status: int, answer: Any) -> None:
        body = b"" if answer is None else json.dumps(answer, ensure_ascii=False).encode()
        headers = {}
        if status in (200, 201, 204, 400, 404) and operation != "token":  # never on 401, 403, 429
            headers["x-amzn-RateLimit-Limit"] = "0.0056" if operation == "searchOrders" else "0.5"
        self._raw(status, body, "application/json", headers)

    def _raw(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        found = {"content-type": kind, "x-amzn-RequestId": secrets.token_hex(16), **(headers or {})}
        if status != 204:
            found.setdefault("content-length", str(len(body)))
        self.send_response(status)
        for name, value in found.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _operation(method: str, parts: list[str]) -> str:
    """The operation that a method and path name; empty where none does."""
    for verb, pattern, operation in ROUTES:
        wanted = pattern.split("/")
        fits = len(wanted) == len(parts) and all(w in ("*", part) for w, part in zip(wanted, parts, strict=True))
        if verb == method and fits:
            return operation
    return ""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise Answer(400, "InvalidInput", "The body is not JSON") from None
