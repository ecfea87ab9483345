"""`/pack`: every answer is a redirect back to the one page, so that a reload repeats nothing."""

import uuid
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from strongroom.application.despatch import reads, rules
from strongroom.application.despatch.pack import bench as benches
from strongroom.application.despatch.pack.bench import Bench
from strongroom.policy.access_management.devices import on_a_device
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage.models import LabelPrint, PrintReason, PrintState
from strongroom.policy.least_privilege.models import Person

REASONS: Final = {
    "damaged": PrintReason.DAMAGED,
    "misfed": PrintReason.MISFEED,
    "lost": PrintReason.MISSING,
}
SHOWN: Final[dict[str, tuple[str, str, str]]] = {
    PrintState.QUEUED: ("Waiting", "due", "due"),
    PrintState.SENT: ("Printing", "true", "printed"),
    PrintState.CONFIRMED: ("Printed", "true", "printed"),
    PrintState.UNKNOWN: ("Did it come out?", "unknown", "unknown"),
    PrintState.STOPPED: ("Not printed", "false", "refused"),
    PrintState.LOST: ("Did not come out", "due", "again"),
}
"""A label's state as a word, a state and an icon: read at two metres."""


@permission(Permission.DESPATCH_PACK)
@on_a_device
@require_GET
def pack(request: HttpRequest) -> HttpResponse:
    bench = Bench.of(request)
    printer = bench.chosen_printer()
    label = _label_of(bench.result)
    shown = {
        "bench": bench,
        "result": _shown(bench.result, label),
        "label": label,
        "printer": printer,
        "printers": reads.printers(),
        "carriers": rules.carrier_names(),
        "queued": reads.queue_depth(printer),
        "left": _left(bench),
        "last": [_shown(line, _label_of(line)) for line in bench.last],
        "waves": [w for w, still in reads.waves() if still],
        "undecided": reads.undecided().count(),
        "again_soon": label is not None and label.state in (PrintState.QUEUED, PrintState.SENT),
        "items": _items(bench),
    }
    return render(request, "despatch/pack.html", shown)


@permission(Permission.DESPATCH_PACK)
@on_a_device
@require_POST
def scan(request: HttpRequest) -> HttpResponse:
    """One scan, one label. What was scanned is answered on the page; it stands in no address and no log."""
    return _act(request, lambda bench, by: benches.scan(bench, request.POST.get("scan", ""), by))


@permission(Permission.DESPATCH_PACK)
@on_a_device
@require_POST
def again(request: HttpRequest) -> HttpResponse:
    reason = REASONS.get(request.POST.get("reason", ""))
    return _act(request, lambda bench, by: benches.answer(bench, reason, by))


@permission(Permission.DESPATCH_DECIDE)
@on_a_device
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Whether the label that the printer lost sight of lies in its tray."""
    yes = request.POST.get("came_out") == "yes"

    def act(bench: Bench, by: Person) -> None:
        label = _label_of(bench.result)
        if label is not None:
            benches.came_out(bench, label, yes, by)

    return _act(request, act)


@permission(Permission.DESPATCH_PACK)
@on_a_device
@require_POST
def settings(request: HttpRequest) -> HttpResponse:
    """Which printer, carrier and wave this bench works with."""

    def act(bench: Bench, _: Person) -> None:
        chosen = request.POST.get("printer", "")
        bench.printer = int(chosen) if chosen.isdigit() else bench.printer
        carrier = request.POST.get("carrier", "")
        bench.carrier = carrier if carrier in rules.carrier_names() else ""
        wave = request.POST.get("wave", "")
        bench.wave = int(wave) if wave.isdigit() else None
        if "clear" in request.POST:
            bench.missing = []

    return _act(request, act)


def _act(request: HttpRequest, act: Any) -> HttpResponse:
    bench = Bench.of(request)
    if isinstance(request.user, Person):
        act(bench, request.user)
    bench.keep(request)
    return redirect("pack")


def _label_of(said: dict[str, Any]) -> LabelPrint | None:
    if not said.get("label"):
        return None
    return LabelPrint.objects.filter(account_id=said["account"], id=uuid.UUID(said["label"])).first()


def _shown(said: dict[str, Any], label: LabelPrint | None) -> dict[str, Any]:
    """The result as it is now: a label says how it ended, whatever it said when it was scanned."""
    if not said:
        return {}
    shown = {**said, "at": datetime.fromisoformat(said["at"])}
    if label is not None and not said.get("asks", "").startswith("again"):
        shown["word"], shown["state"], shown["icon"] = SHOWN[label.state]
        if label.state == PrintState.CONFIRMED and label.reason != PrintReason.FIRST:
            shown["word"], shown["icon"] = "Printed again", "again"
    if label is not None:
        shown["printer"] = next((p.name for p in reads.printers() if p.pk == label.printer), "a retired printer")
    code = said.get("code", "")
    shown["spaced"] = rules.spaced(code) if len(code) == rules.CODE_CHARACTERS else code
    return shown


def _left(bench: Bench) -> tuple[int, str]:
    """How many orders are still to pack, in the bench's wave or altogether."""
    waiting = reads.waiting().filter(reads.PACKABLE)
    if bench.wave is not None:
        return waiting.filter(wave=bench.wave).count(), f"left in wave {bench.wave}"
    return waiting.count(), "left to pack"


def _items(bench: Bench) -> list[reads.Line]:
    order = bench.open_order()
    return reads.lines_of([order])[order.ref] if order is not None else []
