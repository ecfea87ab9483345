"""The one gate: pages, jobs and commands ask here, and a view says which permission it needs (AM-1, NP-2)."""

from collections.abc import Callable
from typing import Any, TypeVar

from strongroom.formats.refused import Refused
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.models import Person

View = TypeVar("View", bound=Callable[..., Any])
ATTRIBUTE = "strongroom_permission"


def permission(name: Permission) -> Callable[[View], View]:
    """Declare what a view needs. A route whose view declares nothing keeps the process from starting."""

    def declare(view: View) -> View:
        setattr(view, ATTRIBUTE, name)
        return view

    return declare


def declared(view: Callable[..., Any]) -> Permission | None:
    """What a view declared."""
    found = getattr(view, ATTRIBUTE, None)
    return found if isinstance(found, Permission) else None


def can(person: Person, name: Permission) -> bool:
    return name in person.permissions()


def require(name: Permission, *, of: Person) -> None:
    """Raise `Refused` unless the person's roles allow it."""
    if not can(of, name):
        clause = "AM-1" if name is Permission.ORDERS_REVEAL else "LP-1"
        raise Refused(clause, "Your role does not include this; nothing was done. Ask whoever grants roles.")
