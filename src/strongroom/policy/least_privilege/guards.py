"""What keeps everybody to what was approved (LP-1)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "LP-1", "Roles are one table of permissions; every entrance asks the one gate, each time, in the database",
        ("policy.least_privilege.roles:ROLES", "policy.least_privilege.gate:require", "website.middleware:Gate"),
    ),
    Guard(
        "LP-1", "A role is proposed by one and approved by another, is ended and never deleted, and is given once",
        (
            "policy.least_privilege.actions:approve_grant", "policy.least_privilege.approvals:use",
            "db:approval_is_by_somebody_else", "db:approval_is_not_by_whom_it_is_for",
            "db:grant_by_another_has_an_approval",
            "db:role_grant_is_not_deleted", "db:grant_is_given_once", "db:grant_role_is_known",
        ),
    ),
    Guard(
        "LP-1", "The probe's role is the probe's alone", ("db:role_of_the_probe_is_its_own", "db:person_is_one_probe")
    ),
    Guard(
        "LP-1", "No start goes by a role of the database that may do more than ours may",
        ("installation.database_roles:make",),
    ),
)  # fmt: skip
