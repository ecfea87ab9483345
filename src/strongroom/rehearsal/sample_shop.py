"""Stock with bins, places and devices, and the rehearsal's printer, registered."""

import hashlib
import socket
import ssl
import time
from pathlib import Path
from typing import Final

from strongroom.rehearsal.marketplace.business import CATALOGUE

BINS: Final = ("A-01-1", "A-03-2", "B-02-4", "B-07-1", "C-01-3", "C-05-2")
PRINTER: Final = "P-01"
PRINTER_URI: Final = "printer-uri"
"""In the data folder: where the rehearsal's printer listens."""
PLACES: Final = (
    ("Server room", "server room", "Locked door, two keys with a register, camera at the door"),
    ("Bench 1", "bench", "Warehouse for staff only, badge at the gate"),
)
DEVICES: Final = (
    ("Bench 1", "station"), ("Bench 2", "station"), ("Support desk 1", "computer"), ("Office laptop 4", "computer"),
)  # fmt: skip
ACCOUNT_WITHIN: Final = 30.0


def make(data: Path) -> None:
    """Stock and a printer, in the rehearsal of this folder; waits for the worker to know the selling account."""
    _stock(_account())
    _printer(data / "printer")


def make_places() -> None:
    """Places with what stands there, and devices."""
    _places()
    _devices()


def _places() -> None:
    """Where things stand, and what keeps others out: this machine in its room, a bench, a bin."""
    from strongroom.formats.leaf import Actor  # noqa: PLC0415
    from strongroom.policy.encryption_and_storage import registers  # noqa: PLC0415
    from strongroom.policy.encryption_and_storage.models import Equipment  # noqa: PLC0415

    by = Actor.REHEARSAL.reference
    if Equipment.objects.filter(name=socket.gethostname()).exists():
        return
    for name, kind, controls in PLACES:
        registers.record_known_place(name=name, kind=kind, controls=controls, by=by)
    registers.add_known_equipment(name=socket.gethostname(), kind="server", place="Server room", by=by)
    registers.add_known_equipment(name="Bin B-01", kind="bin", place="Bench 1", by=by)


def _devices() -> None:
    """What shows customers here: the company's own."""
    from strongroom.formats.leaf import Actor  # noqa: PLC0415
    from strongroom.policy.access_management import devices  # noqa: PLC0415

    if not devices.recorded():
        for name, kind in DEVICES:
            devices.record_known(name=name, kind=kind, stated=True, by=Actor.REHEARSAL.reference)


def _account() -> int:
    """The selling account, once the worker has written it down."""
    from strongroom.policy.retention_and_recovery.actions import selling_accounts  # noqa: PLC0415

    deadline = time.monotonic() + ACCOUNT_WITHIN
    while not (found := selling_accounts()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found[0]


def _stock(account: int) -> None:
    from strongroom.policy.retention_and_recovery.models import Stock  # noqa: PLC0415

    for place, (sku, _, title, price) in enumerate(CATALOGUE):
        Stock.objects.update_or_create(
            account_id=account, sku=sku,
            defaults={
                "title": title, "warehouse": "Quillmarsh" if place < 4 else "Harrowgate", "bin": BINS[place],
                "weight": 250 + 150 * place, "value": round(float(price) * 100), "currency": "GBP",
                "hs_code": "9503.00", "origin": "GB" if place % 2 == 0 else "CN",
            },
        )  # fmt: skip


def _printer(folder: Path) -> None:
    """Registered with the certificate it made itself; pinned anew when it made another."""
    from strongroom.formats.leaf import Actor  # noqa: PLC0415
    from strongroom.policy.encryption_and_storage import printers  # noqa: PLC0415
    from strongroom.policy.encryption_and_storage.models import Printer  # noqa: PLC0415

    uri = folder.with_name(PRINTER_URI).read_text(encoding="utf-8")
    pem = (folder / "server.pem").read_text(encoding="ascii").split("-----END CERTIFICATE-----")[0]
    der = ssl.PEM_cert_to_DER_cert(pem + "-----END CERTIFICATE-----\n")
    fingerprint = hashlib.sha256(der).digest()
    if Printer.objects.filter(name=PRINTER).update(uri=uri, fingerprint=fingerprint):
        return
    printers.add_known(
        name=PRINTER, place="Bench 1", uri=uri, fingerprint=fingerprint, form="pdf", second=None,
        by=Actor.REHEARSAL.reference,
    )  # fmt: skip
