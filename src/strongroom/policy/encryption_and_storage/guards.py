"""What keeps rows sealed, keys with our processes, and customers off paper that is no label (ES-1 to ES-3, ES-5)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "ES-1",
        "Only the key broker seals, under AES-256-GCM; only its bytes fit the column, and one function writes them.",
        ("formats.sealed:seal", "db:sealed_body_is_version_1", "db:sealed_bundle_is_version_1", "db:seal_rows"),
    ),
    Guard(
        "ES-2",
        "Nothing live starts on a removable or another machine's disk; copies have a list of folders, and no address.",
        ("installation.file_systems:refuse_outside_media", "installation.configuration:Backup"),
    ),
    Guard(
        "ES-3",
        "The key broker is a user of its own, knows its peers by uid, and has no network, no core dump and no swap.",
        ("keybroker.listener:Listener", "keybroker.hardening:harden", "installation.process_flags:Life"),
    ),
    Guard(
        "ES-3",
        "Owners and modes are one table, applied at each start; keys belong to the key broker and to nobody else.",
        ("installation.layout:LAYOUT", "installation.layout:settle"),
    ),
    Guard(
        "ES-5",
        "An address is opened for a label that a printer has taken and the ledger holds; one template draws it.",
        ("application.despatch.prints:_deliver", "application.despatch.labels.layout:pages",
         "db:label_is_printed_first_once", "db:label_is_one_copy", "db:label_print_is_kept"),
    ),
)  # fmt: skip
