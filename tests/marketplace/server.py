"""A small HTTPS server that answers what a test scripted, byte for byte; for what no honest Amazon would send."""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from strongroom.installation.certificates import ensure

CANARY = "Qx7Canary9Zz"
TOKEN = b'{"access_token":"Atza|Qx7Canary9Zz-token","expires_in":3600,"token_type":"bearer"}'


@dataclass
class Scripted:
    """What to answer to everything but the login; `None`: break off. `seen`: the paths that were asked."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    silent: bool = False
    drip: float = 0.0
    login: tuple[int, bytes] = (200, TOKEN)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    ca: Path = Path()

    @property
    def base(self) -> str:
        return f"https://localhost:{self.port}"


@contextmanager
def scripted_server(folder: Path, hosts: tuple[str, ...] = ("localhost", "127.0.0.1")) -> Iterator[Scripted]:
    script = Scripted()
    script.ca, certificate, key = ensure(folder, hosts)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            script.seen.append((self.path, dict(self.headers)))
            login = self.path == "/auth/o2/token"
            if script.silent and not login:
                self.close_connection = True
                return
            status, body = script.login if login else (script.status, script.body)
            self.send_response(status)
            headers = {
                "content-type": "application/json",
                "x-amzn-RequestId": "req-1",
                **({} if login else script.headers),
            }
            headers["content-length"] = str(script.length if script.length is not None and not login else len(body))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if script.drip and not login:
                self._drip(body)
            else:
                self.wfile.write(body)
            self.close_connection = script.length is not None

        def _drip(self, body: bytes) -> None:
            """One byte after the other, each long before anybody's patience with one byte ends."""
            with contextlib.suppress(OSError):
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(script.drip)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    script.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
