"""The installation's own certificate authority and server certificate (ET-1): P-256, named hosts only, short lives."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.installation.folders import flush
from strongroom.installation.problems import CannotStart, in_words

LEAF_LIFE: Final = timedelta(days=89)
CA_LIFE: Final = timedelta(days=3650)
RENEW_BEFORE: Final = timedelta(days=30)


def ensure(folder: Path, hosts: tuple[str, ...], now: datetime | None = None) -> tuple[Path, Path, Path]:
    """(CA certificate, server certificate, server key), made or renewed where needed; the CA is kept.

    Certificates live by the machine's own time, as every client judges them; no policy deadline hangs on it. Raises
    `CannotStart` where only another authority would do: people trust this one, so nothing replaces it unasked.
    """
    moment = now or datetime.now(UTC)
    ca_path, ca_key_path = folder / "ca.pem", folder / "ca.key"
    leaf_path, leaf_key_path = folder / "server.pem", folder / "server.key"
    with in_words():
        if not ca_path.exists():  # written last, so without it nobody was ever shown this authority
            ca, ca_key = _authority(hosts, moment)
            _write(ca_key_path, _key_bytes(ca_key))
            _write(ca_path, ca.public_bytes(Encoding.PEM), mode=0o644)
        ca = _load_authority(ca_path, hosts, moment)
        if not _is_good(leaf_path, leaf_key_path, ca, hosts, moment):
            leaf, leaf_key = _server(ca, _load_key(ca_key_path), hosts, moment)
            _write(leaf_key_path, _key_bytes(leaf_key))
            _write(leaf_path, leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM), mode=0o644)
    return ca_path, leaf_path, leaf_key_path


def authority_ends(folder: Path, hosts: tuple[str, ...], now: datetime | None = None) -> datetime:
    """When the authority ends; changes nothing. Raises `CannotStart` as `ensure` does."""
    return _load_authority(folder / "ca.pem", hosts, now or datetime.now(UTC)).not_valid_after_utc


def serves_on(folder: Path, hosts: tuple[str, ...], now: datetime | None = None) -> bool:
    """Whether `ensure` would keep the server's certificate; changes nothing."""
    moment = now or datetime.now(UTC)
    ca = _load_authority(folder / "ca.pem", hosts, moment)
    return _is_good(folder / "server.pem", folder / "server.key", ca, hosts, moment)


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
        .add_extension(_constraints(hosts), critical=True)
    )
    return builder.sign(key, SHA256()), key


def _server(
    ca: x509.Certificate, ca_key: EllipticCurvePrivateKey, hosts: tuple[str, ...], now: datetime
) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    key = generate_private_key(SECP256R1())
    # No host's name: OpenSSL takes a common name that could be one for a DNS name, also where it is an address.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Strongroom website")])
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


def _constraints(hosts: tuple[str, ...]) -> x509.NameConstraints:
    """Of a kind of name that no subtree mentions, an authority may vouch for any (RFC 5280 4.2.1.10): mention each."""
    permitted = _permitted(hosts)
    excluded: list[x509.GeneralName] = []
    if not any(isinstance(name, x509.IPAddress) for name in permitted):
        excluded += [x509.IPAddress(ipaddress.ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
    if not any(isinstance(name, x509.DNSName) for name in permitted):
        excluded.append(x509.DNSName(""))
    return x509.NameConstraints(permitted, excluded or None)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _load_authority(path: Path, hosts: tuple[str, ...], now: datetime) -> x509.Certificate:
    """The CA, if it still lives and may vouch for these hosts; a certificate beyond that no browser would take."""
    remedy = f"Move ca.pem and ca.key out of {path.parent} for a new authority, which every browser must then trust."
    try:
        ca = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise CannotStart(f"{path} is not a certificate.", f"Restore it from a copy, or else: {remedy}") from None
    permitted = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    beyond = [host for host, name in zip(hosts, _permitted(hosts), strict=True) if name not in permitted]
    if beyond:
        raise CannotStart(
            f"The certificate authority may not vouch for {', '.join(beyond)}, named in [web] names.",
            remedy,
        )
    if ca.not_valid_after_utc - now <= RENEW_BEFORE:
        raise CannotStart(f"The certificate authority ends on {ca.not_valid_after_utc:%Y-%m-%d}.", remedy)
    return ca


def _is_good(path: Path, key_path: Path, ca: x509.Certificate, hosts: tuple[str, ...], now: datetime) -> bool:
    """Whether the server's certificate serves on: whole, of this CA, these hosts and its key, and not soon over.

    A kill between key and certificate leaves a pair that does not fit; a restored folder may hold another CA's.
    """
    try:
        leaf = x509.load_pem_x509_certificate(path.read_bytes())
        key = _load_key(key_path)
        leaf.verify_directly_issued_by(ca)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    fits = leaf.public_key() == key.public_key() and list(names) == [_general_name(host) for host in hosts]
    return fits and leaf.not_valid_before_utc <= now and leaf.not_valid_after_utc - now > RENEW_BEFORE


def _key_bytes(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_key(path: Path) -> EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("the authority's key is an EC key")
    return key


def _write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """As a whole or not at all, with this mode whatever was there before."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    flush(path.parent)
