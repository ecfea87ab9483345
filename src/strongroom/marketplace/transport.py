"""One HTTPS request to Amazon and its answer, read with limits. What went wrong becomes a typed error.

No httpx exception or response leaves this module: theirs hold headers and bodies.
"""

import logging
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpx

from strongroom.formats.secret import Secret
from strongroom.marketplace import errors
from strongroom.marketplace.errors import MarketplaceError, sound

LARGEST: Final = 16 << 20
TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
WHOLE_WITHIN: Final = 90.0
"""Seconds for a whole answer: one that comes byte by byte keeps nobody waiting for ever."""

_NEVER_SENT: Final = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError,
    httpx.InvalidURL, httpx.LocalProtocolError,
)  # fmt: skip
"""The request did not leave, so nothing of it was done; a handshake that failed is one of these."""

# At DEBUG these print URLs and headers; our own API log says what may be said (LM-6).
_PARTS: Final = ("connection", "http11", "http2", "proxy", "socks")
_TALKATIVE: Final = ("httpx", "h11", "httpcore", *(f"httpcore.{part}" for part in _PARTS))


@dataclass(frozen=True)
class Reply:
    """An answer as far as it may be kept: its body is a secret, its headers are words that were checked."""

    status: int
    body: Secret
    is_json: bool
    request_id: str | None
    rate_limit: str | None
    date: float | None


class Transport:
    """Connections to one server: TLS 1.2 or newer, always verified; no proxies, no redirects, no cookies kept."""

    def __init__(
        self, *, ca_file: Path | None, user_agent: str, transport: httpx.BaseTransport | None = None,
        whole_within: float = WHOLE_WITHIN,
    ) -> None:  # fmt: skip
        _silence()
        self._whole_within = whole_within
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._client = httpx.Client(
            verify=context, trust_env=False, follow_redirects=False, timeout=TIMEOUT, transport=transport,
            headers={"user-agent": user_agent, "accept": "application/json", "accept-encoding": "identity"},
        )  # fmt: skip

    def send(
        self, operation: str, method: str, url: str, *, headers: dict[str, Secret], content: Secret | None,
        content_type: str | None = None, parameters: dict[str, Secret] | None = None,
    ) -> Reply:  # fmt: skip
        """The answer, whole. Raises `Unreachable`, `Truncated`, `TooLarge`, `Redirected` or `NotJson`."""
        problem, reply = self._try(operation, method, url, headers, content, content_type, parameters)
        if problem is not None:  # raised here, outside any handler, so that no httpx exception hangs on it
            raise problem
        assert reply is not None  # noqa: S101 - one of the two is there
        return reply

    def close(self) -> None:
        self._client.close()

    def _try(
        self, operation: str, method: str, url: str, headers: dict[str, Secret], content: Secret | None,
        content_type: str | None, parameters: dict[str, Secret] | None,
    ) -> tuple[MarketplaceError | None, Reply | None]:  # fmt: skip
        plain = {name: value.text() for name, value in headers.items()}
        if content_type:
            plain["content-type"] = content_type
        query = {name: value.text() for name, value in parameters.items()} if parameters else None
        try:
            with self._client.stream(
                method, url, headers=plain, params=query, content=content.bytes() if content else None
            ) as response:
                return self._read(operation, response)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            return errors.Truncated(operation), None
        except _NEVER_SENT:
            return errors.Unreachable(operation), None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError):
            return errors.Unanswered(operation), None

    def _read(self, operation: str, response: httpx.Response) -> tuple[MarketplaceError | None, Reply | None]:
        request_id = sound(response.headers.get("x-amzn-requestid"))
        status = response.status_code
        if response.is_redirect or 300 <= status < 400:
            return errors.Redirected(operation, status=status, request_id=request_id), None
        if response.headers.get("content-encoding", "identity") != "identity":
            return errors.NotJson(operation, status=status, request_id=request_id), None
        received, until = bytearray(), time.monotonic() + self._whole_within
        for piece in response.iter_raw():
            received += piece
            if len(received) > LARGEST:
                return errors.TooLarge(operation, status=status, request_id=request_id), None
            if time.monotonic() > until:
                return errors.Unanswered(operation, status=status, request_id=request_id), None
        return None, Reply(
            status,
            Secret(bytes(received)),
            "json" in response.headers.get("content-type", ""),
            request_id,
            _rate(response.headers.get("x-amzn-ratelimit-limit")),
            _date(response.headers.get("date")),
        )


def _rate(value: str | None) -> str | None:
    return value if value and len(value) <= 16 and value.replace(".", "", 1).isdigit() else None


def _date(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (ValueError, TypeError, OverflowError):
        return None


def _say_nothing(_: logging.LogRecord) -> bool:
    return False


def _silence() -> None:
    """A filter on each logger that talks: unlike a level, no later logging configuration takes it away."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_say_nothing)
