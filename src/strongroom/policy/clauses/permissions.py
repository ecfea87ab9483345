"""The names of what a person may do, `scope:thing:act`, one list for every entrance (LP-1)."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])
ATTRIBUTE = "strongroom_permission"


class Permission(StrEnum):
    """Grouped by scope, alphabetical within it. Values stand in declarations; PUBLIC and SIGNED_IN are for routes."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"

    JOURNAL_READ = "journal:leaf:read"
    MARKETPLACE_ASK = "marketplace:account:ask"
    MARKETPLACE_READ = "marketplace:call:read"
    ORDERS_LIST = "orders:order:list"
    ORDERS_READ = "orders:order:read"
    ORDERS_REVEAL = "orders:part:reveal"
    RETENTION_READ = "retention:day:read"


NUMBERS = {
    Permission.JOURNAL_READ: 1,
    Permission.MARKETPLACE_ASK: 2,
    Permission.MARKETPLACE_READ: 3,
    Permission.ORDERS_LIST: 4,
    Permission.ORDERS_READ: 5,
    Permission.ORDERS_REVEAL: 6,
    Permission.RETENTION_READ: 7,
}
"""What the journal says for each; never change or reuse one."""


def permission(name: Permission) -> Callable[[View], View]:
    """Declare what a view needs. A route whose view declares nothing keeps the process from starting (NP-2)."""

    def declare(view: View) -> View:
        setattr(view, ATTRIBUTE, name)
        return view

    return declare


def declared(view: Callable[..., Any]) -> Permission | None:
    """What a view declared."""
    found = getattr(view, ATTRIBUTE, None)
    return found if isinstance(found, Permission) else None
