"""The doors that stand open to everybody, by name: a route that is public in the code and not here is a hole (NP-2)."""

from typing import Final

PUBLIC: Final = frozenset(
    {
        "sign-in", "sign-in/code", "sign-in/enrol", "sign-in/enrol/passkey", "sign-in/passkey",
        "sign-in/passkey/challenge", "first/<str:token>", "invitation/<str:token>", "healthz", "readyz",
        "policy", "policy.pdf", "policy.json", "policy.sums", "privacy", "privacy.pdf",
    }
)  # fmt: skip
"""Patterns of routes. The ways in give nobody a session without a factor; the two of health say one word; what is
published is the same bytes for everybody."""
SIGN_IN: Final = "/sign-in"
