"""Registered printers: who they are, how they are, and their certificates. A test page holds no person."""

from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from strongroom.application.despatch import prints, reads
from strongroom.application.despatch.labels.layout import MARGIN, Barcode, Mark, Text
from strongroom.application.despatch.labels.pdf import draw
from strongroom.application.despatch.labels.text import shaped
from strongroom.application.despatch.printing.forms import PrinterForm
from strongroom.application.despatch.printing.printer import PrinterProblem, fetch_fingerprint
from strongroom.application.despatch.printing.remembered import test_name
from strongroom.formats.refused import Refused
from strongroom.policy.access_management.step_up import needs_recent_factor
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage import printers as register
from strongroom.policy.encryption_and_storage.models import Printer
from strongroom.policy.least_privilege.gate import can
from strongroom.policy.least_privilege.models import Person


@permission(Permission.PRINTERS_READ)
@require_GET
def printers(request: HttpRequest) -> HttpResponse:
    return _page(request, PrinterForm())


@permission(Permission.PRINTERS_MANAGE)
@needs_recent_factor
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """First time without a fingerprint: the certificate that answers is shown, to be compared. Then it is pinned."""
    form = PrinterForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    data = form.cleaned_data
    if not data["fingerprint"]:
        return _page(request, *_compare(form), status=200)
    try:
        with transaction.atomic():
            register.add(
                name=data["name"], place=data["place"], uri=data["uri"], fingerprint=data["fingerprint"],
                form=data["format"], second=data["second"], by=_person(request),
            )  # fmt: skip
    except IntegrityError:
        form.add_error("name", "A printer has this name already.")
        return _page(request, form, status=422)
    return redirect("printers")


@permission(Permission.PRINTERS_MANAGE)
@needs_recent_factor
@require_POST
def retire(request: HttpRequest, printer: int) -> HttpResponse:
    register.retire(printer=_find(printer), by=_person(request))
    return redirect("printers")


@permission(Permission.PRINTERS_TEST)
@require_POST
def test(request: HttpRequest, printer: int) -> HttpResponse:  # noqa: ARG001 - a POST is all it takes
    """Print a page that names the printer and nobody."""
    found = _find(printer)
    if found.format != "pdf":
        raise Refused("ES-5", "The test page is a PDF; this printer takes ZPL. Print its own test page.")
    words, code = f"Test page of {found.name}", test_name(found)
    page: list[Mark] = [
        Text(shaped(words), MARGIN, 60, 18, words), Text(shaped("It holds nobody's data."), MARGIN, 84, 12, ""),
        Barcode(code, MARGIN, 120, 264, 50),
    ]  # fmt: skip
    at = prints.door(found)
    try:
        at.send_document(at.create_job(code), draw([page]), "application/pdf")
    except PrinterProblem as problem:
        raise Refused("ES-5", f"The printer did not take it: {(type(problem).__doc__ or '').splitlines()[0]}") from None
    return redirect("printers")


def _compare(form: PrinterForm) -> tuple[PrinterForm, str]:
    """The same form with the certificate that answers now filled in, and what to do about it."""
    data = dict(form.cleaned_data)
    if data["second"] is not None:
        data["second"] = data["second"].pk
    try:
        found = fetch_fingerprint(form.cleaned_data["uri"])
    except PrinterProblem as problem:
        form.add_error("uri", f"Nothing useful answered there: {(type(problem).__doc__ or '').splitlines()[0]}")
        return form, ""
    data["fingerprint"] = found.hex()
    return PrinterForm(data), (
        "Compare this certificate with the one on the printer's own page or display. Only if they are the same,"
        " register it: from then on nobody else is believed to be this printer."
    )


def _page(request: HttpRequest, form: PrinterForm, said: str = "", status: int = 200) -> HttpResponse:
    person = _person(request)
    shown = {
        "rows": [(p, reads.queue_depth(p), bytes(p.fingerprint).hex()) for p in reads.printers()],
        "form": form, "said": said,
        "may_manage": can(person, Permission.PRINTERS_MANAGE), "may_test": can(person, Permission.PRINTERS_TEST),
    }  # fmt: skip
    return render(request, "despatch/printers.html", shown, status=status)


def _find(printer: int) -> Printer:
    found = Printer.objects.filter(pk=printer, retired_at__isnull=True).first()
    if found is None:
        raise Http404
    return found


def _person(request: HttpRequest) -> Person:
    if not isinstance(request.user, Person):
        raise Http404
    return request.user
