"""How checks look at pages: real HTTPS to the website's own address, believed by the installation's own authority only.

A visitor carries one cookie or none, follows no redirect, keeps nothing on disk, and asks over one connection.
"""

import html
import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

PATIENCE: Final = 10.0
SESSION: Final = "__Host-session"
TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
PARAMETER: Final = re.compile(r"<(?:(\w+):)?(\w+)>")
NOTHING: Final = {"int": "1", "uuid": "00000000-0000-4000-8000-000000000000", "slug": "none", "str": "none"}
"""What stands for a route's parameter where nothing else is given: it finds nothing."""


class NoAnswer(Exception):
    """The website does not answer, or not over TLS by the name and authority it must have."""


class Visitor:
    """Somebody at a browser without a picture. Use as a context manager."""

    def __init__(self, address: str, ca: Path, *, cookie: str = "", comes_from: str = "") -> None:
        context = ssl.create_default_context(cafile=str(ca))
        transport = httpx.HTTPTransport(verify=context, local_address=comes_from or None, trust_env=False)
        self._client = httpx.Client(
            base_url=address, transport=transport, timeout=PATIENCE, follow_redirects=False, trust_env=False,
            headers={"accept": "text/html"},
        )  # fmt: skip
        self._address = address
        if cookie:
            self._client.cookies.set(SESSION, cookie)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str) -> httpx.Response:
        """Raises `NoAnswer`."""
        try:
            return self._client.get(path)
        except httpx.HTTPError as why:
            raise NoAnswer(type(why).__name__) from None

    def post(self, path: str, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send a form with the token of a page. Raises `NoAnswer`."""
        token = TOKEN.search(page.text)
        data = {"csrfmiddlewaretoken": html.unescape(token[1]) if token else "", **fields}
        try:
            return self._client.post(path, data=data, headers={"referer": f"{self._address}/"})
        except httpx.HTTPError as why:
            raise NoAnswer(type(why).__name__) from None


def path_of(pattern: str, known: Mapping[str, str] | None = None) -> str:
    """A path that a route's pattern matches. known: values by the parameter's name."""
    named = known or {}
    return "/" + PARAMETER.sub(lambda found: named.get(found[2], NOTHING[found[1] or "str"]), pattern)


def leads_to(answer: httpx.Response) -> str:
    """The path that a redirect leads to; nothing for any other answer."""
    return urlsplit(answer.headers.get("location", "")).path if answer.is_redirect else ""


def is_here(address: str) -> bool:
    """Whether the website answers at the loopback, so that it can be asked from any address of 127/8."""
    try:
        found = socket.getaddrinfo(urlsplit(address).hostname, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(each[4][0]).is_loopback for each in found)
