"""Roles and what each may do: one table (LP-1). Administration never includes PII; the auditor changes nothing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strongroom.policy.clauses.permissions import Permission as May


class Role(StrEnum):
    """The words stand in the database."""

    PACKER = "packer"
    SUPPORT = "support"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    MANAGER = "manager"
    SECURITY = "security"
    DIRECTOR = "director"
    PROBE = "probe"


@dataclass(frozen=True)
class RoleFacts:
    """`number` stands in the journal; after `idle` minutes and after `longest` hours its sessions end."""

    number: int
    words: str
    permissions: frozenset[May]
    idle: int = 30
    longest: int = 12

    @property
    def reveals(self) -> bool:
        return May.ORDERS_REVEAL in self.permissions


OFFICE: Final = frozenset(
    {
        May.WALL_READ, May.CHECKS_RUN, May.DUTIES_DO, May.REGISTERS_READ, May.APPROVALS_READ, May.APPROVALS_PROPOSE,
        May.APPROVALS_GIVE, May.POLICY_ANSWER,
    }
)  # fmt: skip
"""What everybody who answers for the policy may do: read it, run its checks, do its duties, decide in twos."""

ROLES: dict[Role, RoleFacts] = {
    Role.PACKER: RoleFacts(
        1,
        "Picks, packs, prints despatch labels; never sees a customer's data on a screen.",
        frozenset(
            {
                May.ORDERS_LIST,
                May.ORDERS_READ,
                May.DESPATCH_READ,
                May.DESPATCH_PICK,
                May.DESPATCH_PACK,
                May.DESPATCH_DECIDE,
                May.PRINTERS_READ,
                May.PRINTERS_TEST,
                May.WALL_READ,
            }
        ),
        idle=240,
    ),
    Role.SUPPORT: RoleFacts(
        2,
        "Answers buyers; opens one order's data for a stated purpose, for 60 seconds.",
        frozenset(
            {
                May.ORDERS_LIST,
                May.ORDERS_READ,
                May.ORDERS_REVEAL,
                May.ORDERS_SEARCH,
                May.DESPATCH_READ,
                May.WALL_READ,
            }
        ),
        idle=15,
        longest=10,
    ),
    Role.MANAGER: RoleFacts(
        5,
        "Runs the shift: waves, holds, undecided prints; sees who opened what, never the data itself.",
        frozenset(
            {
                May.ORDERS_LIST,
                May.ORDERS_READ,
                May.DESPATCH_READ,
                May.DESPATCH_PICK,
                May.DESPATCH_HOLD,
                May.DESPATCH_DECIDE,
                May.PRINTERS_READ,
                May.PRINTERS_TEST,
                May.OPENINGS_READ,
                May.OPENINGS_ASK,
                May.PEOPLE_READ,
                May.PEOPLE_APPROVE,
                May.RETENTION_READ,
                *OFFICE,
                May.CASES_READ,
            }
        ),
    ),
    Role.SECURITY: RoleFacts(
        6,
        "Watches who opens and prints what and asks why; unlocks nobody alone, opens nobody's data.",
        frozenset(
            {
                May.OPENINGS_READ,
                May.OPENINGS_ASK,
                May.JOURNAL_READ,
                May.MARKETPLACE_READ,
                May.RETENTION_READ,
                May.PEOPLE_READ,
                May.PEOPLE_APPROVE,
                May.PRINTERS_READ,
                May.PRINTERS_TEST,
                *OFFICE,
                May.POLICY_OWN,
                May.REGISTERS_MANAGE,
                May.CASES_READ,
                May.CASES_DECIDE,
            }
        ),
    ),
    Role.DIRECTOR: RoleFacts(
        7,
        "Is told, decides with a second person, answers for the policy; never opens a customer's data.",
        frozenset({May.RETENTION_READ, May.OPENINGS_READ, May.PEOPLE_READ, *OFFICE, May.CASES_READ}),
    ),
    Role.ADMINISTRATOR: RoleFacts(
        3,
        "Runs the installation: people, printers, marketplace; never opens a customer's data.",
        frozenset(
            {
                May.ORDERS_LIST,
                May.ORDERS_READ,
                May.DESPATCH_READ,
                May.RETENTION_READ,
                May.MARKETPLACE_READ,
                May.MARKETPLACE_ASK,
                May.JOURNAL_READ,
                May.PEOPLE_READ,
                May.PEOPLE_MANAGE,
                May.PEOPLE_APPROVE,
                May.PRINTERS_READ,
                May.PRINTERS_TEST,
                May.PRINTERS_MANAGE,
                *OFFICE,
                May.POLICY_OWN,
                May.REGISTERS_MANAGE,
                May.DEVICES_MANAGE,
                May.CASES_READ,
            }
        ),
    ),
    Role.AUDITOR: RoleFacts(
        4,
        "Reads evidence; changes nothing and opens nobody's data.",
        frozenset(
            {
                May.RETENTION_READ,
                May.MARKETPLACE_READ,
                May.JOURNAL_READ,
                May.OPENINGS_READ,
                May.PEOPLE_READ,
                May.PRINTERS_READ,
                May.WALL_READ,
                May.CHECKS_RUN,
                May.APPROVALS_READ,
                May.REGISTERS_READ,
                May.CASES_READ,
                May.POLICY_ANSWER,
            }
        ),
    ),
    Role.PROBE: RoleFacts(
        8,
        "Nobody: looks at pages for the checks, by a session of the website's own; sees the synthetic account alone.",
        frozenset(
            {
                May.ORDERS_LIST,
                May.ORDERS_READ,
                May.ORDERS_REVEAL,
                May.ORDERS_SEARCH,
                May.OPENINGS_READ,
                May.JOURNAL_READ,
                May.RETENTION_READ,
                May.MARKETPLACE_READ,
                May.PRINTERS_READ,
                May.WALL_READ,
                May.REGISTERS_READ,
                May.CASES_READ,
            }
        ),
        idle=90,
        longest=2,
    ),
}
FOR_PEOPLE: Final = tuple(role for role in Role if role is not Role.PROBE)
"""Roles that somebody may be given; the probe's is nobody's."""
