"""The ways in: passkey, password and code, an invitation, the first administrator; switch, step up, and the way out."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy.access_management import actions, devices, factors, lockout, sessions, totp
from strongroom.policy.access_management.factors import FactorKind
from strongroom.policy.access_management.forms import CodeForm, FirstAdministratorForm, PasswordForm, SignInForm
from strongroom.policy.clauses.permissions import Permission, declared, permission
from strongroom.policy.encryption_and_storage import house
from strongroom.policy.least_privilege.actions import reference_of, wall_now
from strongroom.policy.least_privilege.gate import can
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.least_privilege.roles import Role

WAITING: Final = "waiting-for-code"
SEALED: Final = "sealed-factor"
STATION: Final = "bench"
NEWS: Final = "news"
FOLLOWING: Final = "following"
"""Where somebody was going who had to sign in first: a path of ours."""
LOOPBACK: Final = ("127.0.0.1", "::1")


@permission(Permission.PUBLIC)
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Passkey first; below it password, then a code. Neither page says which part was wrong."""
    form = SignInForm(request.POST or None)
    following = _safe(request, request.POST.get("next") or request.GET.get("next", ""))
    if request.method == "POST" and form.is_valid():
        try:
            person = actions.check_secret(
                email=form.cleaned_data["email"],
                password=Secret(form.cleaned_data["password"]),
                address=_place(request),
            )
        except Refused as refused:
            return _door(request, "sign_in", refused, form=form, next=following)
        _begin_waiting(request, person)
        request.session[FOLLOWING] = following
        return redirect("code" if factors.can_sign_in(person) else "enrol")
    return _door(request, "sign_in", None, form=form, next=following)


@permission(Permission.PUBLIC)
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    person = _waiting(request)
    if person is None:
        return redirect("sign-in")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            kind = actions.check_code(person=person, said=form.cleaned_data["code"], address=_place(request))
        except Refused as refused:
            return _door(request, "code", refused, form=form)
        return _enter(request, person, kind, following=request.session.get(FOLLOWING, ""))
    return _door(
        request, "code", None, form=form, has_code=FactorKind.CODE in factors.held(person),
        next=request.session.get(FOLLOWING, ""),
    )  # fmt: skip


@permission(Permission.PUBLIC)
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """The only page that a person without a factor reaches. The secret lies sealed in the session until it works."""
    person = _waiting(request)
    if person is None or factors.can_sign_in(person):
        return redirect("sign-in")
    form = CodeForm(request.POST or None)
    problem = None
    if not person.has_usable_password():  # a code would open nothing
        return _door(request, "enrol", None, form=form, only_passkey=True)
    if SEALED not in request.session:
        request.session[SEALED] = house.seal("totp", totp.new_secret().bytes())
    secret = house.open("totp", request.session[SEALED])
    if request.method == "POST" and form.is_valid():
        try:
            lockout.count_place(_place(request))
            factors.add_code(person=person, secret=secret, said=form.cleaned_data["code"].replace(" ", ""))
        except Refused as refused:
            problem = refused
        else:
            return _enter(request, person, FactorKind.CODE)
    path, side = totp.qr_path(totp.address(secret, who=person.email, issuer="Strongroom"))
    return _door(
        request, "enrol", problem, form=form, secret=totp.in_groups(secret), qr=path, side=side
    )  # fmt: skip


@permission(Permission.PUBLIC)
@require_POST
def enrol_passkey(request: HttpRequest) -> HttpResponse:
    """A first passkey instead of an authenticator app, for who came by password or invitation."""
    person = _waiting(request)
    if person is None or factors.can_sign_in(person):
        return redirect("sign-in")
    try:
        lockout.count_place(_place(request))
        actions.enrol_passkey(person=person, credential=request.POST.get("credential", ""))
    except Refused as refused:
        return _door(request, "enrol", refused, form=CodeForm())
    return _enter(request, person, FactorKind.PASSKEY)


@permission(Permission.PUBLIC)
@require_POST
def passkey_challenge(request: HttpRequest) -> HttpResponse:
    """What the browser shows to an authenticator. For somebody signed in, to step up, only their own will do."""
    waiting = _waiting(request)
    if request.POST.get("make"):
        person = request.user if isinstance(request.user, Person) else waiting
        if person is None or (not isinstance(request.user, Person) and factors.can_sign_in(person)):
            raise Http404
        return JsonResponse(json.loads(json.dumps(factors.begin_passkey(person))))
    only = request.user if request.POST.get("own") and isinstance(request.user, Person) else None
    return JsonResponse(json.loads(json.dumps(factors.begin_sign_in(only))))


@permission(Permission.PUBLIC)
@require_POST
def passkey(request: HttpRequest) -> HttpResponse:
    """One touch signs in: the passkey is discoverable and its device verified the person."""
    try:
        person = actions.check_passkey(credential=request.POST.get("credential", ""), address=_place(request))
    except Refused as refused:
        return _door(request, "sign_in", refused, form=SignInForm())
    return _enter(request, person, FactorKind.PASSKEY, following=request.POST.get("next", ""))


@permission(Permission.SIGNED_IN)
@require_GET
def switch(request: HttpRequest) -> HttpResponse:
    """The next person at a shared station: one touch, and the one before is signed out."""
    return _door(request, "switch", None, next=_safe(request, request.GET.get("next", "")) or "/")


@permission(Permission.SIGNED_IN)
@require_http_methods(["GET", "POST"])
def step_up(request: HttpRequest) -> HttpResponse:
    """A factor once more, for a dangerous act. What was typed before is typed again: no form is kept."""
    person, following = request.user, _safe(request, request.GET.get("next", "")) or "/"
    if not isinstance(person, Person):
        raise Http404
    form = CodeForm(request.POST if "code" in request.POST else None)
    problem = None
    if request.method == "POST":
        try:
            if "credential" in request.POST:
                actions.check_passkey(credential=request.POST["credential"], address=_place(request), only=person)
                kind = FactorKind.PASSKEY
            elif form.is_valid():
                kind = actions.check_code(person=person, said=form.cleaned_data["code"], address=_place(request))
            else:
                return _door(request, "step_up", None, form=form, next=following)
        except Refused as refused:
            problem = refused
        else:
            sessions.stepped_up(request, person, kind)
            return HttpResponseRedirect(following)
    return _door(request, "step_up", problem, form=form, next=following)


@permission(Permission.PUBLIC)
@require_http_methods(["GET", "POST"])
def first(request: HttpRequest, token: str) -> HttpResponse:
    """The first administrator: from this machine only, once."""
    if request.META.get("REMOTE_ADDR") not in LOOPBACK or not actions.first_link_works(token=token):
        raise Http404
    form = FirstAdministratorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        person = actions.create_first_administrator(
            token=token,
            name=data["name"],
            email=data["email"],
            password=Secret(data["password"]),
            roles=[Role(role) for role in data["roles"]],
        )
        _begin_waiting(request, person)
        return redirect("enrol")
    return render(request, "access_management/first.html", {"form": form}, status=422 if form.errors else 200)


@permission(Permission.PUBLIC)
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """A new person sets a password, then a factor; or goes on to a passkey alone. The link works once."""
    person = actions.invited(token)
    if person is None:
        raise Http404
    if request.method == "POST" and "passkey-alone" in request.POST:
        lockout.count_place(_place(request))
        _begin_waiting(request, actions.accept_without_password(token))
        return redirect("enrol")
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            lockout.count_place(_place(request))
            person = actions.accept_invitation(token=token, password=Secret(form.cleaned_data["password"]))
        except Refused as refused:
            return _door(request, "invitation", refused, form=form, name=person.name)
        _begin_waiting(request, person)
        return redirect("enrol")
    return _door(request, "invitation", None, form=form, name=person.name)


@permission(Permission.SIGNED_IN)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, Person):
        sessions.end_all(person=request.user, by=reference_of(request.user))
        actions.signed_out(person=request.user)
    logout(request)
    response = redirect("sign-in")
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _waiting(request: HttpRequest) -> Person | None:
    """Who has given a right password, or used an invitation, in this session a short while ago, and no factor yet."""
    pk, since = request.session.get(WAITING, (0, 0.0))
    is_fresh = wall_now() - datetime.fromtimestamp(since, UTC) < sessions.WAITS
    return Person.objects.filter(pk=pk, is_active=True).first() if is_fresh else None


def _begin_waiting(request: HttpRequest, person: Person) -> None:
    """From here a factor leads on, for a quarter of an hour; whoever was signed in at this browser is out."""
    sessions.put_aside(request)
    request.session[WAITING] = [person.pk, wall_now().timestamp()]


def _enter(request: HttpRequest, person: Person, kind: FactorKind, following: str = "") -> HttpResponse:
    """A session; what belongs to the station, and to nobody, stays at the station."""
    station = request.session.get(STATION) or {}
    kept = {name: station[name] for name in ("printer", "carrier", "wave") if name in station}
    place, device = lockout.place_hash(_place(request)), devices.of_browser(request)
    ended = sessions.begin(request, person, kind, place, device)
    if kept:
        request.session[STATION] = kept
    if ended:
        request.session[NEWS] = "Your earlier session was ended: one person, one session."
    if actions.must_change_password(person):
        return redirect("password")
    if device is None and devices.is_asked(request, person) and devices.recorded():
        return HttpResponseRedirect(
            f"{reverse('this-device')}?{urlencode({'next': where_to(request, person, following)})}"
        )
    return HttpResponseRedirect(where_to(request, person, following))


def _door(request: HttpRequest, template: str, problem: Refused | None, **shown: Any) -> HttpResponse:
    status = 200 if problem is None else 429 if isinstance(problem, lockout.TooMany) else 401
    shown |= {"problem": problem.sentence if problem else None, "most_failures": lockout.most_failures()}
    return render(request, f"access_management/{template}.html", shown, status=status)


def _safe(request: HttpRequest, address: str) -> str:
    """A path of ours, or nothing."""
    return address if _permission_of(request, address) is not None else ""


def where_to(request: HttpRequest, person: Person, address: str) -> str:
    """There, where this person may go; else the first page: the next person is not refused what the last looked at."""
    needed = _permission_of(request, address)
    return address if needed is Permission.SIGNED_IN or (needed is not None and can(person, needed)) else "/"


def _permission_of(request: HttpRequest, address: str) -> Permission | None:
    """What a path of ours needs; nothing for any other address."""
    if not address.startswith("/") or not url_has_allowed_host_and_scheme(
        address, {request.get_host()}, require_https=True
    ):
        return None
    try:
        return declared(resolve(urlsplit(address).path).func)
    except (Resolver404, ValueError):
        return None


def _place(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
