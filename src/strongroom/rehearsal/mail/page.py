"""What the rehearsal's mail server took, as an HTTPS page: the sample people's mail, newest first."""

import html
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from strongroom.rehearsal.mail.server import Box, Mail

LINK: Final = re.compile(r"https://[^\s<>&\"]+")


class MailPage(ThreadingHTTPServer):
    """The page on this machine."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, box: Box, context: ssl.SSLContext, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.box, self.context = box, context

    @property
    def port(self) -> int:
        return int(self.server_address[1])

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
    server: MailPage

    def do_GET(self) -> None:
        if self.path != "/":
            self.send_error(404)
            return
        data = _page(self.server.box).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'none'")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """No log: the page is all there is."""


def _page(box: Box) -> str:
    with box.lock:
        mails, taken = list(box.mails), box.taken
    shown = "".join(_article(mail) for mail in reversed(mails))
    words = f"{taken} mails taken; the last {len(mails)} are kept, in memory only."
    return (
        '<!doctype html><html lang="en-GB"><meta name="viewport" content="width=device-width"><title>Rehearsal mail'
        f"</title><h1>Rehearsal mail</h1><p>{words}</p>{shown}</html>"
    )


def _article(mail: Mail) -> str:
    text = LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', html.escape(mail.text))
    who = html.escape(f"To {mail.to}, over {mail.tls or 'no TLS'}")
    return f"<article><h2>{html.escape(mail.subject)}</h2><p>{who}</p><pre>{text}</pre></article>"
