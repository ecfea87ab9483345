"""Sign-in pages: password, code, first enrolment, the first administrator, and the way out."""

from django.contrib.auth import login, logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy.access_management import actions, totp
from strongroom.policy.access_management.forms import CodeForm, FirstAdministratorForm, SignInForm
from strongroom.policy.access_management.models import Factor
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage import house
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.least_privilege.roles import Role

WAITING = "waiting-for-code"
SEALED = "sealed-factor"
LOOPBACK = ("127.0.0.1", "::1")


@permission(Permission.PUBLIC)
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    form = SignInForm(request.POST or None)
    problem = None
    if request.method == "POST" and form.is_valid():
        try:
            person = actions.check_secret(
                email=form.cleaned_data["email"], password=Secret(form.cleaned_data["password"])
            )
        except Refused as refused:
            problem = refused.sentence
        else:
            request.session.flush()
            request.session[WAITING] = person.pk
            enrolled = Factor.objects.filter(person=person).exists()
            return redirect("code" if enrolled else "enrol")
    return render(
        request, "access_management/sign_in.html", {"form": form, "problem": problem}, status=401 if problem else 200
    )


@permission(Permission.PUBLIC)
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    person = _waiting(request)
    if person is None:
        return redirect("sign-in")
    form = CodeForm(request.POST or None)
    problem = None
    if request.method == "POST" and form.is_valid():
        try:
            actions.check_code(person=person, code=form.cleaned_data["code"])
        except Refused as refused:
            problem = refused.sentence
        else:
            return _enter(request, person)
    return render(
        request, "access_management/code.html", {"form": form, "problem": problem}, status=401 if problem else 200
    )


@permission(Permission.PUBLIC)
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """The factor's secret lies sealed in the session until its first code was right."""
    person = _waiting(request)
    if person is None or Factor.objects.filter(person=person).exists():
        return redirect("sign-in")
    if SEALED not in request.session:
        request.session[SEALED] = house.seal("totp", totp.new_secret().bytes())
    form = CodeForm(request.POST or None)
    problem = None
    if request.method == "POST" and form.is_valid():
        try:
            actions.enrol(person=person, sealed=request.session[SEALED], code=form.cleaned_data["code"])
        except Refused as refused:
            problem = refused.sentence
        else:
            return _enter(request, person)
    secret = house.open("totp", request.session[SEALED])
    path, side = totp.qr_path(totp.address(secret, who=person.email, issuer="Strongroom"))
    shown = {"form": form, "problem": problem, "secret": totp.in_groups(secret), "qr": path, "side": side}
    return render(request, "access_management/enrol.html", shown, status=401 if problem else 200)


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
        request.session.flush()
        request.session[WAITING] = person.pk
        return redirect("enrol")
    return render(request, "access_management/first.html", {"form": form}, status=422 if form.errors else 200)


@permission(Permission.SIGNED_IN)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, Person):
        actions.signed_out(person=request.user)
    logout(request)
    response = redirect("sign-in")
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _waiting(request: HttpRequest) -> Person | None:
    """Who has given a right password in this session and no code yet."""
    return Person.objects.filter(pk=request.session.get(WAITING, 0), is_active=True).first()


def _enter(request: HttpRequest, person: Person) -> HttpResponse:
    request.session.flush()
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("home")
