"""A TLS handshake with the other end of a link, and no word beyond it: which protocol, and whose certificate (ET-1)."""

import hashlib
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE: Final = 5.0
WRONG_NAME: Final = "somebody-else.invalid"
VERSIONS: Final = {"TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}
ORDER: Final = ("TLS 1.2", "TLS 1.3")
"""Oldest first; what is older is none of ours."""
GREETING: Final = 4096


class NoHandshake(Exception):
    """The other end does not answer, or not in TLS."""


class NotThem(Exception):
    """Whoever answers is not who this link is to."""


@dataclass(frozen=True)
class Met:
    """Who answered: the protocol in our words, and the SHA-256 of their certificate."""

    version: str
    fingerprint: bytes


def meet(
    peer: str, *, ca: Path | None, name: str = "", newest: ssl.TLSVersion | None = None, starttls: bool = False
) -> Met:
    """Shake hands with `host:port`, believed by this authority, or the system's. name: who it must be, if not the host.

    Raises `NotThem` where the certificate is not theirs, `NoHandshake` where there is none.
    """
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if newest is not None:
        context.maximum_version = newest
    host, port = _parts(peer)
    return _shake(context, host, port, name or host, starttls=starttls)


def meet_pinned(peer: str) -> Met:
    """The same with whoever answers: a printer is known by its certificate alone, which the caller compares."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, port = _parts(peer)
    return _shake(context, host, port, host)


def is_old_enough(version: str, oldest: str) -> bool:
    """Whether a protocol is at least as new as another."""
    return version in ORDER and ORDER.index(version) >= ORDER.index(oldest)


def _shake(context: ssl.SSLContext, host: str, port: int, name: str, *, starttls: bool = False) -> Met:
    try:
        with socket.create_connection((host, port), timeout=PATIENCE) as plain:
            if starttls:
                _ask_for_tls(plain)
            with context.wrap_socket(plain, server_hostname=name) as sealed:
                certificate = sealed.getpeercert(binary_form=True) or b""
                version = VERSIONS.get(sealed.version() or "", sealed.version() or "")
    except ssl.SSLCertVerificationError as why:
        raise NotThem(why.verify_message) from None
    except (OSError, ssl.SSLError) as why:
        raise NoHandshake(type(why).__name__) from None
    return Met(version, hashlib.sha256(certificate).digest())


def _ask_for_tls(plain: socket.socket) -> None:
    """A mail server's STARTTLS: nothing of ours is said before it."""
    for said, wanted in ((b"", b"220"), (b"EHLO strongroom\r\n", b"250"), (b"STARTTLS\r\n", b"220")):
        if said:
            plain.sendall(said)
        answer = plain.recv(GREETING)
        if not answer.startswith(wanted):
            raise NoHandshake("the mail server begins no TLS")


def _parts(peer: str) -> tuple[str, int]:
    host, _, port = peer.rpartition(":")
    return host.strip("[]"), int(port)
