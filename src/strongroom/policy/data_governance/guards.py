"""What keeps things from standing anywhere, links from going live, and public pages from saying what is not so."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "GS-1",
        "A server, bin or printer goes live in a recorded place only, and a place is recorded with a control only.",
        (
            "policy.encryption_and_storage.registers:the_place",
            "db:place_has_a_control",
            "policy.encryption_and_storage.registers:record_known_place",
        ),
    ),
    Guard(
        "GS-2",
        "A link goes live only where a threat speaks of it, and a threat stands with a control or an accepted rest.",
        (
            "policy.encryption_and_storage.registers:know_link",
            "db:threat_is_answered",
            "policy.encryption_and_storage.registers:record_threat",
        ),
    ),
    Guard(
        "DG-4",
        "Pages are made of the terms in force alone: no number stands in a sentence, and none can be published by hand",
        (
            "policy.data_governance.actions:publish",
            "policy.data_governance.apps:words_say_our_terms",
            "policy.data_governance.wording:what_is_wrong",
        ),
    ),
    Guard(
        "DG-4",
        "A change of terms starts the duty to publish and asks the check at once",
        ("policy.obligations.versions:put_in_force", "db:policy_version_is_append_only"),
    ),
)
