"""What keeps links encrypted, and to whom they are meant for (ET-1 to ET-3)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "ET-1", "Amazon is asked over verified TLS 1.2 or newer, without redirects or proxies",
        ("marketplace.transport:Transport", "installation.configuration:load"),
    ),
    Guard(
        "ET-1", "A printer is reached over TLS and known by its pinned certificate, compared before a word is said",
        ("application.despatch.printing.printer:Printer", "db:printer_speaks_tls_only"),
    ),
    Guard(
        "ET-1", "A database over a network is reached by verify-full only; ours has no port at all",
        ("installation.external:check", "installation.postgres:Embedded"),
    ),
    Guard("ET-1", "A link that is not encrypted cannot be registered", ("db:link_is_encrypted_or_here",)),
    Guard(
        "ET-2", "The website listens with TLS 1.3 only, and no other process has a port",
        ("website.serve:main", "installation.running:Running"),
    ),
    Guard(
        "ET-3", "What listens is a list; the database has no port, key broker and inspector have no network",
        ("installation.running:Running", "installation.postgres:SETTINGS", "installation.process_flags:Life",
         "installation.units:HARD"),
    ),
    Guard(
        "ET-3", "What else may listen on the machine is named by whoever keeps it, port by port",
        ("installation.configuration:Network",),
    ),
)  # fmt: skip
