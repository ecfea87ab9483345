"""What keeps rows sealed, and customers off paper that is no label (ES-1, ES-5)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "ES-1",
        "Only the key broker seals, under AES-256-GCM; only its bytes fit the column, and one function writes them.",
        ("formats.sealed:seal", "db:sealed_body_is_version_1", "db:sealed_bundle_is_version_1", "db:seal_rows"),
    ),
    Guard(
        "ES-5",
        "An address is opened for a label that a printer has taken and the ledger holds; one template draws it.",
        ("application.despatch.prints:_deliver", "application.despatch.labels.layout:pages",
         "db:label_is_printed_first_once", "db:label_is_one_copy", "db:label_print_is_kept"),
    ),
)  # fmt: skip
