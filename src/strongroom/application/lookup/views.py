"""Orders, one order, and one opening. No page but the opening shows any part of a person."""

import re
import secrets
import uuid
from datetime import timedelta

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from strongroom.application.lookup import openings as feeds
from strongroom.application.lookup import reads, rules
from strongroom.application.lookup.forms import AnswerForm, FindForm, RevealForm
from strongroom.formats.parts import OPENS
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.access_management import devices
from strongroom.policy.access_management.devices import on_a_device
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage.actions import MOST_EXTENSIONS, open_for
from strongroom.policy.encryption_and_storage.actions import extend as extend_opening
from strongroom.policy.encryption_and_storage.actions import find as search
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import can, require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.retention_and_recovery.actions import accounts_for
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
    """An order by Amazon's number or our code: a POST, so that no history keeps the number longer than we do."""
    found = reads.by_number(request.POST.get("number", "").strip()[:40])
    if found is not None:
        return redirect("order", ref=found.ref)
    return _orders(request, "to-ship", missed=True, status=404)


@permission(Permission.ORDERS_SEARCH)
@on_a_device
@require_http_methods(["GET", "POST"])
def find_person(request: HttpRequest) -> HttpResponse:
    """Orders of a customer by e-mail, telephone, or name with postcode. What was typed is shown never again."""
    form = FindForm(request.POST or None)
    if request.method == "GET" or not form.is_valid():
        return render(request, "lookup/find.html", {"form": form}, status=422 if form.errors else 200)
    person = _person(request)
    require(Permission.ORDERS_SEARCH, of=person)
    accounts, device = accounts_for(person), devices.where(person)
    field, value = form.wanted()
    refs = [
        ref
        for account in accounts
        for ref in search(account=account, field=field, value=value, by=reference_of(person), device=device)
    ]
    if len(refs) == 1:
        return redirect("order", ref=refs[0])
    found = Order.objects.filter(account_id__in=accounts, ref__in=refs).order_by("-placed_at")
    shown = {"form": FindForm(), "found": list(found), "searched": True}
    return render(request, "lookup/find.html", shown, status=200 if refs else 404)


def _orders(request: HttpRequest, chosen: str, *, missed: bool = False, status: int = 200) -> HttpResponse:
    accounts = accounts_for(_person(request))
    counts, asked = reads.counts(accounts), request.GET.get("page", "")
    page = reads.page_of(chosen, accounts, int(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else 1)
    tally = [(name, words, counts.get(name), name == chosen) for name, (words, _) in reads.FILTERS.items()]
    deaths = reads.deaths(page.orders)
    rows = [(order, deaths.get(order.ref)) for order in page.orders]
    shown = {"page": page, "rows": rows, "tally": tally, "chosen": chosen, "counts": counts, "missed": missed}
    return render(request, "lookup/orders.html", shown, status=status)


@permission(Permission.ORDERS_READ)
@require_GET
def order(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    return _order(request, _find(request, ref), RevealForm())


@permission(Permission.ORDERS_REVEAL)
@on_a_device
@require_POST
def reveal(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    """The opening is journalled before the broker is asked; what it opened leaves on this one page only."""
    found, form = _find(request, ref), RevealForm(request.POST)
    if not form.is_valid():
        return _order(request, found, form, status=422)
    person = _person(request)
    require(Permission.ORDERS_REVEAL, of=person)
    purpose = form.cleaned_data["purpose"]
    opening = open_for(
        account=found.account_id, order=found.ref, purpose=purpose, by=reference_of(person),
        case=form.cleaned_data["case"], device=devices.where(person),
    )  # fmt: skip
    now = definitions.now()
    shown = {
        "hides_at": now + timedelta(seconds=SECONDS_SHOWN),
        "extensions": MOST_EXTENSIONS,
        "mark": f"{person.name} {now:%d %b %H:%M:%S} {str(opening.entry)[:8]}".upper(),
        "order": found,
        "words": OPENS[purpose].words,
        "name": _text(opening.fields, "name"),
        "lines": [text for line in LINES if (text := _text(opening.fields, line))],
        "further": [(words, text) for name, words in FURTHER.items() if (text := _text(opening.fields, name))],
        "entry": opening.entry,
        "seconds": SECONDS_SHOWN,
        "at": now,
    }
    response = render(request, "lookup/reveal.html", shown)
    # A changed HttpOnly cookie keeps Chromium from holding this page for its back button, no-store or not.
    response.set_cookie("__Host-view", secrets.token_urlsafe(8), secure=True, httponly=True, samesite="Strict")
    return response


@permission(Permission.ORDERS_REVEAL)
@on_a_device
@require_POST
def extend(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    """Another minute of the same page, written down first. The page has the text already; nothing is opened anew."""
    found, person = _find(request, ref), _person(request)
    require(Permission.ORDERS_REVEAL, of=person)
    try:
        opening = uuid.UUID(request.POST.get("opening", ""))
    except ValueError:
        raise Http404 from None
    left = extend_opening(account=found.account_id, order=found.ref, opening=opening, by=reference_of(person))
    return JsonResponse({"seconds": SECONDS_SHOWN, "left": left})


@permission(Permission.OPENINGS_READ)
@require_GET
def openings(request: HttpRequest) -> HttpResponse:
    """Who opened and printed what for what; what stands out; and the way to ask why."""
    span = request.GET.get("span", "day")
    span = span if span in feeds.SPANS else "day"
    chosen = _reference(request.GET.get("by", ""))
    accounts = accounts_for(_person(request))
    rows, me = feeds.totals(span, accounts), reference_of(_person(request))
    page = Paginator(feeds.entries(span, accounts, by=chosen), 50).get_page(request.GET.get("page"))
    listed = list(page.object_list)
    names = reads.who({entry.by for entry in listed} | {row.by for row in rows})
    questions = feeds.asked(listed)
    now = definitions.now()
    days = feeds.days_of(span, accounts)
    shown = {
        "span": span, "spans": [(name, words, name == span) for name, (words, _) in feeds.SPANS.items()],
        "rows": [(names[row.by], row) for row in rows],
        "unusual": [(names[row.by], row) for row in rows if row.unusual],
        "page": page,
        "listed": [
            (e, names[e.by], feeds.words_of(e.kind, getattr(e, "purpose", None)), questions.get(e.id),
             e.by != uuid.UUID(bytes=me)) for e in listed
        ],
        "chosen": chosen, "chosen_name": names.get(chosen, "") if chosen else "",
        "days": days, "bars": rules.bars(days),
        "total": sum(row.total for row in rows), "overdue": feeds.overdue(now), "now": now,
        "may_ask": can(_person(request), Permission.OPENINGS_ASK),
        "may_read": can(_person(request), Permission.ORDERS_READ),
    }  # fmt: skip
    return render(request, "lookup/openings.html", shown)


@permission(Permission.OPENINGS_ASK)
@require_POST
def ask_why(request: HttpRequest, account: int, entry: uuid.UUID) -> HttpResponse:
    feeds.ask_why(account=account, entry=entry, by=_person(request))
    return redirect("openings")


@permission(Permission.SIGNED_IN)
@require_GET
def questions(request: HttpRequest) -> HttpResponse:
    return _questions(request, AnswerForm())


@permission(Permission.SIGNED_IN)
@require_POST
def answer(request: HttpRequest, obligation: uuid.UUID) -> HttpResponse:
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _questions(request, form, status=422)
    feeds.explain(
        obligation=obligation, answer=form.cleaned_data["reason"], case=form.cleaned_data["case"], by=_person(request)
    )
    return redirect("questions")


def _questions(request: HttpRequest, form: AnswerForm, status: int = 200) -> HttpResponse:
    waiting = [
        (due, entry, feeds.words_of(entry.kind, getattr(entry, "purpose", None)))
        for due, entry in feeds.questions_for(_person(request))
    ]
    return render(request, "lookup/questions.html", {"waiting": waiting, "form": form}, status=status)


def _reference(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


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


def _find(request: HttpRequest, ref: uuid.UUID) -> Order:
    found = Order.objects.filter(account_id__in=accounts_for(_person(request)), ref=ref).first()
    if found is None:
        raise Http404
    return found


def _person(request: HttpRequest) -> Person:
    if not isinstance(request.user, Person):
        raise Http404
    return request.user


def _text(fields: dict[str, Secret], name: str) -> str:
    return fields[name].text() if name in fields else ""
