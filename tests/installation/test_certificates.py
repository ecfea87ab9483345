"""Our own authority vouches for the named hosts and nothing else; the server's certificate never runs out unseen."""

import os
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from strongroom.installation import certificates
from strongroom.installation.certificates import ensure, fingerprint
from strongroom.installation.problems import CannotStart

HOSTS = ("localhost", "127.0.0.1", "strongroom.example")
NOW = datetime.now(UTC)


def openssl(*words: str | Path) -> str:
    ran = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_client_that_trusts_the_authority_reaches_the_named_hosts_and_no_other(folder: Path) -> None:
    ca, certificate, key = ensure(folder, HOSTS)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(ca))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    for host, good in (*((name, True) for name in HOSTS), ("other.example", False)):
        here, there = socket.socketpair()

        def serve(end: socket.socket = there) -> None:
            try:
                serving.wrap_socket(end, server_side=True).close()
            except OSError:
                end.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            trusting.wrap_socket(here, server_hostname=host).close()
            reached = True
        except ssl.SSLCertVerificationError:
            reached = False
            here.close()
        thread.join()
        assert reached == good, host


def test_what_openssl_says_of_it(folder: Path) -> None:
    ca, certificate, key = ensure(folder, HOSTS, NOW)
    assert "OK" in openssl("verify", "-x509_strict", "-CAfile", ca, certificate)
    words = openssl("x509", "-in", ca, "-noout", "-text")
    assert "CA:TRUE, pathlen:0" in words
    assert "Name Constraints: critical" in words
    assert "BEGIN PRIVATE KEY" in key.read_text(), "PKCS#8, which the server needs"
    life = load(certificate).not_valid_after_utc - NOW
    assert timedelta(days=88) < life <= timedelta(days=89)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"ca.key": 0o600, "server.key": 0o600, "ca.pem": 0o644, "server.pem": 0o644}
    assert fingerprint(ca) in openssl("x509", "-in", ca, "-noout", "-fingerprint", "-sha256")


@pytest.mark.parametrize(
    ("hosts", "forged"),
    [
        (("strongroom.example",), ("192.0.2.1",)), (("127.0.0.1",), ("bank.example",)), (("::1",), ("192.0.2.1",)),
        (("localhost", "127.0.0.1"), ("bank.example",)), (("localhost", "127.0.0.1"), ("192.0.2.1",)),
        (("localhost", "127.0.0.1"), ("2001:db8::1",)), (("shop.example",), ("shop.example.org",)),
    ],
    ids=str,
)  # fmt: skip
def test_a_stolen_authority_is_good_for_its_own_hosts_only(
    folder: Path, hosts: tuple[str, ...], forged: tuple[str, ...]
) -> None:
    ca, certificate, _ = ensure(folder, hosts)
    assert "OK" in openssl("verify", "-CAfile", ca, certificate)
    leaf, _ = certificates._server(load(ca), certificates._load_key(folder / "ca.key"), forged, NOW)
    (folder / "forged.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    said = openssl("verify", "-CAfile", ca, folder / "forged.pem")
    assert "subtree violation" in said


def test_it_is_renewed_a_month_before_it_ends_and_the_authority_is_kept(folder: Path) -> None:
    ca, certificate, _ = ensure(folder, HOSTS)
    authority, first = ca.read_bytes(), certificate.read_bytes()
    ensure(folder, HOSTS, NOW + timedelta(days=58))
    assert certificate.read_bytes() == first
    ensure(folder, HOSTS, NOW + timedelta(days=60))
    assert certificate.read_bytes() != first
    assert ca.read_bytes() == authority


def test_fewer_hosts_are_another_certificate_and_more_need_another_authority(folder: Path) -> None:
    ca, certificate, _ = ensure(folder, HOSTS)
    ensure(folder, HOSTS[:2])
    assert "OK" in openssl("verify", "-CAfile", ca, certificate)
    names = load(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(list(names)) == 2
    with pytest.raises(CannotStart, match=r"may not vouch for other\.example") as refused:
        ensure(folder, (*HOSTS, "other.example"))
    assert str(folder) in refused.value.remedy
    ca.unlink()
    ensure(folder, (*HOSTS, "other.example"))
    assert "OK" in openssl("verify", "-CAfile", ca, certificate)


@pytest.mark.parametrize("broken", ["key", "certificate", "torn", "open", "gone"])
def test_a_pair_that_does_not_fit_is_made_anew(folder: Path, broken: str) -> None:
    """A kill between the writing of key and certificate, or a folder put together from two copies."""
    other = folder / "other"
    for place in (folder, other):
        place.mkdir(exist_ok=True)
        ensure(place, HOSTS)
    ca, certificate, key = (folder / name for name in ("ca.pem", "server.pem", "server.key"))
    match broken:
        case "key":
            key.write_bytes((other / "server.key").read_bytes())
        case "certificate":
            certificate.write_bytes((other / "server.pem").read_bytes())
            key.write_bytes((other / "server.key").read_bytes())
        case "torn":
            certificate.write_bytes(certificate.read_bytes()[:100])
        case "open":
            key.write_text("")
            key.chmod(0o644)
        case "gone":
            key.unlink()
    ensure(folder, HOSTS)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    assert "OK" in openssl("verify", "-CAfile", ca, certificate)
    assert key.stat().st_mode & 0o777 == 0o600


def test_an_authority_that_ends_or_is_broken_is_said(folder: Path) -> None:
    ca, _, _ = ensure(folder, HOSTS)
    with pytest.raises(CannotStart, match="authority ends on"):
        ensure(folder, HOSTS, NOW + timedelta(days=3640))
    ca.write_bytes(os.urandom(100))
    with pytest.raises(CannotStart, match="is not a certificate"):
        ensure(folder, HOSTS)
