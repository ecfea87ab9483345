"""The receiver: takes what is signed in time, refuses the rest, and what may go wrong at the other end (F26)."""

import itertools
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from strongroom.formats.secret import Secret
from strongroom.policy.obligations.channels.webhook import ID, SIGNATURE, verify

LARGEST: Final = 1 << 20


class ReceiverFault(StrEnum):
    """What may happen; each waiting fault happens once."""

    REDIRECT = "redirect"
    ERROR = "error"
    GONE = "gone"
    DRIP = "drip"
    ENDLESS = "endless"
    VANISH = "vanish"


@dataclass
class Got:
    """What was received and believed, in order; and how many were not believed."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[bytes, str]] = field(default_factory=list)
    refused: int = 0
    faults: deque[ReceiverFault] = field(default_factory=deque)


class Receiver(ThreadingHTTPServer):
    """The receiver on this machine. now: its own clock, seconds since 1970. tray: keeps each body that came."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, context: ssl.SSLContext, secret: Secret, now: Callable[[], float], *, moved: str = "", port: int = 0,
        tray: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(("127.0.0.1", port), _Handler)
        self.tray, self._came = tray, itertools.count(1)
        self.context, self.secret, self.now, self.moved = context, secret, now, moved
        self.got = Got()

    def keep(self, body: bytes) -> None:
        """Before it is believed or not: what came is what left us."""
        if self.tray is not None:
            (self.tray / f"{next(self._came):06d}.json").write_bytes(body)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_address[1]}/hook"

    def get_request(self) -> tuple[Any, Any]:
        connected, address = super().get_request()
        connected.settimeout(30)
        return self.context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever breaks off is ordinary."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        got = self.server.got
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), LARGEST))
        self.server.keep(body)
        fault = got.faults.popleft() if got.faults else None
        if fault is not None and self._goes_wrong(fault):
            return
        header = self.headers.get(SIGNATURE, "")
        if not verify(body, header, self.server.secret, now=self.server.now()):
            got.refused += 1
            self._answer(401)
            return
        got.raw.append((body, header))
        got.messages.append(json.loads(body) | {"id of the header": self.headers.get(ID, "")})
        self._answer(204)

    def _goes_wrong(self, fault: ReceiverFault) -> bool:
        match fault:
            case ReceiverFault.REDIRECT:
                self.send_response(307)
                self.send_header("Location", self.server.moved)
                self.send_header("Content-Length", "0")
                self.end_headers()
            case ReceiverFault.ERROR:
                self._answer(503)
            case ReceiverFault.GONE:
                self._answer(410)
            case ReceiverFault.VANISH:
                self.close_connection = True
            case ReceiverFault.DRIP:
                self._pour(b"H", 0.1)
            case ReceiverFault.ENDLESS:
                self.send_response(200)
                self.end_headers()
                self._pour(b"x" * 65_536, 0)
        return True

    def _pour(self, piece: bytes, pause: float) -> None:
        self.close_connection = True
        while True:
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(pause)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """What was received is remembered, not logged."""
