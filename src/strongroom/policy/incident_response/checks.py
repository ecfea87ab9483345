"""What shows that no alarm goes without an answer, and no lock without somebody who looks (DF-4, AM-9)."""

from datetime import timedelta
from typing import Final

from strongroom.policy.clauses import asking, terms
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed

SOON: Final = timedelta(minutes=10)
"""How long an alarm may be without its case: they are opened each minute."""
ALARMS: Final = """
SELECT count(*) FILTER (WHERE a.closed_at IS NULL), count(*) FILTER (WHERE c.id IS NULL AND a.closed_at IS NULL
       AND a.raised_at < %s), count(*) FILTER (WHERE a.closed_at IS NOT NULL AND c.decided_at IS NULL),
       count(*) FILTER (WHERE a.closed_at IS NULL AND c.decided_at < %s)
FROM alarm a LEFT JOIN incident_case c ON c.account_id = 0 AND c.alarm_account = a.account_id AND c.alarm = a.id
WHERE a.level >= 2
"""
"""High alarms that are open; without a case; closed and not decided; decided and not closed."""
LOCKS: Final = """
SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT 1 FROM role_grant g WHERE g.person_id = p.id
       AND g.approved_at IS NOT NULL AND g.ended_at IS NULL AND g.suspended_at IS NULL)),
       count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM alarm a WHERE a.account_id = 0 AND a.kind = 'lockout'
       AND a.subject = ('00000000-0000-0000-' || lpad(to_hex(p.id >> 48), 4, '0') || '-'
                        || lpad(to_hex(p.id & 281474976710655), 12, '0'))::uuid)),
       count(*) FILTER (WHERE EXISTS (SELECT 1 FROM signed_in s WHERE s.person_id = p.id AND s.ended_at IS NULL))
FROM person p WHERE p.locked_at IS NOT NULL AND p.is_active
"""
"""Locked people; those whose roles go on; those whose lock raised no alarm; those still signed in."""
CASES: Final = """
SELECT count(*), count(*) FILTER (WHERE c.owner = 0 AND c.opened_at < %s),
       count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM obligation o WHERE o.account_id = 0
       AND o.kind = 'look into lock' AND o.subject = c.id AND o.satisfied_at IS NULL))
FROM incident_case c WHERE c.account_id = 0 AND c.alarm_kind = 'lockout' AND c.decision = 'open'
"""
"""Open cases of locks; those that nobody has and whose time is over; those that no clock counts."""


def every_alarm_is_answered(look: Look) -> Verdict:
    """High alarms against cases, both ways: none without, and none closed before it was decided."""
    row = asking.first(ALARMS, look.now - SOON, look.now - SOON)
    open_, without, undecided, left = row or (0, 0, 0, 0)
    seen = {"open": open_, "without": without, "undecided": undecided, "left": left}
    if without:
        return failed(f"{without:,} alarms have no case: nobody was told to look.", **seen)
    if undecided:
        return failed(f"{undecided:,} alarms were closed, and nobody decided what they were.", **seen)
    if left:
        return failed(f"{left:,} cases are decided, and their alarms go on.", **seen)
    return passed(f"{open_:,} alarms are open, each with a case; every closed one was decided.", **seen)


def every_lock_is_looked_into(look: Look) -> Verdict:
    """Locked people: their roles rest, their sessions ended, and a case that a clock counts."""
    locked, going_on, silent, inside = asking.first(LOCKS) or (0, 0, 0, 0)
    term = terms.span("look_into_lock")
    cases, unowned, uncounted = asking.first(CASES, look.now - term) or (0, 0, 0)
    seen = {
        "locked": locked,
        "going_on": going_on,
        "silent": silent,
        "inside": inside,
        "cases": cases,
        "unowned": unowned,
    }
    if going_on or inside:
        return failed(f"{max(going_on, inside):,} locked people may still do what they could before.", **seen)
    if silent:
        return failed(f"{silent:,} people are locked, and nobody was told.", **seen)
    if unowned or uncounted:
        return failed(f"{max(unowned, uncounted):,} locks are looked into by nobody.", **seen)
    return passed(f"{locked:,} people are locked: roles rest, and {cases:,} cases have a clock.", **seen)


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "DF-4.cases",
        passes="Every high alarm has a case, and none was closed before somebody decided what it was.",
        fails="An alarm has no case, or was closed without an answer.",
        run=every_alarm_is_answered,
    ),
    Check(
        "AM-9.locks",
        passes="Whoever is locked may do nothing, and somebody looks into it in time.",
        fails="Somebody is locked and goes on, or nobody looks into it.",
        run=every_lock_is_looked_into,
    ),
)
