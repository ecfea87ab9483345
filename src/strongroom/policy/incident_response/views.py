"""Cases: what each high alarm became, who looks into it, until when; and the button that declares one (DF-4)."""

import uuid
from datetime import datetime
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.incident_response import actions
from strongroom.policy.incident_response.forms import DecideForm
from strongroom.policy.incident_response.models import Case
from strongroom.policy.least_privilege.gate import can
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import references
from strongroom.policy.logging_and_monitoring.models import Alarm
from strongroom.policy.obligations.models import Obligation

HERE: Final = definitions.INSTALLATION
SHOWN: Final = 100
WORDS: Final = {
    "carry": "Orders still to ship were not carried in time",
    "absent data": "Amazon sends no address",
    "lockout": "An account locked itself after wrong answers",
    "openings": "More was opened than usual",
    "promise broken": "A promise of the policy does not hold",
    "watch lost": "A watch fell silent",
    "forged verdict": "A verdict did not come from the inspector",
    "deadline missed": "A deadline passed undone",
    "probe failed": "A probe did not find what it must find",
    actions.DECLARED: "Somebody declared an incident",
}


@permission(Permission.CASES_READ)
@require_safe
def cases(request: HttpRequest) -> HttpResponse:
    """Those without an answer first, the most urgent on top."""
    due = _clocks()
    open_ = sorted(
        Case.objects.filter(account_id=HERE, decision="open"), key=lambda case: due.get(case.id, case.opened_at)
    )
    decided = Case.objects.filter(account_id=HERE).exclude(decision="open").order_by("-decided_at")[:SHOWN]
    names, now = _names(), definitions.now()
    shown = {
        "open": [(case, _words(case), names.get(case.owner, ""), due.get(case.id)) for case in open_],
        "late": [case for case in open_ if case.id in due and due[case.id] <= now],
        "unowned": [case for case in open_ if not case.owner],
        "decided": [(case, _words(case), names.get(case.owner, "")) for case in decided], "now": now,
    }  # fmt: skip
    return render(request, "incident_response/cases.html", shown)


@permission(Permission.CASES_READ)
@require_safe
def case(request: HttpRequest, number: int) -> HttpResponse:
    return _case(request, _find(number), DecideForm())


@permission(Permission.CASES_DECIDE)
@require_POST
def take(request: HttpRequest, number: int) -> HttpResponse:
    actions.take(number=_find(number).number, by=_me(request))
    return redirect("case", number)


@permission(Permission.CASES_DECIDE)
@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    found, form = _find(number), DecideForm(request.POST)
    if not form.is_valid():
        return _case(request, found, form, status=422)
    actions.decide(number=found.number, **form.cleaned_data, by=_me(request))
    return redirect("case", number)


@permission(Permission.SIGNED_IN)
@require_POST
def declare(request: HttpRequest) -> HttpResponse:
    """Whoever suspects something declares it with one button; nothing is asked that would delay it."""
    me = _me(request)
    number = actions.declare(by=me)
    request.session["news"] = f"Case {number} is open, and its clock runs. Security looks into it."
    return redirect("case", number) if can(me, Permission.CASES_READ) else redirect("home")


def _case(request: HttpRequest, found: Case, form: DecideForm, status: int = 200) -> HttpResponse:
    alarm = Alarm.objects.filter(account_id=found.alarm_account, id=found.alarm).first()
    person = found.decided_by and references.people({found.decided_by}).get(found.decided_by, 0)
    names = _names()
    shown: dict[str, Any] = {
        "case": found, "words": _words(found), "alarm": alarm, "form": form, "owner": names.get(found.owner, ""),
        "decided_by": names.get(person or 0, "somebody"), "due": _clocks().get(found.id), "now": definitions.now(),
        "about": _about(found, alarm), "may_decide": can(_me(request), Permission.CASES_DECIDE),
        "is_mine": found.owner == _me(request).pk,
    }  # fmt: skip
    return render(request, "incident_response/case.html", shown, status=status)


def _about(found: Case, alarm: Alarm | None) -> Person | None:
    """Whom a lock is about; their page has the rest."""
    if found.alarm_kind != "lockout" or alarm is None:
        return None
    return Person.objects.filter(pk=alarm.subject.int).first()


def _clocks() -> dict[uuid.UUID, datetime]:
    """When each open case must be answered."""
    kinds = actions.CLOCKS
    rows = Obligation.objects.open().filter(account_id=HERE, kind__in=kinds)
    return dict(rows.values_list("subject", "due_at"))


def _words(found: Case) -> str:
    return WORDS.get(found.alarm_kind, found.alarm_kind.capitalize())


def _names() -> dict[int, str]:
    return dict(Person.objects.values_list("pk", "name"))


def _find(number: int) -> Case:
    found = Case.objects.filter(account_id=HERE, number=number).first()
    if found is None:
        raise Http404
    return found


def _me(request: HttpRequest) -> Person:
    if not isinstance(request.user, Person):
        raise Http404
    return request.user
