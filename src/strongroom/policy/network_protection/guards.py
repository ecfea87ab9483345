"""What keeps doors shut to whoever was not let in (NP-2)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "NP-2", "Deny by default: a view without a declared permission is not reached, and no process starts",
        ("website.middleware:Gate", "website.checks:routes_declare_permissions"),
    ),
    Guard("NP-2", "The public routes are named one by one", ("policy.network_protection.doors:PUBLIC",)),
)  # fmt: skip
