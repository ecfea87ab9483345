"""The pages that belong to no section: the way in, and what did not go as asked."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.least_privilege.models import Person

FIRST: Final = (
    ("pack", Permission.DESPATCH_PACK),
    ("orders", Permission.ORDERS_REVEAL),
    ("wall", Permission.WALL_READ),
    ("orders", Permission.ORDERS_LIST),
)


@permission(Permission.SIGNED_IN)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Where the person's work is: the bench, the orders they answer for, else the wall."""
    permissions = request.user.permissions() if isinstance(request.user, Person) else frozenset()
    for name, needed in FIRST:
        if needed in permissions:
            return redirect(name)
    return render(request, "nothing.html")


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:  # noqa: ARG001 - Django's name
    return render(request, "404.html", status=404)


def failed(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Without the frame: whatever failed may be what the frame needs."""
    return render(None, "500.html", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    return render(request, "csrf.html", status=403)
