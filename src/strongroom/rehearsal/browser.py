"""A person at a browser without a picture: signs in with password and code over HTTPS, follows forms, reads pages."""

import base64
import html
import re
import ssl
import time
from pathlib import Path
from typing import Final

import httpx

from strongroom.formats.secret import Secret
from strongroom.policy.access_management import totp

TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
DEVICE: Final = re.compile(r'name="device" value="(\d+)"')
ORDER: Final = re.compile(r'href="(/orders/[0-9a-f-]{36}/)"')


class Browser:
    """One person's session."""

    def __init__(self, base: str, ca: Path) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        self._client = httpx.Client(base_url=base, verify=context, follow_redirects=True, timeout=30, trust_env=False)
        self._base = base

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def post(self, path: str, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send a form that stood on a page, with its token."""
        token = TOKEN.search(page.text)
        data = {"csrfmiddlewaretoken": html.unescape(token[1]) if token else "", **fields}
        return self._client.post(path, data=data, headers={"referer": f"{self._base}{path}"})

    def sign_in(self, who: dict[str, str]) -> httpx.Response:
        """Password, then code. A code works once, so a second sign-in within 30 seconds waits for the next."""
        page = self.get("/sign-in")
        page = self.post("/sign-in", page, email=who["email"], password=who["password"])
        secret = Secret(base64.b32decode(who["secret"]))
        return self.on_a_device(self.post("/sign-in/code", page, code=totp.code(secret, int(time.time() // totp.STEP))))

    def on_a_device(self, page: httpx.Response) -> httpx.Response:
        """Say that this is the first of the company's devices, where a page asks for it; else the page as it is."""
        found = DEVICE.search(page.text) if page.url.path == "/devices/this" else None
        return self.post("/devices/this", page, device=found[1]) if found else page

    def orders(self, show: str = "to-ship") -> list[str]:
        """The paths of the orders on the first page of a list."""
        return list(dict.fromkeys(ORDER.findall(self.get(f"/orders/?show={show}").text)))

    def reveal(self, path: str, purpose: int = 1) -> httpx.Response:
        """Open an order's page, then one part of it for a purpose."""
        return self.post(f"{path}reveal", self.get(path), purpose=str(purpose))
