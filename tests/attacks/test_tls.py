"""The website's TLS as a stranger meets it: the Mozilla foundation's "modern", and no plain answer (ET-1, ET-2).

`make tls` asks sslyze the same of the running server; here OpenSSL's own client asks, so that the suite needs nothing.
"""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.tls import serving


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[int, Path]]:
    with serving() as found:
        yield found


def handshake(port: int, ca: Path, **how: object) -> ssl.SSLSocket | None:
    context = ssl.create_default_context(cafile=str(ca))
    for name, value in how.items():
        setattr(context, name, value)
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    try:
        return context.wrap_socket(raw, server_hostname="localhost")
    except (ssl.SSLError, OSError):
        raw.close()
        return None


def test_the_website_speaks_tls_1_3_and_nothing_older(address: tuple[int, Path]) -> None:
    port, ca = address
    spoken = handshake(port, ca)
    assert spoken is not None
    assert spoken.version() == "TLSv1.3"
    spoken.close()
    for newest in (ssl.TLSVersion.TLSv1_2,):
        assert handshake(port, ca, maximum_version=newest) is None


def test_only_the_three_ciphers_of_tls_1_3_are_taken(address: tuple[int, Path]) -> None:
    port, ca = address
    if shutil.which("openssl") is None:
        pytest.skip("needs the package openssl")
    taken = set()
    every = (
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    )
    for suite in every:
        ran = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", str(ca), "-ciphersuites", suite],
            input=b"", capture_output=True, check=False, timeout=20,
        )  # fmt: skip
        if f"Cipher is {suite}".encode() in ran.stdout:
            taken.add(suite)
    assert taken == set(every[:3])


def test_plain_http_gets_no_answer(address: tuple[int, Path]) -> None:
    with socket.create_connection(("127.0.0.1", address[0]), timeout=5) as plain:
        plain.sendall(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            said = plain.recv(4_096)
        except OSError:
            said = b""
    assert b"HTTP/" not in said
    assert b"html" not in said


def test_a_name_that_is_not_ours_is_no_certificate_of_ours(address: tuple[int, Path]) -> None:
    port, ca = address
    context = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(raw, server_hostname="evil.example")
