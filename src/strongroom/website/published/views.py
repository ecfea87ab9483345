"""The public pages as they lie on disk, and the desk of whoever publishes them and answers Amazon (DG-4)."""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from strongroom.formats.leaf import Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.access_management.step_up import needs_recent_factor
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.data_governance import actions, document, publication
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring.models import Entry, Leaf
from strongroom.policy.obligations import versions
from strongroom.website.published import company
from strongroom.website.published.replies import replies

DOCUMENT: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a public page may do: show itself, with our style sheet. It needs no script and takes nothing in."""
TYPES: Final = {
    "html": "text/html; charset=utf-8", "pdf": "application/pdf", "json": "application/json",
    "sums": "text/plain; charset=us-ascii",
}  # fmt: skip


@permission(Permission.PUBLIC)
@require_safe
def public(request: HttpRequest, name: str) -> HttpResponse:
    """A file of the edition in service, byte for byte."""
    content = publication.served(company.data(), name)
    if content is None:
        return render(request, "published/none.html", status=404)
    return _as_document(content, name)


@permission(Permission.POLICY_ANSWER)
@require_safe
def office(request: HttpRequest) -> HttpResponse:
    """What is published, what runs, and what publishing now would change."""
    terms, data, here = versions.InForce()(), company.data(), company.here()
    served = publication.facts(data)
    changes = document.changes(served, terms) if served is not None else ()
    entry = (
        Entry.objects.filter(account_id=definitions.INSTALLATION, kind=Kind.POLICY_PUBLISHED).order_by("-at").first()
    )
    older = served is not None and (served["version"] != terms.number or bool(changes))
    shown = {
        "served": served, "changes": changes, "terms": terms, "older": older, "publisher": here,
        "laws": document.applying(terms, here.countries), "countries": here.countries, "entry": entry,
        "leaf": _leaf(entry), "missing": _missing(here), "edition": max(publication.editions(data), default=0) + 1,
    }  # fmt: skip
    return render(request, "published/office.html", shown)


@permission(Permission.POLICY_ANSWER)
@require_safe
def preview(_request: HttpRequest, page: str) -> HttpResponse:
    """A page as it would be published now; nothing is written."""
    name = f"{page}.html"
    if name not in publication.FILES:
        raise Http404
    _, files = actions.render(publisher=company.here(), data=company.data(), terms=versions.InForce()())
    return _as_document(files[name], name)


@permission(Permission.POLICY_OWN)
@needs_recent_factor
@require_POST
def publish(request: HttpRequest) -> HttpResponse:
    """From now on the public reads what runs. Refused where the version is another than was looked at."""
    terms = versions.InForce()()
    if request.POST.get("version") != str(terms.number):
        raise Refused("DG-4", "Another version came into force since you looked. Look at it, then publish.")
    made = actions.publish(publisher=company.here(), data=company.data(), by=_me(request))
    request.session["news"] = f"Version {made.version} is public as edition {made.number}."
    return redirect("policy-office")


@permission(Permission.POLICY_ANSWER)
@require_safe
def answers(request: HttpRequest) -> HttpResponse:
    """What Amazon asks developers, answered from what is true now."""
    return render(request, "published/answers.html", replies())


def _as_document(content: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=TYPES[name.rpartition(".")[2]])
    answer["Content-Security-Policy"] = DOCUMENT
    return answer


def _leaf(entry: Entry | None) -> int | None:
    if entry is None:
        return None
    rows = Leaf.objects.filter(account_id=definitions.INSTALLATION, entry=entry.id)
    return rows.values_list("index", flat=True).first()


def _missing(here: Any) -> list[str]:
    """What the configuration must say before anything can be published."""
    lacks = [("name", here.name not in ("", actions.NOBODY)), ("contacts", bool(here.contacts))]
    return [name for name, said in lacks if not said]


def _me(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)  # noqa: S101 - the gate let only a person in
    return request.user
