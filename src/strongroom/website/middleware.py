"""What every request passes: headers, refusals made pages, sessions with an end, and the gate (NP-2, AM-7)."""

import secrets
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.access_management import sessions
from strongroom.policy.access_management.actions import must_change_password
from strongroom.policy.clauses.permissions import NUMBERS, Permission, declared
from strongroom.policy.definitions import TimeUnknown
from strongroom.policy.encryption_and_storage.connection import Forgotten, Locked, TimeInDoubt, Unavailable
from strongroom.policy.least_privilege.actions import reference_of, wall_now
from strongroom.policy.least_privilege.gate import can
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.website.wall.machine import is_machine

Respond = Callable[[HttpRequest], HttpResponseBase]

POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FIXED: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), clipboard-read=()",
    "Referrer-Policy": "same-origin",  # none to others; forms of ours must show where they come from
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


INSTEAD: Final = {
    "AM-1": "Ask a colleague in customer support: they open it for a purpose, and tell you what your task needs.",
    "AM-3": "Open the order's page and choose a purpose; each opening is for one order and one reason.",
    "AM-8": "Wait until your earlier openings are a day old, or pass the case to a colleague with the same role.",
    "ES-4": "Look at the label that was printed first; decide on it at the pack station or under Labels to decide.",
    "ES-5": "Put the goods aside and tell your manager; a label is printed as soon as the reason is gone.",
    "RR-2": "Ask the buyer: what was forgotten is gone from every copy, and Amazon may still know it.",
}
"""What helps whoever was refused, by the promise behind it."""


WITH_OLD_PASSWORD: Final = frozenset({"password", "step-up", "sign-out"})
"""All that somebody whose password is older than its term reaches (AZ-2)."""


def encrypted_only() -> str:
    """What browsers are told: encrypted for a year, here, and below here where the company says so (ET-1)."""
    below = "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    return f"max-age={settings.SECURE_HSTS_SECONDS}{below}"


CLOSE: Final = {"Connection": "close"}


class Headers:
    """Nothing is cached, framed, sniffed or told to others; every page has its own nonce."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._fixed = {**FIXED, "Strict-Transport-Security": encrypted_only()}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]
        response = self._respond(request)
        for name, value in self._fixed.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", POLICY.format(nonce=nonce))  # documents allow less
        if not request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store, max-age=0"
        return response


class Refusals:
    """The one place that turns a refusal into a page, and journals it in a transaction of its own (LM-1)."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.get_host()  # Django looks at it only where somebody asks; a name that is not ours ends here, as 400
        if "transfer-encoding" in request.headers:
            # RFC 9112, 6.3: no browser of ours sends a request without its length. Django would read an empty form, and
            # granian hands on a body whose chunks broke off as if it were whole.
            return HttpResponse("Say how long it is.\n", content_type="text/plain", status=411, headers=CLOSE)
        return self._respond(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        match problem:
            case Refused():
                return refused(request, problem)
            case Forgotten():
                return _page(request, 410, "forgotten.html", clause="RR-2", sentence=str(problem))
            case Locked() | TimeInDoubt() | Unavailable() | TimeUnknown():
                return _page(request, 503, "unavailable.html", clause="ES-3", sentence=_why(problem))
        return None


class Sessions:
    """Signed-in sessions end: idle, at their roles' limit, from elsewhere, and when the person is no longer active."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if isinstance(request.user, Person) and not sessions.is_living(request, request.user):
            logout(request)
        return self._respond(request)


class Gate:
    """Deny by default: a view without a declared permission is never reached, whoever asks (NP-2)."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._respond(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        needed = declared(view)
        if needed is Permission.PUBLIC:
            return None
        if needed is Permission.MACHINE:
            return _machine(request)
        if not isinstance(request.user, Person):
            return _to_sign_in(request)
        if must_change_password(request.user) and _route(request) not in WITH_OLD_PASSWORD:
            return redirect("password")
        if needed is Permission.SIGNED_IN or (needed is not None and can(request.user, needed)):
            return None
        clause = "AM-1" if needed is Permission.ORDERS_REVEAL else "LP-1"
        said = Refused(clause, "Your role does not include this; nothing was done. Ask whoever grants roles.")
        return refused(request, said, needed)


def _machine(request: HttpRequest) -> HttpResponseBase | None:
    """What machines read: with the monitoring token, or by whoever may see the wall."""
    if is_machine(request):
        return None
    if not isinstance(request.user, Person):
        if "authorization" in request.headers:
            return HttpResponse("The token is not right.\n", content_type="text/plain", status=401)
        return redirect("sign-in")
    if can(request.user, Permission.WALL_READ):
        return None
    return refused(request, Refused("LP-1", "Your role does not include this; nothing was done."), Permission.WALL_READ)


def refused(request: HttpRequest, problem: Refused, needed: Permission | None = None) -> HttpResponse:
    """Journal the refusal, then say it. What the request did is rolled back by now."""
    person = request.user if isinstance(request.user, Person) else None
    by = reference_of(person) if person is not None else Actor.WEBSITE.reference
    account = definitions.PROBES if person is not None and person.is_synthetic else definitions.INSTALLATION
    facts = {Fact.PERMISSION: NUMBERS[needed]} if needed in NUMBERS else {}
    entry = journal.record_committed(Kind.ACCESS_REFUSED, by=by, outcome=Outcome.REFUSED, account=account, facts=facts)
    return _page(request, 403, "refused.html", clause=problem.clause, sentence=problem.sentence, entry=entry.id)


def _page(
    request: HttpRequest, status: int, template: str, *, clause: str, sentence: str, entry: uuid.UUID | None = None
) -> HttpResponse:
    if "application/json" in request.headers.get("accept", "") and "text/html" not in request.headers.get("accept", ""):
        body = {"type": "about:blank", "status": status, "title": sentence, "clause": clause}
        return JsonResponse(
            body | ({"reference": str(entry)} if entry else {}), status=status, content_type="application/problem+json"
        )
    shown = {
        "clause": clause, "sentence": sentence, "entry": entry, "at": _wall(), "instead": INSTEAD.get(clause, ""),
    }  # fmt: skip
    return render(request, template, shown, status=status)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """The way in, and back to where somebody was going, as from a mail's link."""
    to = reverse("sign-in")
    return redirect(
        f"{to}?{urlencode({'next': request.path})}" if request.method == "GET" and request.path != "/" else to
    )


def _route(request: HttpRequest) -> str:
    return (request.resolver_match.url_name or "") if request.resolver_match else ""


def _why(problem: Exception) -> str:
    sentences: dict[type[Exception], str] = {
        Locked: "The key broker is locked. Whoever holds the passphrase unlocks it with `strongroom keys unlock`.",
        TimeInDoubt: "The machine's clock jumped. Nothing opens until Amazon or a person confirms the time.",
    }
    return sentences.get(type(problem), "The key broker does not answer. Nothing was opened; try again in a moment.")


def _wall() -> datetime:
    return wall_now()
