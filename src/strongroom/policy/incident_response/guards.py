"""What keeps an alarm from being passed over (DF-4, AM-9)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "DF-4", "Each high alarm becomes a case with a clock, by itself, each minute",
        ("policy.incident_response.actions:open_cases", "db:case_is_one_an_alarm"),
    ),
    Guard(
        "DF-4", "A case is decided in writing, once; only then its alarm is answered",
        ("policy.incident_response.actions:decide", "db:case_is_decided_in_writing", "db:case_is_decided_once",
         "db:case_is_not_deleted"),
    ),
    Guard(
        "DF-4", "Anybody declares an incident by one button that asks nothing",
        ("policy.incident_response.views:declare",),
    ),
    Guard(
        "AM-9", "The lock itself rests the roles, ends the sessions and raises the alarm, in one transaction",
        ("policy.access_management.lockout:charge", "policy.least_privilege.actions:suspend_grants"),
    ),
    Guard(
        "AM-9", "Whoever unlocks says what was found, is somebody else, and does not decide the case by it",
        ("policy.access_management.lockout:unlock",),
    ),
)  # fmt: skip
