"""Worklist, waves with their pick slips, one order's parcels, undecided labels. No page here shows a person."""

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from strongroom.application.despatch import actions, barcode, bought_labels, reads, rules
from strongroom.application.despatch.forms import HandOverForm, HoldForm, PartForm
from strongroom.application.despatch.pack.bench import Bench
from strongroom.application.despatch.rules import Hold
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.access_management.devices import on_a_device
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage.models import LabelPrint, Printer, PrintReason
from strongroom.policy.least_privilege.gate import can
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring.models import SellingAccount
from strongroom.policy.retention_and_recovery.actions import selling_accounts
from strongroom.policy.retention_and_recovery.models import Order


@permission(Permission.DESPATCH_READ)
@require_GET
def worklist(request: HttpRequest) -> HttpResponse:
    now, chosen = definitions.now(), request.GET.get("show", "ready")
    which = reads.filters(now)
    chosen = chosen if chosen in which else "ready"
    account, warehouse = _account(request.GET.get("account", "")), request.GET.get("warehouse", "")[:20]
    found = reads.waiting(account=account, warehouse=warehouse)
    counts = reads.counts(found, now)
    paginator = Paginator(found.filter(which[chosen][1]), 50)
    paginator.count = counts[chosen]  # counted already
    page = paginator.get_page(request.GET.get("page"))
    orders = list(page.object_list)
    lines, labels = reads.lines_of(orders), reads.labels_of(orders)
    shown = {
        "page": page,
        "rows": [(o, rules.spaced(rules.code_of(o.ref)), lines[o.ref], labels.get(o.ref), _why(o)) for o in orders],
        "tally": [(name, words, counts[name], name == chosen) for name, (words, _) in which.items()],
        "chosen": chosen, "counts": counts, "now": now,
        "account": account, "accounts": SellingAccount.objects.filter(id__in=selling_accounts()).order_by("id"),
        "warehouse": warehouse, "warehouses": reads.warehouses(),
        "waves": reads.waves()[:5], "undecided": reads.undecided().count(), "untold": reads.untold().count(),
        "reopened": reads.reopened(),
        "may_pick": can(_person(request), Permission.DESPATCH_PICK),
        "may_pack": can(_person(request), Permission.DESPATCH_PACK),
        "may_decide": can(_person(request), Permission.DESPATCH_DECIDE),
    }  # fmt: skip
    return render(request, "despatch/worklist.html", shown)


@permission(Permission.DESPATCH_PICK)
@require_POST
def make_wave(request: HttpRequest) -> HttpResponse:
    """A wave of the most urgent orders that are ready, of one account and warehouse."""
    account = _account(request.POST.get("account", "")) or next(iter(selling_accounts()), None)
    if account is None:
        raise Refused("RR-1", "No selling account is known yet; nothing can be picked.")
    warehouse = request.POST.get("warehouse", "")[:20]
    size = request.POST.get("size", "20")
    most = min(int(size), actions.LARGEST_WAVE) if size.isdigit() and int(size) else 20
    ready = reads.waiting(account=account, warehouse=warehouse).filter(reads.filters(definitions.now())["ready"][1])
    wave = actions.make_wave(
        account=account, orders=ready.values_list("ref", flat=True)[:most], warehouse=warehouse, by=_person(request)
    )
    return redirect("wave", account=account, number=wave.number)


@permission(Permission.DESPATCH_READ)
@require_GET
def wave(request: HttpRequest, account: int, number: int) -> HttpResponse:
    """A wave's pick slips: our code, SKU, title, bin, quantity, barcode; nothing of a person."""
    found = reads.wave(account, number)
    if found is None:
        raise Http404
    orders = reads.in_wave(found)
    lines = reads.lines_of(orders)
    walks = [(order, rules.code_of(order.ref), sorted(lines[order.ref], key=_way)) for order in orders]
    slips = sorted(walks, key=lambda slip: (_way(slip[2][0]) if slip[2] else (True, ""), slip[1]))
    shown = {
        "wave": found,
        "slips": [
            (order, rules.spaced(code), items, *barcode.bars(rules.PREFIX + code)) for order, code, items in slips
        ],
    }
    return render(request, "despatch/wave.html", shown)


@permission(Permission.DESPATCH_READ)
@require_GET
def parcels(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    return _parcels(request, _find(ref))


@permission(Permission.DESPATCH_HOLD)
@require_POST
def hold(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    order, form = _find(ref), HoldForm(request.POST)
    if not form.is_valid():
        return _parcels(request, order, hold=form, status=422)
    reason = form.cleaned_data["reason"]
    actions.hold(order=order, reason=Hold(int(reason)) if reason else None, by=_person(request))
    return redirect("parcels", ref=ref)


@permission(Permission.DESPATCH_HOLD)
@require_POST
def still_here(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    actions.confirm_still_here(order=_find(ref), by=_person(request))
    return redirect("parcels", ref=ref)


@permission(Permission.DESPATCH_PACK)
@on_a_device
@require_POST
def part(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    """A label for some pieces only: the rest gets a parcel of its own later."""
    order = _find(ref)
    free = rules.left_over(actions.pieces_of(order))
    form = PartForm(request.POST, free=free)
    printer = _printer(request)
    if not form.is_valid():
        return _parcels(request, order, part=form, status=422)
    try:
        actions.queue_label(order=order, printer=printer, by=_person(request), lines=form.lines())
    except actions.AlreadyPrinted:
        raise Refused("ES-4", "Everything of this order is packed already.") from None
    return redirect("parcels", ref=ref)


@permission(Permission.DESPATCH_PACK)
@on_a_device
@require_POST
def buy(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    """A label bought through Amazon instead of one of ours: no address is opened for it."""
    bought_labels.want(order=_find(ref), printer=_printer(request), by=_person(request))
    return redirect("parcels", ref=ref)


@permission(Permission.DESPATCH_PACK)
@on_a_device
@require_POST
def hand_over(request: HttpRequest, ref: uuid.UUID, number: int) -> HttpResponse:
    """Carrier and tracking number, typed; also a correction of what was scanned wrong."""
    order, form = _find(ref), HandOverForm(request.POST)
    if not form.is_valid():
        return _parcels(request, order, over=form, status=422)
    actions.hand_over(
        order=order, parcel=number, carrier=form.cleaned_data["carrier"],
        tracking=Secret(form.cleaned_data["number"]), by=_person(request),
    )  # fmt: skip
    return redirect("parcels", ref=ref)


@permission(Permission.DESPATCH_DECIDE)
@require_GET
def undecided(request: HttpRequest) -> HttpResponse:
    found = list(reads.undecided()[:100])
    names = {p.pk: p.name for p in reads.printers()}
    rows = [
        (label, rules.spaced(rules.code_of(label.order_ref)), names.get(label.printer, "retired")) for label in found
    ]
    return render(request, "despatch/undecided.html", {"rows": rows})


@permission(Permission.DESPATCH_DECIDE)
@on_a_device
@require_POST
def decide(request: HttpRequest, label: uuid.UUID) -> HttpResponse:
    found = LabelPrint.objects.filter(account_id__in=selling_accounts(), id=label).first()
    if found is None:
        raise Http404
    actions.decide(label=found, came_out=request.POST.get("came_out") == "yes", by=_person(request))
    return redirect("undecided")


def _parcels(request: HttpRequest, order: Order, status: int = 200, **forms: Any) -> HttpResponse:
    person, free = _person(request), rules.left_over(actions.pieces_of(order))
    names = {p.pk: p.name for p in reads.printers()}
    shown = {
        "order": order,
        "code": rules.spaced(rules.code_of(order.ref)),
        "lines": reads.lines_of([order])[order.ref],
        "parcels": reads.parcels_of(order),
        "ledger": [
            (label, PrintReason(label.reason).words, names.get(label.printer, "retired"))
            for label in reads.ledger_of(order)
        ],
        "why": rules.why_not_printed(actions.printable(order)),
        "free": free,
        "hold_form": forms.get("hold") or HoldForm(),
        "part_form": forms.get("part") or PartForm(free=free),
        "over_form": forms.get("over") or HandOverForm(),
        "may_hold": can(person, Permission.DESPATCH_HOLD),
        "may_pack": can(person, Permission.DESPATCH_PACK),
        "held_words": Hold(order.held_for).words if order.held_for else "",
    }
    return render(request, "despatch/parcels.html", shown, status=status)


def _way(line: reads.Line) -> tuple[bool, str]:
    """Where a line stands on the way through the bins; what lies nobody knows where comes last."""
    return not line.bin, line.bin


def _why(order: Order) -> str:
    """Why this order cannot be packed now; empty where it can. Read from the row the list has already."""
    if order.held_for is not None:
        return Hold(order.held_for).words
    if not getattr(order, "has_address", True):
        return "Amazon sent no address; asked again every hour" if order.data_absent else "being fetched again"
    return ""


def _printer(request: HttpRequest) -> Printer:
    """The printer of this person's bench."""
    printer = Bench.of(request).chosen_printer()
    if printer is None:
        raise Refused("ES-5", "No printer is registered. Ask an administrator.")
    return printer


def _account(text: str) -> int | None:
    return int(text) if text.isdigit() and int(text) in selling_accounts() else None


def _find(ref: uuid.UUID) -> Order:
    found = Order.objects.filter(account_id__in=selling_accounts(), ref=ref).first()
    if found is None:
        raise Http404
    return found


def _person(request: HttpRequest) -> Person:
    if not isinstance(request.user, Person):
        raise Http404
    return request.user
