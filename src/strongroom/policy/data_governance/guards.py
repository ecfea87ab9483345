"""What keeps things from standing anywhere, and links from going live unthought of (GS-1, GS-2)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "GS-1",
        "A server, bin or printer goes live in a recorded place only, and a place is recorded with a control only.",
        ("policy.encryption_and_storage.registers:the_place", "db:place_has_a_control",
         "policy.encryption_and_storage.registers:record_known_place"),
    ),
    Guard(
        "GS-2",
        "A link goes live only where a threat speaks of it, and a threat stands with a control or an accepted rest.",
        ("policy.encryption_and_storage.registers:know_link", "db:threat_is_answered",
         "policy.encryption_and_storage.registers:record_threat"),
    ),
)  # fmt: skip
