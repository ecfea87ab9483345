"""What was sent to whom and what became of it, and the page that a mail's link leads to (IR-2)."""

import uuid
from typing import Final

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import references
from strongroom.policy.obligations.channels import outbox, people
from strongroom.policy.obligations.models import Delivery, Message

HERE: Final = definitions.INSTALLATION
A_PAGE: Final = 50
SHOWS: Final = {
    "all": "All",
    "waiting": "Not delivered yet",
    "failed": "Failed",
    "unread": "Sent, not acknowledged",
    "mine": "Mine",
}
NEWS: Final = "news"


@permission(Permission.WALL_READ)
@require_GET
def messages(request: HttpRequest) -> HttpResponse:
    """Newest first. Texts of others are read by whoever may read the wall: nobody is named in them."""
    me = _person(request)
    show = request.GET.get("show", "all") if request.GET.get("show") in SHOWS else "all"
    rows = Message.objects.filter(account_id=HERE).order_by("-made_at", "-id")
    match show:
        case "waiting":
            rows = rows.filter(state="queued")
        case "failed":
            rows = rows.filter(state="failed")
        case "unread":
            rows = rows.filter(state="sent", again_after__gt=0, over_at__isnull=True)
        case "mine":
            rows = rows.filter(to=me.pk)
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    names = people.names_of(page.object_list)
    standing = Message.objects.filter(account_id=HERE, over_at__isnull=True)
    shown = {
        "rows": [(row, names[row.to, row.mailbox], words_of(row)) for row in page.object_list], "page": page,
        "keep": f"show={show}", "show": show, "shows": SHOWS.items(),
        "failed": standing.filter(state="failed").count(),
        "waiting": standing.filter(state="queued", tries__gt=0).count(),
        "unread": standing.filter(state="sent", again_after__gt=0).count(),
    }  # fmt: skip
    return render(request, "obligations/messages.html", shown)


@permission(Permission.WALL_READ)
@require_http_methods(["GET", "POST"])
def message(request: HttpRequest, id_: uuid.UUID) -> HttpResponse:
    """One message as it was sent, and each attempt with the server's answer."""
    me = _person(request)
    row = Message.objects.filter(account_id=HERE, id=id_).first()
    if row is None:
        raise Http404
    if request.method == "POST":
        return _acknowledge(request, row, me, by_link=False)
    return _page(request, row, me, by_link=False)


@permission(Permission.SIGNED_IN)
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Where a mail's link leads: the message, and a button for whoever it was sent to. A GET acknowledges nothing."""
    me = _person(request)
    row = outbox.of_link(token)
    if row is None:
        raise Http404
    if request.method == "POST":
        return _acknowledge(request, row, me, by_link=True)
    if not people.may_answer_for(row, me):
        outbox.refuse(message=row, by=me)
    return _page(request, row, me, by_link=True)


def words_of(row: Message) -> str:
    """How it stands, in words."""
    if row.acknowledged_at is not None:
        return "acknowledged"
    if row.state == "queued":
        return "tried again" if row.tries else "waits"
    if row.state == "sent" and row.again_after and row.over_at is None:
        return "delivered, not acknowledged"
    return {"sent": "delivered", "failed": "failed", "dropped": "over before it was sent"}.get(row.state, row.state)


def _acknowledge(request: HttpRequest, row: Message, me: Person, *, by_link: bool) -> HttpResponse:
    is_new = outbox.acknowledge(message=row, by=me, by_link=by_link)
    request.session[NEWS] = "Acknowledged; it is not sent again." if is_new else "It was acknowledged before."
    return redirect("message", row.id) if _may_read(me) else redirect("home")


def _page(request: HttpRequest, row: Message, me: Person, *, by_link: bool) -> HttpResponse:
    attempts = Delivery.objects.filter(account_id=HERE, message=row.id).order_by("-at")
    who = references.people({row.acknowledged_by}) if row.acknowledged_by else {}
    by = Person.objects.filter(pk__in=who.values()).values_list("name", flat=True).first()
    shown = {
        "row": row, "name": people.names_of([row])[row.to, row.mailbox], "state": words_of(row), "by": by,
        "attempts": list(attempts[:A_PAGE]), "by_link": by_link,
        "mine": row.acknowledged_at is None and people.may_answer_for(row, me),
        "hours": row.again_after // 3600, "reads": _may_read(me),
    }  # fmt: skip
    return render(request, "obligations/message.html", shown)


def _may_read(me: Person) -> bool:
    return Permission.WALL_READ in me.permissions()


def _person(request: HttpRequest) -> Person:
    if not isinstance(request.user, Person):
        raise Http404
    return request.user
