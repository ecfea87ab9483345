"""Evidence of what people did: written once, its hash in the journal; superseded or withdrawn, never edited (AU-1)."""

import hashlib
import json
import uuid
from datetime import datetime
from typing import Final

from django.db import transaction

from strongroom.formats.leaf import Fact, Kind, Outcome
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses.clauses import clause as clause_of
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.models import Evidence

MOST_WORDS: Final = 2_000


@transaction.atomic
def receive(
    *, clause: str, duty: str, words: str, effective_from: datetime, effective_until: datetime | None, by: Person,
    document_sha256: bytes | None = None, kept_at: str = "",
) -> Evidence:  # fmt: skip
    """Take evidence in. It speaks about `effective_from` to `effective_until`, whenever it came.

    Raises `Refused` for evidence of the future, without words, or with somebody in it; the last one of the same duty
    is superseded by it and stays.
    """
    require(Permission.DUTIES_DO, of=by)
    return observe(
        clause=clause, duty=duty, words=words, effective_from=effective_from, effective_until=effective_until,
        by=reference_of(by), document_sha256=document_sha256, kept_at=kept_at,
    )  # fmt: skip


@transaction.atomic
def observe(
    *, clause: str, duty: str, words: str, effective_from: datetime, effective_until: datetime | None, by: bytes,
    document_sha256: bytes | None = None, kept_at: str = "",
) -> Evidence:  # fmt: skip
    """`receive` of what a process saw by itself. Raises `Refused` as that does."""
    now = definitions.now()
    words = words.strip()
    if not words or len(words) > MOST_WORDS:
        raise Refused("AU-1", f"Say what was done, in 1 to {MOST_WORDS:,} characters.")
    if effective_from > now:
        raise Refused("AU-1", "Evidence speaks of what was done, not of what will be.")
    if document_sha256 is not None and (len(document_sha256) != 32 or not kept_at.strip()):
        raise Refused("AU-1", "A document is named by its SHA-256 (64 hex digits) and by where it is kept.")
    definitions.refuse_personal(f"{words}\n{kept_at}")
    made = Evidence(
        account_id=definitions.INSTALLATION, id=definitions.reference(), clause=clause, duty=duty,
        effective_from=effective_from, effective_until=effective_until, received_at=now,
        by=uuid.UUID(bytes=by), words=words, document_sha256=document_sha256, kept_at=kept_at.strip(),
    )  # fmt: skip
    made.sha256 = digest(made)
    entry = journal.record(
        Kind.EVIDENCE_RECEIVED, by=by,
        facts={Fact.CLAUSE: clause_of(clause).number, Fact.HASH: made.sha256},
    )  # fmt: skip
    made.entry = entry.id
    made.save(force_insert=True)
    before = Evidence.objects.filter(
        account_id=definitions.INSTALLATION, clause=clause, duty=duty, superseded_by__isnull=True
    )
    before.exclude(id=made.id).update(superseded_by=made.id)
    return made


@transaction.atomic
def withdraw(*, id_: uuid.UUID, by: Person) -> None:
    """It was wrong: from now on it proves nothing. It stays to be seen."""
    require(Permission.DUTIES_DO, of=by)
    found = Evidence.objects.select_for_update().get(account_id=definitions.INSTALLATION, id=id_)
    if found.withdrawn_at is not None:
        raise Refused("AU-1", "This evidence is withdrawn already.")
    Evidence.objects.filter(account_id=definitions.INSTALLATION, id=id_).update(withdrawn_at=definitions.now())
    journal.record(
        Kind.EVIDENCE_RECEIVED, by=reference_of(by), outcome=Outcome.REFUSED,
        facts={Fact.CLAUSE: clause_of(found.clause).number, Fact.HASH: bytes(found.sha256)},
    )  # fmt: skip


def digest(row: Evidence) -> bytes:
    """SHA-256 over all that the row says, canonical; the journal has it."""
    said = {
        "clause": row.clause, "duty": row.duty, "from": _moment(row.effective_from),
        "until": _moment(row.effective_until), "received": _moment(row.received_at), "by": str(row.by),
        "words": row.words, "document": bytes(row.document_sha256).hex() if row.document_sha256 else "",
        "kept at": row.kept_at,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).digest()


def in_force(clause: str, duty: str) -> Evidence | None:
    """The newest evidence of a duty, withdrawn or not."""
    return (
        Evidence.objects.filter(account_id=definitions.INSTALLATION, clause=clause, duty=duty)
        .order_by("-effective_from", "-received_at")
        .first()
    )


def newest() -> dict[tuple[str, str], Evidence]:
    """The same of every duty at once, by clause and duty: one statement, however many duties there are."""
    rows = Evidence.objects.filter(account_id=definitions.INSTALLATION)
    rows = rows.order_by("clause", "duty", "-effective_from", "-received_at").distinct("clause", "duty")
    return {(row.clause, row.duty): row for row in rows}


def _moment(at: datetime | None) -> int:
    return definitions.milliseconds(at) if at is not None else -1
