"""The journal's one door: `record` writes an entry in the caller's transaction (LM-1, LM-2, AM-3).

No free text goes in: kinds, outcomes and facts are enums and fixed widths (docs/formats/leaf.md). What is written here
is committed or rolled back with the act it speaks of; its place in the tree is given by the sequencer.
"""

import os
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from strongroom.formats import leaf
from strongroom.formats.leaf import Fact, Kind, Outcome
from strongroom.policy import definitions
from strongroom.policy.logging_and_monitoring.models import Entry, Leaf, Pending

URGENT = frozenset(
    {
        Kind.ROLE_GRANTED,
        Kind.GRANT_ENDED,
        Kind.GRANT_PROPOSED,
        Kind.GRANT_SUSPENDED,
        Kind.GRANT_RESTORED,
        Kind.ACCOUNT_LOCKED,
        Kind.ACCOUNT_UNLOCKED,
        Kind.PERSON_CREATED,
        Kind.FIRST_ADMINISTRATOR,
        Kind.APPROVAL_PROPOSED,
        Kind.APPROVAL_GIVEN,
        Kind.APPROVAL_DECLINED,
        Kind.APPROVAL_USED,
        Kind.TERMS_CHANGED,
        Kind.POLICY_PUBLISHED,
    }
)
"""Sequenced before the verb returns: right after the commit that wrote them."""

MOST_AT_ONCE = 2_000
"""Entries that one transaction gives their places."""

COLUMNS: Final = ("account_id", "id", "kind", "outcome", "at", "subject", "by", "payload", "salt")
WRITE: Final = f"""
WITH written AS (
    INSERT INTO entry ({", ".join(COLUMNS)}) VALUES ({", ".join(["%s"] * len(COLUMNS))}) RETURNING account_id, id
)
INSERT INTO pending (account_id, entry) SELECT account_id, id FROM written
"""  # noqa: S608 - names of ours
"""An entry, and that it has no place yet: one statement, so that the commit can come with it."""

Append = Callable[[list[tuple[bytes, bytes]]], list[int]]
"""Hands entries and salts to the key broker and returns their places in the tree."""


def _nowhere(_entries: list[tuple[bytes, bytes]]) -> list[int]:
    return []


_append: Append = _nowhere


def use_sequencer(append: Append) -> None:
    """Give this process its way to the tree; called once, at start."""
    global _append  # noqa: PLW0603 - one way a process, set before anything asks
    _append = append


def record(
    kind: Kind,
    *,
    by: bytes,
    account: int = definitions.INSTALLATION,
    subject: bytes | None = None,
    outcome: Outcome = Outcome.DONE,
    facts: Mapping[Fact, int | bytes] | None = None,
) -> Entry:
    """Write one entry in the caller's transaction. `by` and `subject` are 16-byte references.

    Raises `TimeUnknown` where policy time is not known: what cannot be dated cannot be journalled, or done.
    """
    return _write(
        leaf.Entry(
            id=definitions.reference().bytes,
            kind=kind,
            outcome=outcome,
            at=definitions.milliseconds(definitions.now()),
            account=account,
            subject=subject or leaf.NOBODY,
            by=by,
            facts=facts or {},
        )
    )


def record_committed(kind: Kind, **what: object) -> Entry:
    """`record`, and the commit with it: one statement is a transaction of its own, and waits once for the database.

    Raises `TransactionManagementError` where a transaction is open, since the commit would not be real.
    """
    connection.validate_no_atomic_block()
    return record(kind, **what)  # type: ignore[arg-type]  # the same keywords, checked where they are used


def sequence(account: int, append: Append, *, most: int = MOST_AT_ONCE) -> int:
    """Give this account's pending entries their places in the tree; returns how many (LM-2).

    The tree knows an entry by its id, so a crash between the broker's answer and this commit only repeats the answer.
    """
    with transaction.atomic():
        entries = list(_pending(account, most))
        if not entries:
            return 0
        places = append([(bytes(e.payload), bytes(e.salt)) for e in entries])
        Leaf.objects.bulk_create(
            [Leaf(account_id=account, entry=e.id, index=place) for e, place in zip(entries, places, strict=True)],
            ignore_conflicts=True,
        )
        Pending.objects.filter(account_id=account, entry__in=[e.id for e in entries]).delete()
    return len(entries)


def accounts_with_pending() -> list[int]:
    """Sweep: the accounts that have entries without a place."""
    return list(Pending.objects.order_by("account_id").values_list("account_id", flat=True).distinct())


def _write(entry: leaf.Entry) -> Entry:
    payload, salt = leaf.encode_entry(entry), os.urandom(leaf.SALT_BYTES)
    row = Entry(
        account_id=entry.account,
        id=uuid.UUID(bytes=entry.id),
        kind=entry.kind,
        outcome=entry.outcome,
        at=definitions.moment(entry.at),
        subject=uuid.UUID(bytes=entry.subject) if entry.subject != leaf.NOBODY else None,
        by=uuid.UUID(bytes=entry.by),
        payload=payload,
        salt=salt,
    )
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [getattr(row, name) for name in COLUMNS])
    if entry.kind in URGENT:
        connection.on_commit(lambda: _append([(payload, salt)]) and None)
    return row


def _pending(account: int, most: int) -> list[Entry]:
    """Oldest first; SKIP LOCKED, so that two sequencers share the work instead of doubling it."""
    ids = list(
        Pending.objects.select_for_update(skip_locked=True)
        .filter(account_id=account)
        .values_list("entry", flat=True)[:most]
    )
    return list(Entry.objects.filter(account_id=account, id__in=ids).order_by("at", "id"))


def oldest_pending(account: int) -> datetime | None:
    """When the oldest entry without a place was written; `None` where all have one."""
    ids = Pending.objects.filter(account_id=account).values_list("entry", flat=True)
    return Entry.objects.filter(account_id=account, id__in=ids).order_by("at").values_list("at", flat=True).first()
