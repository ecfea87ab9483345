"""What keeps the public pages from saying anything but what runs (DG-4)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
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
