"""One signed webhook: HTTPS to a checked address, no redirects, bounded in time and size (ET-1, F26).

The name is resolved here, every address it has is judged, and exactly a judged one is connected to; so neither a second
answer of the DNS nor a redirect leads elsewhere. `verify` is what a receiver does.
"""

import hashlib
import hmac
import ipaddress
import logging
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpx

from strongroom.formats.secret import Secret
from strongroom.policy.obligations.channels.answers import Answer, Letter, Problem, no_longer_than
from strongroom.policy.obligations.channels.mail import of_tls

SIGNATURE: Final = "Strongroom-Signature"
ID: Final = "Strongroom-Id"
TOLERANCE: Final = 300.0
"""How old a signature may be for a receiver, in seconds; what is older was recorded and is played again."""
LARGEST_ANSWER: Final = 64 << 10
WHOLE_WITHIN: Final = 20.0
PATIENCE: Final = httpx.Timeout(10.0, connect=5.0)
_TALKATIVE: Final = ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "h11")

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Hook:
    """Where messages go and the secret that signs them. own_hosts: names that may lie in our own network."""

    url: str
    secret: Secret
    own_hosts: tuple[str, ...] = ()
    ca_file: Path | None = None
    patience: float = WHOLE_WITHIN

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme != "https":
            raise ValueError("a webhook is an https address")
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(_say_nothing)

    @property
    def peer(self) -> str:
        """Host and port; the path may be somebody's secret."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or 443}"

    def send(self, letter: Letter) -> Answer:
        """Deliver one message. What went wrong is in the answer; nothing is raised."""
        parts = urlsplit(self.url)
        found = self._addresses(parts)
        if isinstance(found, Problem):
            return Answer(found)
        held: list[Any] = []
        with no_longer_than(self.patience, lambda: held[-1] if held else None) as over:
            for address in found:
                answer = self._post(letter, parts, address, held)
                if answer.problem is not Problem.UNREACHABLE or over.is_set():
                    break
        return Answer(Problem.SLOW) if over.is_set() and not answer.delivered else answer

    def _addresses(self, parts: SplitResult) -> list[Address] | Problem:
        """The host's addresses, all of them allowed, or why none is asked."""
        host = parts.hostname or ""
        try:
            known = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return Problem.UNREACHABLE
        found = list(dict.fromkeys(ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in known))
        own = host.lower() in {name.lower() for name in self.own_hosts}
        return found if found and all(may_be_asked(each, own=own) for each in found) else Problem.NOT_PUBLIC

    def _post(self, letter: Letter, parts: SplitResult, address: Address, held: list[Any]) -> Answer:
        body = letter.body.encode()
        host = parts.hostname or ""
        at = f"[{address}]" if address.version == 6 else str(address)
        where = parts._replace(netloc=f"{at}:{parts.port or 443}").geturl()
        headers = {
            "host": parts.netloc, "content-type": "application/json", "user-agent": "Strongroom/0.1",
            "accept-encoding": "identity", ID: letter.id, SIGNATURE: sign(body, self.secret, letter.at),
        }  # fmt: skip
        try:
            with (
                httpx.Client(verify=_context(self.ca_file), trust_env=False, follow_redirects=False, timeout=PATIENCE,
                             limits=httpx.Limits(max_keepalive_connections=0)) as client,
                client.stream("POST", where, content=body, headers=headers,
                              extensions={"sni_hostname": host, "trace": _holding(held)}) as answer,
            ):  # fmt: skip
                return _judged(answer)
        except httpx.TimeoutException as problem:
            slow = Problem.UNREACHABLE if isinstance(problem, httpx.ConnectTimeout) else Problem.SLOW
            return Answer(slow)
        except httpx.ConnectError as problem:
            return Answer(_of_connecting(problem))
        except (httpx.HTTPError, ssl.SSLError, OSError):
            return Answer(Problem.BROKE_OFF)


def may_be_asked(address: Address, *, own: bool) -> bool:
    """Public addresses; those of our own network only where the host was named as ours. Link-local ones never.

    169.254.169.254 and its like hand credentials to whoever asks: no listing opens those.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return may_be_asked(inner, own=own)
    elif address.is_reserved:
        return False
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return own or address.is_global


def sign(body: bytes, secret: Secret, at: float) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 over the time, a point and the body."""
    stamp = str(int(at))
    return f"t={stamp},v1={hmac.new(secret.bytes(), stamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def verify(body: bytes, header: str, secret: Secret, *, now: float, tolerance: float = TOLERANCE) -> bool:
    """Whether this body was signed with the secret within the tolerance of now. For receivers, and their tests."""
    said = dict(part.partition("=")[::2] for part in header.split(","))
    stamp = said.get("t", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(now - int(stamp)) > tolerance:
        return False
    return hmac.compare_digest(sign(body, secret, int(stamp)).encode(), f"t={stamp},v1={said.get('v1', '')}".encode())


def _judged(answer: httpx.Response) -> Answer:
    """By its status. Its body is read so far that nobody is kept waiting, and is not kept."""
    status = answer.status_code
    if 300 <= status < 400:
        return Answer(Problem.REDIRECTED, status)
    received = 0
    for piece in answer.iter_raw():
        received += len(piece)
        if received > LARGEST_ANSWER:
            break
    if status < 300:
        return Answer(Problem.NONE, status)
    return Answer(Problem.REFUSED if status in (400, 410, 413, 422) else Problem.LATER, status)


def _holding(held: list[Any]) -> Any:
    """Keeps the connection's socket where the deadline finds it."""

    def trace(event: str, info: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            held.append(info["return_value"].get_extra_info("socket"))

    return trace


def _of_connecting(problem: httpx.ConnectError) -> Problem:
    """The TLS error behind it, if it was one."""
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return of_tls(cause)
        cause = cause.__cause__ or cause.__context__
    return Problem.UNREACHABLE


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _say_nothing(_: logging.LogRecord) -> bool:
    return False
