"""The gate of the settings: what `strongroom.toml` says is journalled by its hash before anything goes by it (LM-1).

Settings are read when a process starts. A file that changes under a running installation is in force nowhere, and does
not agree with the journal until the next start has journalled it.
"""

import hashlib
import uuid
from pathlib import Path

from strongroom.formats import leaf
from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.policy import definitions
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Entry

NO_FILE = hashlib.sha256(b"").digest()
"""Where there is no file, everything is as it comes."""


def digest_of(path: Path) -> bytes:
    """SHA-256 of what the file says, 32 bytes."""
    return hashlib.sha256(path.read_bytes()).digest() if path.exists() else NO_FILE


def note(digest: bytes, *, account: int = definitions.INSTALLATION) -> uuid.UUID | None:
    """Journal settings that are not those journalled last; the entry, or nothing where they are the same."""
    if last_noted(account) == digest:
        return None
    return journal.record_committed(
        Kind.SETTING_CHANGED, by=Actor.INSTALLER.reference, account=account, facts={Fact.HASH: digest}
    ).id


def last_noted(account: int) -> bytes | None:
    """The hash journalled last."""
    entries = Entry.objects.filter(account_id=account, kind=Kind.SETTING_CHANGED).order_by("-at")
    payload = entries.values_list("payload", flat=True).first()
    return leaf.octets(leaf.decode_entry(bytes(payload)).facts, Fact.HASH) if payload is not None else None
