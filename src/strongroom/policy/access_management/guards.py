"""What keeps people to themselves, to their devices and to their time (AM, AZ-1, AZ-2, AZ-5, LM-1)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "AM-1", "The purpose decides part, fields and process; the key broker hands out nothing else",
        ("formats.parts:OPENS", "keybroker.sealing:open_parts", "policy.least_privilege.gate:require"),
    ),
    Guard(
        "AM-1", "Each process has its own role in the database with the rights that it needs, and owns nothing",
        ("installation.database_roles:make", "policy.least_privilege.database_rights:meant"),
    ),
    Guard(
        "AM-2", "One address a person, one living session; a second sign-in ends the first",
        ("policy.access_management.sessions:begin", "db:signed_in_is_one_a_person", "db:person_stays_a_person"),
    ),
    Guard(
        "AM-3", "No committed entry, no opening: the key broker appends that entry's leaf before it opens",
        ("policy.encryption_and_storage.actions:open_for", "keybroker.sealing:open_parts", "db:entry_is_append_only"),
    ),
    Guard(
        "AM-5", "Whoever leaves loses everything in one transaction; an announced leave happens by itself",
        ("policy.access_management.leavers:leave", "website.keeping:start"),
    ),
    Guard(
        "AM-6", "Customers are opened, searched and printed in sessions on recorded devices only",
        ("policy.access_management.devices:on_a_device", "policy.access_management.devices:retire"),
    ),
    Guard(
        "AM-6", "Only what is the company's and managed can be recorded as a device",
        ("db:device_is_the_companys_and_managed", "db:device_is_not_deleted"),
    ),
    Guard(
        "AM-6", "Nothing live starts on a removable or another machine's disk",
        ("installation.file_systems:refuse_outside_media",),
    ),
    Guard(
        "AM-7", "No page is kept; labels go from the server to the printer and to nobody's disk",
        ("website.middleware:Headers", "application.despatch.prints:print_due"),
    ),
    Guard(
        "AM-8", "A try is counted, committed, before it is looked at; the last one locks for all processes at once",
        ("policy.access_management.lockout:charge", "policy.access_management.lockout:failed",
         "db:person_failures_are_counted"),
    ),
    Guard(
        "AM-8", "Tries from one place, openings and searches have limits of their own",
        ("policy.access_management.lockout:count_place", "keybroker.budgets:Limits"),
    ),
    Guard(
        "AM-10", "Session and roles are read from the database at each request; an ended session stays ended",
        ("policy.access_management.sessions:is_living", "policy.access_management.sessions:end_all",
         "db:session_has_a_factor_and_ends_once"),
    ),
    Guard(
        "AZ-1", "No way leads to a session without a second factor; a password alone soon leads nowhere",
        ("policy.access_management.actions:check_code", "policy.access_management.factors:can_sign_in",
         "db:session_has_a_factor_and_ends_once", "db:probe_has_no_factor"),
    ),
    Guard(
        "AZ-2", "A password that is weak, of the name or known is refused; an old one leads to a new one only",
        ("policy.access_management.passwords:why_too_weak", "policy.access_management.actions:change_password",
         "website.middleware:WITH_OLD_PASSWORD"),
    ),
    Guard(
        "AZ-2", "The database itself remembers the passwords before",
        ("db:password_is_remembered", "db:old_password_is_kept"),
    ),
    Guard(
        "AZ-5", "A credential's age starts anew only with another credential; its clock runs by itself",
        ("policy.access_management.credentials:see", "db:credential_is_as_old_as_it_is"),
    ),
    Guard(
        "LM-1", "One gate turns each refusal into a page and journals it in a transaction of its own",
        ("website.middleware:refused",),
    ),
    Guard(
        "LM-1", "Settings are journalled by their hash before a worker goes by them",
        ("policy.logging_and_monitoring.settings_file:note", "website.known:know_what_is_here"),
    ),
)  # fmt: skip
