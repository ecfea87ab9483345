"""Which printers may be handed a label: registered by hand, with the certificate they are known by (ET-1, ES-5)."""

from django.db import transaction

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.encryption_and_storage.models import Printer
from strongroom.policy.encryption_and_storage.registers import the_place
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal


@transaction.atomic
def add(
    *, name: str, place: str, uri: str, fingerprint: bytes, form: str, second: Printer | None, by: Person
) -> Printer:
    """Register a printer. `fingerprint`: SHA-256 of its certificate, 32 bytes, compared by a person."""
    require(Permission.PRINTERS_MANAGE, of=by)
    return add_known(
        name=name, place=place, uri=uri, fingerprint=fingerprint, form=form, second=second, by=reference_of(by)
    )


@transaction.atomic
def add_known(
    *, name: str, place: str, uri: str, fingerprint: bytes, form: str, second: Printer | None, by: bytes
) -> Printer:
    """`add` for whoever installs. Raises `Refused` for an address that is not IPP over TLS, or an unrecorded place."""
    if not uri.startswith("ipps://") or len(fingerprint) != 32:
        raise Refused("ET-1", "A printer is reached over TLS and known by the SHA-256 of its certificate.")
    printer = Printer(
        name=name, place=the_place(place), uri=uri, fingerprint=fingerprint, format=form, second=second,
        added_at=definitions.now(), condition="unasked", reasons="",
    )  # fmt: skip
    printer.save(force_insert=True)
    journal.record(Kind.PRINTER_ADDED, by=by, facts={Fact.PRINTER: printer.pk, Fact.HASH: fingerprint})
    return printer


@transaction.atomic
def retire(*, printer: Printer, by: Person) -> None:
    """No label goes there any more. The row stays: the ledger speaks of it."""
    require(Permission.PRINTERS_MANAGE, of=by)
    Printer.objects.filter(pk=printer.pk, retired_at__isnull=True).update(retired_at=definitions.now())
    Printer.objects.filter(second=printer).update(second=None)
    journal.record(Kind.PRINTER_RETIRED, by=reference_of(by), facts={Fact.PRINTER: printer.pk})
