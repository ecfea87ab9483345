"""What keeps doors shut to whoever was not let in (NP-1, NP-2)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "NP-1", "Rules of the allow-list drop everybody else; they load as a whole, and without them nothing serves",
        ("installation.firewall:rules", "installation.service:_install_rules", "installation.units:_firewall"),
    ),
    Guard(
        "NP-1", "The service manager too lets packets to the website from the allow-list only, whatever rules stand",
        ("installation.units:_web",),
    ),
    Guard(
        "NP-2", "Deny by default: a view without a declared permission is not reached, and no process starts",
        ("website.middleware:Gate", "website.checks:routes_declare_permissions"),
    ),
    Guard("NP-2", "The public routes are named one by one", ("policy.network_protection.doors:PUBLIC",)),
)  # fmt: skip
