"""The one gate: pages, jobs and commands ask here before they act (AM-1, LP-1)."""

from strongroom.formats.refused import Refused
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.models import Person


def can(person: Person, name: Permission) -> bool:
    return name in person.permissions()


def require(name: Permission, *, of: Person) -> None:
    """Raise `Refused` unless the person's roles allow it."""
    if not can(of, name):
        clause = "AM-1" if name is Permission.ORDERS_REVEAL else "LP-1"
        raise Refused(clause, "Your role does not include this; nothing was done. Ask whoever grants roles.")
