"""What machines read: health, the wall as JSON, and metrics. No person, no order, no secret in any of it."""

import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from strongroom.policy import definitions
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.connection import Unavailable
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations import wall
from strongroom.policy.obligations.rules import State
from strongroom.policy.obligations.runs import CHECKS
from strongroom.policy.obligations.sweeper import SWEEPER, lost
from strongroom.website.wall import reports
from strongroom.website.wiring import controls

TOKEN = "monitoring-token"  # noqa: S105 - a file's name
LAG = 300.0


@permission(Permission.PUBLIC)
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """This process answers."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@permission(Permission.PUBLIC)
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Whether work can be done: database, key broker, journal. Only whether; why is for those who may sign in."""
    ready = _database() and _broker() and _journal()
    return HttpResponse("ready\n" if ready else "not ready\n", content_type="text/plain", status=200 if ready else 503)


@permission(Permission.MACHINE)
@require_safe
def status(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    return JsonResponse(reports.status(), json_dumps_params={"indent": 1})


@permission(Permission.MACHINE)
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Prometheus' text format."""
    lines = "\n".join(_metrics()) + "\n"
    return HttpResponse(lines, content_type="text/plain; version=0.0.4; charset=utf-8")


def is_machine(request: HttpRequest) -> bool:
    """Whether it bears the monitoring token, a credential file of ours; compared in constant time."""
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    path = Path(str(settings.DATA)) / "credentials" / TOKEN
    if scheme.lower() != "bearer" or not path.exists():
        return False
    return hmac.compare_digest(said.strip().encode(), path.read_text(encoding="utf-8").strip().encode())


def _metrics() -> Iterator[str]:
    read = wall.read(controls())
    now = read.at
    yield "# HELP strongroom_clause_state 1 for the state that a clause is in now"
    yield "# TYPE strongroom_clause_state gauge"
    for tile in read.tiles:
        for state in State:
            yield _line("strongroom_clause_state", int(tile.state is state), clause=tile.clause.id, state=state.value)
    yield "# TYPE strongroom_evidence_age_seconds gauge"
    for tile in read.tiles:
        if tile.evidence_at is not None:
            yield _line(
                "strongroom_evidence_age_seconds", (now - tile.evidence_at).total_seconds(), clause=tile.clause.id
            )
    yield from _figures(now)


def _figures(now: Any) -> Iterator[str]:
    """The rest, each one number."""
    overdue, due = asking.first(
        "SELECT count(*) FILTER (WHERE due_at < %s), min(due_at) FILTER (WHERE due_at >= %s) FROM obligation"
        " WHERE satisfied_at IS NULL AND withdrawn_at IS NULL", now, now,
    ) or (0, None)  # fmt: skip
    waiting = journal.oldest_pending(definitions.INSTALLATION)
    figures = {
        "obligations_overdue": overdue,
        "next_deadline_seconds": (due - now).total_seconds() if due is not None else -1,
        "journal_lag_seconds": (now - waiting).total_seconds() if waiting is not None else 0,
        "broker_locked": int(not _broker()),
        "watch_silent": len(lost([SWEEPER, CHECKS], now)),
        "alarms_open": asking.value("SELECT count(*) FROM alarm WHERE closed_at IS NULL"),
        "policy_version": asking.value("SELECT coalesce(max(number), 0) FROM policy_version"),
    }
    for name, value in figures.items():
        yield f"# TYPE strongroom_{name} gauge"
        yield _line(f"strongroom_{name}", value)


def _line(name: str, value: float, **labels: str) -> str:
    said = ",".join(f'{key}="{text}"' for key, text in labels.items())
    return f"{name}{{{said}}} {value:g}" if said else f"{name} {value:g}"


def _database() -> bool:
    try:
        return bool(asking.value("SELECT 1") == 1)
    except DatabaseError:
        return False


def _broker() -> bool:
    try:
        return not broker.time().locked
    except Unavailable:
        return False


def _journal() -> bool:
    """Whether entries get their place: none waits for five minutes."""
    try:
        waiting = journal.oldest_pending(definitions.INSTALLATION)
        return waiting is None or (definitions.now() - waiting).total_seconds() < LAG
    except (DatabaseError, definitions.TimeUnknown):
        return False
