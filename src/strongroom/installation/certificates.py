"""The installation's own certificate authority and server certificate (ET-1): P-256, named hosts only, short lives."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LEAF_LIFE: Final = timedelta(days=89)
CA_LIFE: Final = timedelta(days=3650)
RENEW_BEFORE: Final = timedelta(days=30)


def ensure(folder: Path, hosts: tuple[str, ...], now: datetime | None = None) -> tuple[Path, Path, Path]:
    """(CA certificate, server certificate, server key), made or renewed where needed; the CA is kept.

    Certificates live by the machine's own time, as every client judges them; no policy deadline hangs on it.
    """
    moment = now or datetime.now(UTC)
    ca_path, ca_key_path = folder / "ca.pem", folder / "ca.key"
    leaf_path, leaf_key_path = folder / "server.pem", folder / "server.key"
    if not (ca_path.exists() and ca_key_path.exists()):
        ca, ca_key = _authority(hosts, moment)
        _write(ca_key_path, _key_bytes(ca_key))
        _write(ca_path, ca.public_bytes(Encoding.PEM))
    ca = x509.load_pem_x509_certificate(ca_path.read_bytes())
    if not _is_good(leaf_path, hosts, moment):
        ca_key = _load_key(ca_key_path)
        leaf, leaf_key = _server(ca, ca_key, hosts, moment)
        _write(leaf_key_path, _key_bytes(leaf_key))
        _write(leaf_path, leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM))
    return ca_path, leaf_path, leaf_key_path


def fingerprint(path: Path) -> str:
    """SHA-256 of a certificate, in hex with colons, as browsers show it."""
    return x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(SHA256()).hex(":").upper()


def _authority(hosts: tuple[str, ...], now: datetime) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Strongroom on this machine")])
    builder = (
        _builder(name, name, key, now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .add_extension(x509.NameConstraints(_permitted(hosts), None), critical=True)
    )
    return builder.sign(key, SHA256()), key


def _server(
    ca: x509.Certificate, ca_key: EllipticCurvePrivateKey, hosts: tuple[str, ...], now: datetime
) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    builder = (
        _builder(name, ca.subject, key, now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return builder.sign(ca_key, SHA256()), key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign, key_cert_sign=sign, crl_sign=sign, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _permitted(hosts: tuple[str, ...]) -> list[x509.GeneralName]:
    """What the CA may vouch for: these hosts and nothing else on the machines that trust it."""
    found: list[x509.GeneralName] = []
    for host in hosts:
        try:
            found.append(x509.IPAddress(ipaddress.ip_network(host)))
        except ValueError:
            found.append(x509.DNSName(host))
    return found


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _is_good(path: Path, hosts: tuple[str, ...], now: datetime) -> bool:
    if not path.exists():
        return False
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(names) == [_general_name(host) for host in hosts] and leaf.not_valid_after_utc - now > RENEW_BEFORE


def _key_bytes(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_key(path: Path) -> EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("the authority's key is an EC key")
    return key


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
