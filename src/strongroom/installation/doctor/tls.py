"""Our own certificate authority and the website's certificate."""

from typing import Final

from strongroom.installation import certificates
from strongroom.installation.doctor.findings import Examination, Found, ok, problem
from strongroom.installation.doctor.patient import NotHere, Patient


def _authority(patient: Patient) -> Found:
    """Raises `CannotStart` for one that ends, or may not vouch for our names."""
    _made(patient)
    ends = certificates.authority_ends(patient.folders.tls, patient.configuration.web.names)
    return ok(f"The certificate authority serves until {ends:%Y-%m-%d}.")


def _server(patient: Patient) -> Found:
    _made(patient)
    certificates.authority_ends(patient.folders.tls, patient.configuration.web.names)
    if certificates.serves_on(patient.folders.tls, patient.configuration.web.names):
        return ok("The website's certificate is of our authority, for these names, and not soon over.")
    return problem(
        "The website's certificate is soon over, or not of our authority, names and key.",
        "strongroom doctor --fix tls.server", "then restart Strongroom",
    )  # fmt: skip


def _renew(patient: Patient) -> list[str]:
    """A new certificate from the same authority, which people trust already. Never a new authority."""
    _made(patient)
    if not (patient.folders.tls / "ca.key").exists():
        return []
    certificates.ensure(patient.folders.tls, patient.configuration.web.names)
    return ["A new certificate of the same authority was made; restart Strongroom to use it."]


def _made(patient: Patient) -> None:
    if not (patient.folders.tls / "ca.pem").exists():
        raise NotHere("There are no certificates yet; the first start makes them.")


EXAMINATIONS: Final = (
    Examination("tls.authority", "ET-1", "our certificate authority", _authority),
    Examination("tls.server", "ET-1", "the website's certificate", _server, _renew),
)
