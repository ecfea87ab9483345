"""Orders, one order, and one opening. No page but the opening shows any part of a person."""

import uuid

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from strongroom.application.lookup import reads
from strongroom.application.lookup.forms import RevealForm
from strongroom.formats.parts import OPENS
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage.actions import open_for
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import can, require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.retention_and_recovery.actions import selling_accounts
from strongroom.policy.retention_and_recovery.models import Order, OrderItem

SECONDS_SHOWN = 60
LINES = ("company", "line1", "line2", "line3", "street_name", "street_number", "complement", "neighbourhood",
         "district", "municipality", "city", "state", "postcode")  # fmt: skip
FURTHER = {"phone": "Telephone", "email": "E-mail", "drop_off": "Where to leave it", "instruction": "Instruction",
           "delivery_time": "Delivery time", "carrier": "Carrier", "number": "Tracking number"}  # fmt: skip


@permission(Permission.ORDERS_LIST)
@require_GET
def orders(request: HttpRequest) -> HttpResponse:
    return _orders(request, request.GET.get("show", "to-ship"))


@permission(Permission.ORDERS_LIST)
@require_POST
def find(request: HttpRequest) -> HttpResponse:
    """An order by Amazon's number: a POST, so that no history keeps the number longer than we do."""
    found = reads.by_number(request.POST.get("number", "").strip()[:40])
    if found is not None:
        return redirect("order", ref=found.ref)
    return _orders(request, "to-ship", missed=True, status=404)


def _orders(request: HttpRequest, chosen: str, *, missed: bool = False, status: int = 200) -> HttpResponse:
    page = Paginator(reads.orders(chosen), 50).get_page(request.GET.get("page"))
    counts = reads.counts()
    tally = [(name, words, counts[name], name == chosen) for name, (words, _) in reads.FILTERS.items()]
    rows = [(order, reads.dies_at(reads.held_parts(order))) for order in page]
    shown = {"page": page, "rows": rows, "tally": tally, "chosen": chosen, "counts": counts, "missed": missed}
    return render(request, "lookup/orders.html", shown, status=status)


@permission(Permission.ORDERS_READ)
@require_GET
def order(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    return _order(request, _find(ref), RevealForm())


@permission(Permission.ORDERS_REVEAL)
@require_POST
def reveal(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    """The opening is journalled before the broker is asked; what it opened leaves on this one page only."""
    found, form = _find(ref), RevealForm(request.POST)
    if not form.is_valid():
        return _order(request, found, form, status=422)
    person = _person(request)
    require(Permission.ORDERS_REVEAL, of=person)
    purpose = form.cleaned_data["purpose"]
    opening = open_for(
        account=found.account_id, order=found.ref, purpose=purpose, by=reference_of(person),
        case=form.cleaned_data["case"],
    )  # fmt: skip
    shown = {
        "order": found,
        "words": OPENS[purpose].words,
        "name": _text(opening.fields, "name"),
        "lines": [text for line in LINES if (text := _text(opening.fields, line))],
        "further": [(words, text) for name, words in FURTHER.items() if (text := _text(opening.fields, name))],
        "entry": opening.entry,
        "seconds": SECONDS_SHOWN,
        "at": definitions.now(),
    }
    return render(request, "lookup/reveal.html", shown)


def _order(request: HttpRequest, found: Order, form: RevealForm, status: int = 200) -> HttpResponse:
    parts, person = reads.held_parts(found), _person(request)
    now = definitions.now()
    shown = {
        "order": found,
        "form": form,
        "items": OrderItem.objects.filter(account_id=found.account_id, order_ref=found.ref).order_by("line"),
        "parts": parts,
        "dies_at": reads.dies_at(parts),
        "purposes": reads.purposes(parts),
        "may_reveal": can(person, Permission.ORDERS_REVEAL),
        "history": reads.history(found),
        "openings": reads.openings_today(reference_of(person), now),
        "now": now,
    }
    return render(request, "lookup/order.html", shown, status=status)


def _find(ref: uuid.UUID) -> Order:
    found = Order.objects.filter(account_id__in=selling_accounts(), ref=ref).first()
    if found is None:
        raise Http404
    return found


def _person(request: HttpRequest) -> Person:
    if not isinstance(request.user, Person):
        raise Http404
    return request.user


def _text(fields: dict[str, Secret], name: str) -> str:
    return fields[name].text() if name in fields else ""
