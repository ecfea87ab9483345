"""The wall, a clause, the office screen; duties, approvals and registers: what people do so that promises stay true."""

import uuid
from typing import Any, Final

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.access_management.step_up import needs_recent_factor
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage import registers
from strongroom.policy.encryption_and_storage.models import Equipment, Place, Printer, Threat
from strongroom.policy.least_privilege import approvals
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.models import Approval, Person
from strongroom.policy.logging_and_monitoring.models import Installation
from strongroom.policy.obligations import duties as duty_verbs
from strongroom.policy.obligations import owners, runs, wall
from strongroom.policy.obligations.models import ClauseException
from strongroom.policy.obligations.rules import NEEDS_A_PERSON, State, Tile
from strongroom.policy.obligations.wall import Wall
from strongroom.website.wall import board, clause, effects
from strongroom.website.wall.forms import DutyForm, EquipmentForm, ExceptionForm, OwnerForm, PlaceForm, ThreatForm
from strongroom.website.wall.tiles import faces
from strongroom.website.wiring import controls

EVENTS: Final = ("major change", "release", "exposure", "organisational change", "new vendor")
"""What a person says has happened, for duties that start on it."""


@permission(Permission.WALL_READ)
@require_safe
def the_wall(request: HttpRequest) -> HttpResponse:
    """Every promise, worst first; by state or section where asked."""
    read = wall.read(controls())
    state, section = request.GET.get("state", ""), request.GET.get("section", "")
    tiles = [tile for tile in read.tiles if _is_asked_for(tile, state, section)]
    return render(request, "wall/wall.html", _shown(read, tiles) | {"state": state, "section": section})


@permission(Permission.WALL_READ)
@require_safe
def screen(request: HttpRequest) -> HttpResponse:
    """The same for an office: one dark page that is read from four metres and looks again each minute."""
    read = wall.read(controls())
    still = request.GET.get("still") == "1"
    return render(request, "wall/screen.html", _shown(read, list(read.tiles)) | {"still": still})


@permission(Permission.WALL_READ)
@require_safe
def one(request: HttpRequest, id_: str) -> HttpResponse:
    return _clause(request, id_, OwnerForm(), ExceptionForm())


@permission(Permission.CHECKS_RUN)
@require_POST
def check(request: HttpRequest, id_: str) -> HttpResponse:
    """The worker runs this clause's checks now; the page shows them when they have ended."""
    known = [each.id for each in controls().checks_of(_known(id_))]
    runs.want(known, definitions.now())
    request.session["news"] = f"{len(known)} checks of {id_} run now. Reload in a moment." if known else ""
    return redirect("clause", id_)


@permission(Permission.POLICY_OWN)
@require_POST
def own(request: HttpRequest, id_: str) -> HttpResponse:
    form = OwnerForm(request.POST)
    if not form.is_valid():
        return _clause(request, id_, form, ExceptionForm(), status=422)
    data = form.cleaned_data
    owners.hand_over(clause=_known(id_), to=data["owner"], delegate=data["delegate"], by=_me(request))
    return redirect("clause", id_)


@permission(Permission.APPROVALS_PROPOSE)
@needs_recent_factor
@require_POST
def except_(request: HttpRequest, id_: str) -> HttpResponse:
    form = ExceptionForm(request.POST)
    if not form.is_valid():
        return _clause(request, id_, OwnerForm(), form, status=422)
    data = form.cleaned_data
    made = owners.propose_exception(clause=_known(id_), reason=data["reason"], until=data["until"], by=_me(request))
    return redirect("approval", made.pk)


@permission(Permission.POLICY_OWN)
@require_POST
def keep_again(request: HttpRequest, id_: str) -> HttpResponse:
    owners.end_exception(clause=_known(id_), by=_me(request))
    return redirect("clause", id_)


@permission(Permission.WALL_READ)
@require_safe
def duties(request: HttpRequest) -> HttpResponse:
    """What must happen next, by person and role."""
    answering, now = owners.answering(), definitions.now()
    lines = board.duty_lines(_me(request), answering)
    shown = {
        "mine": [line for line in lines if line.mine],
        "others": [line for line in lines if not line.mine],
        "board": board.lines(wall.all_open(now), answering, 12),
        "now": now,
        "events": EVENTS,
        "may_do": "duties_do" in _may(request),
        "may_own": "policy_own" in _may(request),
        "late": [line for line in lines if line.obligation and line.obligation.due_at <= now],
    }
    return render(request, "wall/duties.html", shown)


@permission(Permission.DUTIES_DO)
@require_http_methods(["GET", "POST"])
def duty(request: HttpRequest, name: str) -> HttpResponse:
    """Record that a duty was done."""
    try:
        line = next(line for line in board.duty_lines(_me(request), owners.answering()) if line.duty.name == name)
    except StopIteration:
        raise Http404 from None
    form = DutyForm(request.POST) if request.method == "POST" else DutyForm()
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        duty_verbs.do(
            name=name, words=data["words"], on=data["on"], by=_me(request), document_sha256=data["document"],
            kept_at=data["kept_at"],
        )  # fmt: skip
        request.session["news"] = f"Recorded: {line.duty.words.lower()}."
        return redirect("duties")
    shown = {"line": line, "form": form, "now": definitions.now(), "who": board.who_has(line.duty.owner)}
    return render(request, "wall/duty.html", shown, status=422 if form.errors else 200)


@permission(Permission.POLICY_OWN)
@require_POST
def happened(request: HttpRequest) -> HttpResponse:
    """Something happened that duties start on."""
    event = request.POST.get("event", "")
    if event not in EVENTS:
        raise Refused("GS-2", "Choose what happened from the list.")
    started = duty_verbs.happened(event, by=reference_of(_me(request)))
    request.session["news"] = f"{len(started)} duties start on that: {', '.join(started).replace('_', ' ') or 'none'}."
    return redirect("duties")


@permission(Permission.APPROVALS_READ)
@require_safe
def proposals(request: HttpRequest) -> HttpResponse:
    now = definitions.now()
    rows = Approval.objects.select_related("proposed_by", "approved_by", "declined_by").order_by("-proposed_at")[:100]
    shown = [(row, effects.EFFECTS[row.kind].words, effects.words_of(row, now)) for row in rows]  # type: ignore[index]
    waiting = [row for row in shown if row[2] == "waits"]
    return render(request, "wall/approvals.html", {"waiting": waiting, "rest": [r for r in shown if r not in waiting]})


@permission(Permission.APPROVALS_READ)
@require_safe
def proposal(request: HttpRequest, id_: uuid.UUID) -> HttpResponse:
    row = _proposal(id_)
    state = effects.words_of(row, definitions.now())
    shown = {
        "row": row, "words": effects.EFFECTS[row.kind].words, "state": state,  # type: ignore[index]
        "lines": effects.lines_of(row) if state == "waits" else [],
        "mine": row.proposed_by_id == _me(request).pk, "digest": bytes(row.digest).hex(),
        "may_give": approvals.gives(row) in _me(request).permissions(), "about_me": row.about_id == _me(request).pk,
    }  # fmt: skip
    return render(request, "wall/approval.html", shown)


@permission(Permission.APPROVALS_GIVE)
@needs_recent_factor
@require_POST
@transaction.atomic
def approve(request: HttpRequest, id_: uuid.UUID) -> HttpResponse:
    """The second person's yes, and what follows from it at once: both, or neither."""
    row = approvals.approve(id_=_proposal(id_).pk, by=_me(request))
    effects.carry_out(row, _me(request))
    return redirect("approval", id_)


@permission(Permission.APPROVALS_PROPOSE)
@require_POST
@transaction.atomic
def decline(request: HttpRequest, id_: uuid.UUID) -> HttpResponse:
    row = _proposal(id_)
    approvals.decline(id_=row.pk, by=_me(request))
    effects.give_up(row, _me(request))
    return redirect("approval", id_)


@permission(Permission.REGISTERS_READ)
@require_safe
def register(request: HttpRequest) -> HttpResponse:
    return _register(request)


@permission(Permission.REGISTERS_MANAGE)
@require_POST
def record(request: HttpRequest, what: str) -> HttpResponse:
    """A place, a piece of equipment, or a threat."""
    kinds: dict[str, Any] = {"place": PlaceForm, "equipment": EquipmentForm, "threat": ThreatForm}
    if what not in kinds:
        raise Http404
    form = kinds[what](request.POST)
    if not form.is_valid():
        return _register(request, status=422, **{what: form})
    verbs: dict[str, Any] = {
        "place": registers.record_place, "equipment": registers.add_equipment, "threat": registers.record_threat,
    }  # fmt: skip
    made = verbs[what](**form.cleaned_data, by=_me(request))
    return redirect("approval", made.pk) if isinstance(made, Approval) else redirect("registers")


def _register(request: HttpRequest, status: int = 200, **forms: Any) -> HttpResponse:
    shown = {
        "places": Place.objects.filter(retired_at__isnull=True).order_by("name"),
        "equipment": Equipment.objects.filter(retired_at__isnull=True).select_related("place").order_by("name"),
        "printers": Printer.objects.filter(retired_at__isnull=True).select_related("place").order_by("name"),
        "links": registers.links(), "threats": Threat.objects.order_by("subject"),
        "bad": registers.without_a_place(), "place_form": forms.get("place") or PlaceForm(),
        "equipment_form": forms.get("equipment") or EquipmentForm(),
        "threat_form": forms.get("threat") or ThreatForm(), "may_manage": "registers_manage" in _may(request),
        "form": next(iter(forms.values()), None),
    }  # fmt: skip
    return render(request, "wall/registers.html", shown, status=status)


def _clause(
    request: HttpRequest, id_: str, owner_form: OwnerForm, exception_form: ExceptionForm, status: int = 200
) -> HttpResponse:
    known, all_controls = _known(id_), controls()
    read = wall.read(all_controls, known)
    tile, checks = read.tile(known), all_controls.checks_of(known)
    ids = [each.id for each in checks]
    installed = Installation.objects.get(id=1).created_at
    shown = {
        "tile": tile, "fresh": FRESH.get(tile.clause.fresh, f"Evidence may be {tile.clause.fresh} old at most."),
        "checks": checks, "guards": all_controls.guards_of(known), "terms": terms.in_force().of(known),
        "duties": [each for each in terms.in_force().duties() if each.clause == known], "now": read.at,
        "strip": clause.strip(known, ids, installed, read.at), "stretches": clause.stretches(known, read.at),
        "regression": clause.regression(known, read.at), "evidence": clause.evidence_of(known, ids),
        "owner": owners.owner_of(known), "owner_form": owner_form, "exception_form": exception_form,
        "excepted": ClauseException.objects.filter(clause=known, ended_at__isnull=True).first(),
        "may": _may(request), "excepting": known not in owners.NEVER_EXCEPTED and tile.state in NEEDS_A_PERSON,
        "form": owner_form if owner_form.is_bound else exception_form,
    }  # fmt: skip
    return render(request, "wall/clause.html", shown, status=status)


def _shown(read: Wall, tiles: list[Tile]) -> dict[str, Any]:
    """What wall and screen show: the finding, the tally, the board, and the tiles apart."""
    counts, answering = read.counts(), owners.answering()
    held = counts[State.TRUE] + counts[State.ATTESTED]
    needing = [tile for tile in tiles if tile.state in NEEDS_A_PERSON]
    holding = [tile for tile in tiles if tile.state not in NEEDS_A_PERSON]
    return {
        "read": read, "counts": [(state, count) for state, count in counts.items() if count],
        "held": held, "all": len(read.tiles), "broken": counts[State.FALSE], "unproved": counts[State.UNKNOWN],
        "worst": faces([tile for tile in needing if tile.is_built], answering, read.at),
        "unbuilt": faces([tile for tile in needing if not tile.is_built], answering, read.at),
        "rest": faces(holding, answering, read.at),
        "board": board.lines(read.open, answering), "version": terms.in_force().number,
        "sections": list(dict.fromkeys(each.section for each in all_clauses().values())),
        "oldest": min((t.evidence_at for t in read.tiles if t.evidence_at and t.state in HELD), default=None),
    }  # fmt: skip


HELD: Final = (State.TRUE, State.ATTESTED)
FRESH: Final = {
    "live": "Looked at each minute.",
    "countdown": "Each has a deadline of its own.",
    "per start": "Looked at with each start, and daily.",
    "per deploy": "Looked at with each deployment, and daily.",
}
"""How fresh evidence must be, where that is no length of time."""


def _is_asked_for(tile: Tile, state: str, section: str) -> bool:
    return (not state or tile.state == state) and (not section or tile.clause.section == section)


def _known(id_: str) -> str:
    if id_ not in all_clauses():
        raise Http404
    return id_


def _proposal(id_: uuid.UUID) -> Approval:
    found = Approval.objects.select_related("proposed_by", "approved_by", "declined_by", "about").filter(pk=id_).first()
    if found is None:
        raise Http404
    return found


def _me(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)  # noqa: S101 - the gate let only a person in
    return request.user


def _may(request: HttpRequest) -> set[str]:
    return {each.name.lower() for each in _me(request).permissions()}
