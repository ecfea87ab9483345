"""The website's own application behind real TLS in this process, for what a stranger fetches."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from strongroom.policy.clauses.controls import Look
from tests.house.running import House


@dataclass(frozen=True)
class Served:
    """Where it answers, and whose word its certificate is."""

    address: str
    ca: Path

    def look(self, house: House, **other: Any) -> Look:
        """What a check is handed in this house."""
        now = house.now()
        said = {
            "now": now,
            "installed_at": now,
            "data": house.rehearsal.folders.data,
            "address": self.address,
            "ca": self.ca,
        }
        return Look(**{**said, **other})


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base's name
        """Nothing on the terminal of tests."""


@contextmanager
def website(house: House) -> Iterator[Served]:
    """Serves until the block ends. The database sees whatever role this process has."""
    from django.core.wsgi import get_wsgi_application

    ca, certificate, key = house.certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = make_server("localhost", 0, get_wsgi_application(), handler_class=_Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=_serve, args=(server,), daemon=True)
    thread.start()
    try:
        yield Served(f"https://localhost:{server.server_port}", ca)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _serve(server: WSGIServer) -> None:
    """In its own thread, whose connections end with it."""
    from django.db import connection

    from strongroom.policy.encryption_and_storage import connection as broker

    try:
        server.serve_forever(poll_interval=0.05)
    finally:
        connection.close()
        mine = getattr(broker._threads, "connection", None)
        if mine is not None:
            mine.close()
