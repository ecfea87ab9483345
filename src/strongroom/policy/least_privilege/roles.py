"""Roles and what each may do: one table (LP-1). Administration never includes PII; the auditor changes nothing."""

from dataclasses import dataclass
from enum import StrEnum

from strongroom.policy.clauses.permissions import Permission


class Role(StrEnum):
    """The words stand in the database."""

    PACKER = "packer"
    SUPPORT = "support"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class RoleFacts:
    """`number` stands in the journal; `reveals`: its sessions are shorter, since they show people."""

    number: int
    words: str
    permissions: frozenset[Permission]

    @property
    def reveals(self) -> bool:
        return Permission.ORDERS_REVEAL in self.permissions


ROLES: dict[Role, RoleFacts] = {
    Role.PACKER: RoleFacts(
        1,
        "Sees which orders must ship; opens nobody's data.",
        frozenset({Permission.ORDERS_LIST, Permission.ORDERS_READ}),
    ),
    Role.SUPPORT: RoleFacts(
        2,
        "Answers buyers; opens one order's data for a stated purpose, for 60 seconds.",
        frozenset({Permission.ORDERS_LIST, Permission.ORDERS_READ, Permission.ORDERS_REVEAL}),
    ),
    Role.ADMINISTRATOR: RoleFacts(
        3,
        "Runs the installation; never opens a customer's data.",
        frozenset(
            {
                Permission.ORDERS_LIST,
                Permission.ORDERS_READ,
                Permission.RETENTION_READ,
                Permission.MARKETPLACE_READ,
                Permission.MARKETPLACE_ASK,
                Permission.JOURNAL_READ,
            }
        ),
    ),
    Role.AUDITOR: RoleFacts(
        4,
        "Reads evidence; changes nothing and opens nobody's data.",
        frozenset({Permission.RETENTION_READ, Permission.MARKETPLACE_READ, Permission.JOURNAL_READ}),
    ),
}
