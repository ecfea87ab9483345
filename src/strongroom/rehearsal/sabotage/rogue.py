"""Servers that are not what should be there: one in the website's place, one in the printer's, one in plain text."""

import contextlib
import http.server
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from strongroom.installation import certificates
from strongroom.rehearsal.ports import free_port
from strongroom.rehearsal.sabotage.breaking import Target

FORM: Final = '<form><input type="hidden" name="csrfmiddlewaretoken" value="anything"></form>'
PLAIN: Final = (
    "import http.server as h; h.ThreadingHTTPServer(('127.0.0.1', {port}), h.BaseHTTPRequestHandler).serve_forever()"
)
BEGINS_WITHIN: Final = 10.0

Answer = Callable[[str], tuple[dict[str, str], str]]
"""Headers and text for a path; whatever is asked is answered."""


@contextlib.contextmanager
def instead_of_the_website(target: Target, answer: Answer) -> Iterator[None]:
    """The website is gone, and something else with its certificate answers at its port."""
    running = target.rehearsal.running
    tls, port = target.rehearsal.folders.tls, running.configuration.web.port
    running.supervisor.end("website")
    try:
        with _serving(port, tls / "server.pem", tls / "server.key", answer):
            yield
    finally:
        running.start_website()


@contextlib.contextmanager
def instead_of_the_printer(target: Target) -> Iterator[None]:
    """Something else listens at the printer's port, with a certificate of its own."""
    rehearsal = target.rehearsal
    rehearsal.running.supervisor.end("printer")
    folder = rehearsal.folders.data / "rogue"
    folder.mkdir(mode=0o700, exist_ok=True)
    _, certificate, key = certificates.ensure(folder, ("localhost",))
    try:
        with _serving(rehearsal.printer_port, certificate, key, lambda _: ({}, "")):
            yield
    finally:
        rehearsal.start_printer()


@contextlib.contextmanager
def in_plain_text(target: Target) -> Iterator[None]:
    """A server without TLS, started by whoever started ours, under the uid of the worker."""
    port = free_port()
    uid = _uid_of(target.rehearsal.running.supervisor.pid("worker"))
    started = subprocess.Popen(
        [sys.executable, "-c", PLAIN.format(port=port)], user=uid, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield
    finally:
        started.kill()
        started.wait()


@contextlib.contextmanager
def _serving(port: int, certificate: Path, key: Path, answer: Answer) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers, text = answer(self.path)
            self.rfile.read(int(self.headers.get("content-length", "0")))
            body = text.encode()
            self.send_response(200)
            for name, value in {"content-type": "text/html", "content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A handshake that did not come about is none of ours."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(("127.0.0.1", port), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _uid_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + BEGINS_WITHIN
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError
