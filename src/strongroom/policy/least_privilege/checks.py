"""What shows that everybody may do what was approved and no more: here, in the journal, and in the database (LP-1)."""

import hashlib
import json
from collections import Counter
from datetime import timedelta
from typing import Final

from strongroom.formats import leaf
from strongroom.formats.leaf import Entry, Fact, Kind
from strongroom.formats.malformed import Malformed
from strongroom.policy import definitions
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown
from strongroom.policy.least_privilege import database_rights
from strongroom.policy.least_privilege.roles import ROLES, Role
from strongroom.policy.logging_and_monitoring import proving

NEWS: Final = timedelta(minutes=5)
"""How long an entry may wait for its place in the tree."""
SAID: Final = """
SELECT e.payload, e.salt, l.index FROM entry e LEFT JOIN leaf l ON l.account_id = e.account_id AND l.entry = e.id
WHERE e.account_id = 0 AND e.kind IN (%s, %s) ORDER BY l.index NULLS LAST, e.at
"""
"""Roles given and ended, in the tree's order."""
IN_FORCE: Final = "SELECT person_id, role FROM role_grant WHERE approved_at IS NOT NULL AND ended_at IS NULL"

APPROVED: Final = """
SELECT g.person_id, g.role, g.reason, g.granted_by_id, g.approved_by_id, a.content, a.approved_by_id, a.digest
FROM role_grant g LEFT JOIN approval a ON a.id = g.approval_id AND a.kind = 'grant' AND a.used_at IS NOT NULL
WHERE g.approved_at IS NOT NULL AND g.ended_at IS NULL
"""

Given = tuple[int, str]
"""Whom a role was given to, and which."""


def roles_in_force_are_those_of_the_journal(look: Look) -> Verdict:
    """Every role in force was given by an entry of the journal that stands in its tree, and was not ended by one."""
    rows = Counter((person, role) for person, role in asking.rows(IN_FORCE))
    said = _said()
    unknown_roles = sum(role not in list(Role) for _, role in rows)
    past = [given for given, count in rows.items() if count > 1 or given not in said]
    gone = [given for given in said if given not in rows]
    seen = {"roles": rows.total(), "past": len(past), "gone": len(gone), "unknown": unknown_roles}
    if past or unknown_roles:
        return failed(f"{len(past) + unknown_roles:,} roles are in force that no entry of the journal gives.", **seen)
    if gone:
        return failed(f"{len(gone):,} roles of the journal are not in force, and no entry ends them.", **seen)
    if not rows:
        return unknown("Nobody has a role yet: not even the first administrator.", **seen)
    loose = _not_in_the_tree(look, said)
    if loose:
        return failed(f"{loose:,} roles rest on entries that do not stand in the journal's tree.", **seen, loose=loose)
    return passed(f"{rows.total():,} roles are in force, each given by an entry in the journal's tree.", **seen)


def roles_rest_on_approvals(look: Look) -> Verdict:  # noqa: ARG001 - it looks at rows only
    """Every role that another than its proposer put in force has its own approval, used, of exactly that role."""
    rows = asking.rows(APPROVED)
    alone = sum(by is None or by == proposer for _, _, _, proposer, by, *_ in rows)
    wrong = sum(not _rests(*row) for row in rows)
    seen = {"roles": len(rows), "given alone": alone, "wrong": wrong}
    if wrong:
        return failed(f"Roles in force that no second person approved as they stand: {wrong:,}.", **seen)
    if not rows:
        return unknown("Nobody has a role yet: not even the first administrator.", **seen)
    return passed(f"{len(rows):,} roles; {alone:,} given by one alone, each other approved by a second.", **seen)


def _rests(
    person: int, role: str, reason: int, proposer: int | None, by: int | None, content: str | None,
    approver: int | None, digest: bytes | None,
) -> bool:  # fmt: skip
    """Whether one role stands as it was approved; one given alone needs nobody."""
    if by is None or by == proposer:
        return True
    if content is None or digest is None or hashlib.sha256(content.encode()).digest() != bytes(digest):
        return False
    return by == approver and json.loads(content) == {"person": person, "role": role, "reason": reason}


def database_roles_are_as_meant(look: Look) -> Verdict:  # noqa: ARG001 - it looks at the catalogue only
    """Attributes, memberships and what is owned, as PostgreSQL has them, against the table."""
    there = database_rights.standing()
    wanted = {line for line in database_rights.meant() if database_rights.is_standing(line)}
    return differing(there, wanted, "roles of the database")


def differing(there: set[str], wanted: set[str], what: str) -> Verdict:
    """Two sets of lines that must be the same."""
    more, less = sorted(there - wanted), sorted(wanted - there)
    seen = {"lines": len(there), "more": len(more), "less": len(less)}
    if more:
        return failed(f"The {what} may do more than was meant: {more[0]}.", **seen)
    if less:
        return failed(f"The {what} may do less than was meant: {less[0]} is missing.", **seen)
    return passed(f"{len(there):,} lines, each as it was meant.", **seen)


def _said() -> dict[Given, tuple[Entry, bytes, bytes, int | None]]:
    """What the journal gives and has not ended, with the entry that gives it."""
    people = {
        reference.bytes: person for reference, person in asking.rows("SELECT reference, person FROM person_reference")
    }
    roles = {facts.number: role.value for role, facts in ROLES.items()}
    found: dict[Given, tuple[Entry, bytes, bytes, int | None]] = {}
    for payload, salt, index in asking.rows(SAID, Kind.ROLE_GRANTED, Kind.GRANT_ENDED):
        entry = leaf.decode_entry(bytes(payload))
        person = people.get(leaf.octets(entry.facts, Fact.PERSON))
        if person is None:
            continue
        given = (person, roles.get(leaf.number(entry.facts, Fact.ROLE), ""))
        if entry.kind is Kind.ROLE_GRANTED:
            found[given] = (entry, bytes(payload), bytes(salt), index)
        else:
            found.pop(given, None)  # a proposal that was declined ends too, and never was in force
    return found


def _not_in_the_tree(look: Look, said: dict[Given, tuple[Entry, bytes, bytes, int | None]]) -> int:
    """How many of these entries have no leaf that is theirs; one written just now may wait for it."""
    try:
        tree = proving.journal(look.data)
    except (Malformed, FileNotFoundError):
        return len(said)
    news = definitions.milliseconds(look.now - NEWS)
    loose = 0
    for entry, payload, salt, index in said.values():
        is_placed = index is not None and index < tree.size
        loose += not proving.stands(tree, index, payload, salt) if is_placed else entry.at < news  # type: ignore[arg-type]
    return loose


CHECKS: Final = (
    Check(
        "LP-1.grants",
        passes="Every role in force was given by an entry of the journal that nobody altered.",
        fails="Somebody has a role that no entry gives, or lost one that no entry ends.",
        run=roles_in_force_are_those_of_the_journal,
    ),
    Check(
        "LP-1.approvals",
        passes="Every role in force was approved by a second person, or is shown as given by one alone.",
        fails="A role is in force that a second person did not approve as it stands.",
        run=roles_rest_on_approvals,
    ),
    Check(
        "LP-1.database",
        passes="The database's roles have no attribute, membership or ownership beyond the table.",
        fails="A role of the database is more than the table says.",
        run=database_roles_are_as_meant,
    ),
)
