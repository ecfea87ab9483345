"""What keeps logs from being rewritten, dropped early, or told anything of anybody (LM-2 to LM-4, LM-6)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "LM-2",
        "Entries and leaves are append-only; the key broker alone writes and signs the tree, and refuses one cut back.",
        ("db:entry_is_append_only", "db:leaf_is_append_only", "db:entry_is_not_truncated", "keybroker.journal:Journal",
         "keybroker.journal:RolledBack"),
    ),
    Guard(
        "LM-3",
        "A log line is a template without its values, an error its type and place; the journal takes facts of fixed"
        " width; the database logs no statement and no parameter.",
        ("website.log:ValuelessFormatter", "website.log:end_without_values", "formats.leaf:WIDTHS",
         "formats.secret:Secret", "installation.external:check"),
    ),
    Guard(
        "LM-4",
        "Nothing deletes an entry. Where somebody signed in from, and calls of Amazon, go by functions that refuse"
        " before twelve months are over and demand their entry.",
        ("db:entry_is_append_only", "db:drop_sign_ins", "db:sign_in_detail_is_append_only", "db:forget_calls",
         "db:api_call_is_not_deleted"),
    ),
    Guard(
        "LM-6",
        "The gateway writes a row before each call and completes it once; there is no column for what was said.",
        ("application.gateway:DatabaseCallLog", "db:api_call_is_completed_once",
         "policy.logging_and_monitoring.checks.calls:DECLARED"),
    ),
)  # fmt: skip
