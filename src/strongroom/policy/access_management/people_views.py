"""People, their roles, sessions and factors; and one's own page. No page here shows a secret but once."""

import uuid
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy.access_management import actions, command_tokens, factors, leavers, lockout, sessions
from strongroom.policy.access_management.factors import TYPES, FactorKind
from strongroom.policy.access_management.forms import (
    ChangeForm,
    EndForm,
    GrantForm,
    InviteForm,
    LeaveForm,
    PasskeyForm,
    UnlockForm,
)
from strongroom.policy.access_management.models import SignedIn
from strongroom.policy.access_management.step_up import needs_recent_factor
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.least_privilege.actions import (
    approve_grant,
    approvers,
    end_grant,
    propose_grant,
    reference_of,
    suspend_grants,
)
from strongroom.policy.least_privilege.gate import can
from strongroom.policy.least_privilege.models import EndReason, Grant, Person, Reason
from strongroom.policy.least_privilege.roles import Role


@permission(Permission.PEOPLE_READ)
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    return _people(request, InviteForm())


@permission(Permission.PEOPLE_MANAGE)
@needs_recent_factor
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _people(request, form, status=422)
    try:
        person, token = actions.invite(
            name=form.cleaned_data["name"], email=form.cleaned_data["email"], by=_me(request)
        )
    except IntegrityError:
        form.add_error("email", "Somebody has this address already.")
        return _people(request, form, status=422)
    link = request.build_absolute_uri(f"/invitation/{token}")
    return _person(request, person, link=link)


@permission(Permission.PEOPLE_READ)
@require_GET
def person(request: HttpRequest, pk: int) -> HttpResponse:
    return _person(request, _find(pk))


@permission(Permission.PEOPLE_MANAGE)
@needs_recent_factor
@require_POST
def grant(request: HttpRequest, pk: int) -> HttpResponse:
    """Propose a role; in force once somebody else approved it."""
    found, form = _find(pk), GrantForm(request.POST)
    if not form.is_valid():
        return _person(request, found, form=form, status=422)
    propose_grant(
        person=found, role=Role(form.cleaned_data["role"]), reason=form.cleaned_data["reason"], by=_me(request)
    )  # fmt: skip
    return redirect("person", pk=pk)


@permission(Permission.PEOPLE_APPROVE)
@needs_recent_factor
@require_POST
def approve(request: HttpRequest, grant: int) -> HttpResponse:
    found = _grant(grant)
    approve_grant(grant=found, by=_me(request))
    return redirect("person", pk=found.person_id)


@permission(Permission.PEOPLE_MANAGE)
@needs_recent_factor
@require_POST
def end(request: HttpRequest, grant: int) -> HttpResponse:
    found, form = _grant(grant), EndForm(request.POST)
    if not form.is_valid():
        return _person(request, found.person, end_form=form, status=422)
    end_grant(grant=found, reason=form.cleaned_data["reason"], by=reference_of(_me(request)))
    return redirect("person", pk=found.person_id)


@permission(Permission.PEOPLE_MANAGE)
@needs_recent_factor
@require_POST
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Unlock, end all sessions, suspend, a new link, leave now or then: each on one person, each journalled."""
    found, me = _find(pk), _me(request)
    by = reference_of(me)
    match verb:
        case "unlock":
            form = UnlockForm(request.POST)
            if not form.is_valid():
                return _person(request, found, unlock_form=form, status=422)
            lockout.unlock(
                person=found, restore=form.cleaned_data["restore"], reason=form.cleaned_data["reason"], by=me
            )
        case "sign-out":
            sessions.end_all(person=found, by=by)
        case "suspend":
            if found.pk == me.pk:
                raise Refused("AM-4", "Nobody suspends their own roles.")
            suspend_grants(person=found, by=by)
            sessions.end_all(person=found, by=by)
        case "link":
            token = actions.invite_again(person=found, by=me)
            return _person(request, found, link=request.build_absolute_uri(f"/invitation/{token}"))
        case "leave":
            leavers.leave(person=found, by=by)
        case "leave-on":
            leave_form = LeaveForm(request.POST)
            if not leave_form.is_valid():
                return _person(request, found, leave_form=leave_form, status=422)
            leavers.announce(person=found, at=leave_form.cleaned_data["at"], by=me)
        case _:
            raise Http404
    return redirect("person", pk=pk)


@permission(Permission.SIGNED_IN)
@require_POST
def end_session(request: HttpRequest, session: uuid.UUID) -> HttpResponse:
    """One's own session, or anybody's for who manages people."""
    me, found = _me(request), SignedIn.objects.filter(pk=session).first()
    if found is None or (found.person_id != me.pk and not can(me, Permission.PEOPLE_MANAGE)):
        raise Http404
    sessions.end(session=found, by=reference_of(me))
    return redirect("me") if found.person_id == me.pk else redirect("person", pk=found.person_id)


@permission(Permission.SIGNED_IN)
@require_GET
def me(request: HttpRequest) -> HttpResponse:
    return _own(request)


@permission(Permission.SIGNED_IN)
@needs_recent_factor
@require_POST
def add_passkey(request: HttpRequest) -> HttpResponse:
    form = PasskeyForm(request.POST)
    if not form.is_valid():
        return _own(request, problem=factors.NOT_RIGHT, status=422)
    factors.add_passkey(
        person=_me(request), name=form.cleaned_data["name"], credential=form.cleaned_data["credential"]
    )  # fmt: skip
    return redirect("me")


@permission(Permission.SIGNED_IN)
@needs_recent_factor
@require_POST
def remove_factor(request: HttpRequest, factor: int) -> HttpResponse:
    person = _me(request)
    found = Authenticator.objects.filter(pk=factor, user=person).first()
    if found is None:
        raise Http404
    factors.remove(factor=found, by=person)
    return redirect("me")


@permission(Permission.SIGNED_IN)
@needs_recent_factor
@require_POST
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New ones, shown on this one page; the old ones are void."""
    return _own(request, codes=factors.new_recovery_codes(person=_me(request)))


@permission(Permission.SIGNED_IN)
@needs_recent_factor
@require_POST
def command_token(request: HttpRequest) -> HttpResponse:
    """For ten minutes, this person acts at a terminal."""
    return _own(request, token=command_tokens.make(_me(request)))


@permission(Permission.SIGNED_IN)
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    person, problem = _me(request), None
    form = ChangeForm(request.POST or None, has_one=person.has_usable_password())
    if not sessions.is_recent(request):
        return redirect("/step-up?next=/me/password")
    if request.method == "POST" and form.is_valid():
        data, address = form.cleaned_data, str(request.META.get("REMOTE_ADDR", ""))
        try:
            actions.check_present_password(person=person, said=Secret(data.get("present", "")), address=address)
            actions.change_password(person=person, password=Secret(data["password"]))
        except Refused as refused:
            problem = refused.sentence
        else:
            sessions.end_all(person=person, by=reference_of(person), but=sessions.current(request))
            from django.contrib.auth import update_session_auth_hash  # noqa: PLC0415 - only this page needs it

            update_session_auth_hash(request, person)
            return redirect("me")
    shown = {"form": form, "problem": problem, "too_old": actions.must_change_password(person)}
    return render(request, "access_management/password.html", shown, status=422 if problem or form.errors else 200)


def _people(request: HttpRequest, form: InviteForm, status: int = 200) -> HttpResponse:
    grants: dict[int, list[Grant]] = {}
    for found in Grant.objects.filter(ended_at__isnull=True).order_by("role"):
        grants.setdefault(found.person_id, []).append(found)
    kinds: dict[int, set[FactorKind]] = {}
    for user, kind in Authenticator.objects.values_list("user_id", "type"):
        kinds.setdefault(user, set()).add(TYPES[kind])
    everybody = list(Person.objects.order_by("-is_active", "name"))
    shown = {
        "rows": [(p, grants.get(p.pk, []), sorted(kinds.get(p.pk, set()))) for p in everybody],
        "form": form,
        "waiting": Grant.objects.proposed().select_related("person", "granted_by"),
        "self_approved": [g for p in everybody for g in grants.get(p.pk, []) if g.is_self_approved],
        "locked": [p for p in everybody if p.locked_at is not None],
        "approvers": len(approvers()),
        "may_manage": can(_me(request), Permission.PEOPLE_MANAGE),
        "may_approve": can(_me(request), Permission.PEOPLE_APPROVE),
    }
    return render(request, "access_management/people.html", shown, status=status)


def _person(
    request: HttpRequest, found: Person, *, form: GrantForm | None = None, end_form: EndForm | None = None,
    unlock_form: UnlockForm | None = None, leave_form: LeaveForm | None = None, link: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    me = _me(request)
    shown: dict[str, Any] = {
        "found": found,
        "grants": [(g, Reason(g.reason).words) for g in Grant.objects.filter(person=found, ended_at__isnull=True)],
        "ended": [
            (g, Reason(g.reason).words, EndReason(g.end_reason).words if g.end_reason else "")
            for g in Grant.objects.filter(person=found, ended_at__isnull=False)
        ],
        "sessions": [(s, _came_by(s)) for s in sessions.of(found)],
        "factors": [(f, TYPES[f.type].words) for f in factors.list_of(found)],
        "form": form or GrantForm(),
        "end_form": end_form or EndForm(),
        "unlock_form": unlock_form or UnlockForm(),
        "leave_form": leave_form or LeaveForm(),
        "link": link,
        "may_manage": can(me, Permission.PEOPLE_MANAGE),
        "may_approve": can(me, Permission.PEOPLE_APPROVE),
        "is_me": me.pk == found.pk,
    }
    return render(request, "access_management/person.html", shown, status=status)


def _own(
    request: HttpRequest, *, problem: str = "", codes: list[str] | None = None, token: str = "", status: int = 200
) -> HttpResponse:
    person = _me(request)
    shown = {
        "found": person,
        "factors": [(f, TYPES[f.type].words, str(f) if f.type == "webauthn" else "") for f in factors.list_of(person)],
        "sessions": [(s, _came_by(s), s.pk == sessions.current(request)) for s in sessions.of(person)],
        "grants": [(g, Reason(g.reason).words) for g in Grant.objects.filter(person=person, ended_at__isnull=True)],
        "problem": problem,
        "codes": codes or [],
        "token": token,
        "recent": sessions.is_recent(request),
    }
    return render(request, "access_management/me.html", shown, status=status)


def _came_by(session: SignedIn) -> str:
    """The factor that a session began with; the probe's began with none."""
    return FactorKind(session.factor).words if session.factor else "no factor"


def _find(pk: int) -> Person:
    found = Person.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _grant(pk: int) -> Grant:
    found = Grant.objects.filter(pk=pk, ended_at__isnull=True).first()
    if found is None:
        raise Http404
    return found


def _me(request: HttpRequest) -> Person:
    if not isinstance(request.user, Person):
        raise Http404
    return request.user
