"""What every page's frame says: who is here, what they may go to, live or rehearsal, locked or not."""

import functools
from typing import Any, Final

from django.http import HttpRequest

from strongroom.application.lookup.openings import questions_for
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.connection import Unavailable
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring.models import Installation

NAVIGATION: Final = (
    ("pack", "Pack station", Permission.DESPATCH_PACK),
    ("worklist", "Worklist", Permission.DESPATCH_READ),
    ("orders", "Orders", Permission.ORDERS_LIST),
    ("find-person", "Find a customer", Permission.ORDERS_SEARCH),
    ("wall", "Wall", Permission.WALL_READ),
    ("duties", "Next", Permission.DUTIES_DO),
    ("approvals", "Approvals", Permission.APPROVALS_READ),
    ("messages", "Messages", Permission.WALL_READ),
    ("openings", "Openings", Permission.OPENINGS_READ),
    ("retention", "Retention", Permission.RETENTION_READ),
    ("journal", "Journal", Permission.JOURNAL_READ),
    ("printers", "Printers", Permission.PRINTERS_READ),
    ("people", "People", Permission.PEOPLE_READ),
    ("marketplace", "Marketplace", Permission.MARKETPLACE_READ),
    ("registers", "Registers", Permission.REGISTERS_READ),
    ("policy-office", "Policy", Permission.POLICY_ANSWER),
    ("devices", "Devices", Permission.REGISTERS_READ),
    ("cases", "Cases", Permission.CASES_READ),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Read once a page, when its template asks; a broker that does not answer is said in words."""
    user = getattr(request, "user", None)
    person = user if isinstance(user, Person) else None
    roles = person.roles() if person else []
    permissions = person.permissions(roles) if person else frozenset()
    return {
        "person": person,
        "roles": [role.value for role in roles],
        "navigation": [(name, words) for name, words, needed in NAVIGATION if needed in permissions],
        "installation": functools.cache(Installation.objects.first),
        "keys": _keys,
        "questions": functools.cache(lambda: len(questions_for(person))) if person else 0,
        "news": lambda: request.session.pop("news", ""),
        "may": {permission.name.lower() for permission in permissions},
    }


def _keys() -> str:
    try:
        told = broker.time()
    except Unavailable:
        return "Key broker does not answer"
    if told.in_doubt:
        return "Time in doubt"
    return "Locked" if told.locked else "Unlocked"
