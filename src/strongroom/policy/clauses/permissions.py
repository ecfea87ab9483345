"""The names of what a person may do, `scope:thing:act`, one list for every entrance (LP-1)."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])
ATTRIBUTE = "strongroom_permission"


class Permission(StrEnum):
    """Grouped by scope, alphabetical within it. PUBLIC, SIGNED_IN and MACHINE are for routes, no role has them."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    MACHINE = "machine"

    APPROVALS_GIVE = "approvals:approval:give"
    APPROVALS_PROPOSE = "approvals:approval:propose"
    APPROVALS_READ = "approvals:approval:read"
    CASES_DECIDE = "cases:case:decide"
    CASES_READ = "cases:case:read"
    CHECKS_RUN = "checks:check:run"
    DESPATCH_DECIDE = "despatch:print:decide"
    DESPATCH_HOLD = "despatch:order:hold"
    DESPATCH_PACK = "despatch:order:pack"
    DESPATCH_PICK = "despatch:wave:make"
    DESPATCH_READ = "despatch:order:list"
    DEVICES_MANAGE = "devices:device:manage"
    DUTIES_DO = "duties:duty:do"
    JOURNAL_READ = "journal:leaf:read"
    MARKETPLACE_ASK = "marketplace:account:ask"
    MARKETPLACE_READ = "marketplace:call:read"
    ORDERS_LIST = "orders:order:list"
    ORDERS_READ = "orders:order:read"
    ORDERS_REVEAL = "orders:part:reveal"
    ORDERS_SEARCH = "orders:person:search"
    OPENINGS_ASK = "openings:opening:ask"
    OPENINGS_READ = "openings:opening:read"
    PEOPLE_APPROVE = "people:grant:approve"
    PEOPLE_MANAGE = "people:person:manage"
    PEOPLE_READ = "people:person:read"
    POLICY_ANSWER = "policy:answer:read"
    POLICY_OWN = "policy:clause:own"
    PRINTERS_MANAGE = "printers:printer:manage"
    PRINTERS_READ = "printers:printer:read"
    PRINTERS_TEST = "printers:printer:test"
    REGISTERS_MANAGE = "registers:entry:manage"
    REGISTERS_READ = "registers:entry:read"
    RETENTION_READ = "retention:day:read"
    WALL_READ = "wall:clause:read"


NUMBERS = {
    Permission.JOURNAL_READ: 1,
    Permission.MARKETPLACE_ASK: 2,
    Permission.MARKETPLACE_READ: 3,
    Permission.ORDERS_LIST: 4,
    Permission.ORDERS_READ: 5,
    Permission.ORDERS_REVEAL: 6,
    Permission.RETENTION_READ: 7,
    Permission.DESPATCH_READ: 8,
    Permission.DESPATCH_PICK: 9,
    Permission.DESPATCH_PACK: 10,
    Permission.DESPATCH_HOLD: 11,
    Permission.DESPATCH_DECIDE: 12,
    Permission.ORDERS_SEARCH: 13,
    Permission.OPENINGS_READ: 14,
    Permission.OPENINGS_ASK: 15,
    Permission.PEOPLE_READ: 16,
    Permission.PEOPLE_MANAGE: 17,
    Permission.PEOPLE_APPROVE: 18,
    Permission.PRINTERS_READ: 19,
    Permission.PRINTERS_MANAGE: 20,
    Permission.APPROVALS_READ: 21,
    Permission.APPROVALS_PROPOSE: 22,
    Permission.APPROVALS_GIVE: 23,
    Permission.WALL_READ: 24,
    Permission.CHECKS_RUN: 25,
    Permission.DUTIES_DO: 26,
    Permission.POLICY_OWN: 27,
    Permission.REGISTERS_READ: 28,
    Permission.REGISTERS_MANAGE: 29,
    Permission.DEVICES_MANAGE: 30,
    Permission.CASES_READ: 31,
    Permission.CASES_DECIDE: 32,
    Permission.POLICY_ANSWER: 40,
    Permission.PRINTERS_TEST: 41,
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
