"""Rows of sealed parts: written, carried and erased through the definer functions, never by hand (ES-1, RR-2)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection, transaction

from strongroom.formats import leaf
from strongroom.formats.broker import Located, Sealed, ToOpen, ToSeal
from strongroom.formats.parts import OPENS, Part, Purpose
from strongroom.formats.refused import Refused
from strongroom.formats.sealed import Day, Place
from strongroom.formats.search import SearchField
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import broker, models
from strongroom.policy.encryption_and_storage.broker import KeyOfDay
from strongroom.policy.encryption_and_storage.connection import Forgotten
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Entry

SHOWN: Final = timedelta(seconds=60)
LATE: Final = timedelta(seconds=15)
"""What an extension may come late: a request takes its time."""
MOST_EXTENSIONS: Final = 3
MOST_FOUND: Final = 100

ROW: Final = "s.account_id, s.day, s.order_ref, s.part, s.write, s.born, s.generation, s.bundle, s.body"
CURRENT: Final = f"""
SELECT {ROW} FROM part p
JOIN sealed s USING (account_id, day, order_ref, part, write) WHERE p.account_id = %s AND p.order_ref = %s ORDER BY part
"""  # noqa: S608 - names of ours
"""The day of each part is known, so the database looks into its partition, and not into those of five weeks."""
FOUND: Final = {
    field: f"""
SELECT {ROW} FROM unnest(%s::date[], %s::bytea[]) AS wanted (living, value)
JOIN sealed s ON s.day = living AND s.index_{column} = value
JOIN part p USING (account_id, day, order_ref, part, write) WHERE account_id = %s ORDER BY day DESC LIMIT %s
"""  # noqa: S608 - names of ours
    for field, column in (
        (SearchField.EMAIL, "email"), (SearchField.PHONE, "phone"), (SearchField.NAME_AND_POSTCODE, "place"),
    )
}  # fmt: skip
"""One probe a living day, in its own partition."""


@dataclass(frozen=True)
class Written:
    """A sealed part on its way into its row."""

    order: uuid.UUID
    part: Part
    write: int
    sealed: Sealed


def know_keys(*, account: int, keys: Sequence[KeyOfDay]) -> None:
    """Keep the token hash of each key that sealed, so that its partition can be dropped once the key is dead."""
    models.DayKey.objects.bulk_create(
        [
            models.DayKey(
                account_id=account,
                day=definitions.day_of_number(key.day),
                generation=key.generation,
                token_sha256=key.token_sha256,
            )
            for key in keys
        ],
        ignore_conflicts=True,
    )


def write_rows(*, account: int, rows: Sequence[Written]) -> int:
    """Put sealed parts into their partition, in the caller's transaction; an older write of a part goes (RR-2)."""
    written = 0
    for day, generation in sorted({(row.sealed.day.day, row.sealed.day.generation) for row in rows}):
        mine = [r for r in rows if (r.sealed.day.day, r.sealed.day.generation) == (day, generation)]
        columns = [broker.index_columns(r.sealed.indexes) for r in mine]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT seal_rows(%s, %b::uuid[], %b::smallint[], %b::bigint[], %s, %s::smallint,"
                " %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[])",
                [
                    account,
                    [r.order for r in mine],
                    [int(r.part) for r in mine],
                    [r.write for r in mine],
                    definitions.day_of_number(day),
                    generation,
                    [r.sealed.bundle for r in mine],
                    [r.sealed.body for r in mine],
                    *([column[i] for column in columns] for i in range(3)),
                ],
            )
            written += cursor.fetchone()[0]
    return written


def write_tracking(*, account: int, row: Written) -> None:
    """Put a sealed tracking number into its partition, in the caller's transaction: the one part that pages seal."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seal_tracking(%s, %s, %s, %s, %s::smallint, %s, %s)",
            [account, row.order, row.write, definitions.day_of_number(row.sealed.day.day), row.sealed.day.generation,
             row.sealed.bundle, row.sealed.body],
        )  # fmt: skip


def move_rows(*, account: int, order: uuid.UUID, rows: Sequence[tuple[Located, Sealed]]) -> int:
    """Put an order's parts under another day's key, in the caller's transaction; bodies stay as they are."""
    columns = [broker.index_columns(new.indexes) for _, new in rows]
    day, generation = rows[0][1].day.day, rows[0][1].day.generation
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT carry_rows(%s, %s, %b::smallint[], %b::bigint[], %s, %s::smallint,"
            " %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[])",
            [
                account,
                order,
                [int(old.place.part) for old, _ in rows],
                [old.place.write for old, _ in rows],
                definitions.day_of_number(day),
                generation,
                [new.bundle for _, new in rows],
                *([column[i] for column in columns] for i in range(3)),
            ],
        )
        return int(cursor.fetchone()[0])


def erase_rows(*, account: int, order: uuid.UUID) -> int:
    """Delete the live rows of an order that is done, in the caller's transaction (RR-3)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT erase_rows(%s, %s)", [account, order])
        return int(cursor.fetchone()[0])


def current(*, account: int, order: uuid.UUID) -> list[models.Sealed]:
    """The current sealed rows of an order, by part."""
    return _sealed_rows(CURRENT, [account, order])


def _sealed_rows(statement: str, parameters: Sequence[Any]) -> list[models.Sealed]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column[0] for column in cursor.description]
        return [models.Sealed(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def located(row: models.Sealed) -> Located:
    """Where the broker must find this row to belong."""
    return Located(
        Place(row.account_id, row.order_ref.bytes, Part(row.part), row.write),
        Day(definitions.day_number(row.born), definitions.day_number(row.day), row.generation),
        bytes(row.bundle),
    )


def to_seal(*, order: uuid.UUID, part: Part, fields: dict[str, Secret]) -> ToSeal:
    """A part with a fresh write number, ready to be sealed."""
    return ToSeal(order.bytes, part, definitions.reference().int >> 65, fields)


def find(*, account: int, field: SearchField, value: Secret, by: bytes, device: int | None = None) -> list[uuid.UUID]:
    """Orders whose sealed data holds this value: journalled first, looked up by index values, verified by the broker.

    The database sees index values of living days only, never what was searched for (AM-3). At most 100 orders.
    Raises `OverBudget` where more was searched for within 24 hours than one person may. `device`: where, for the entry.
    """
    facts: dict[leaf.Fact, int | bytes] = {leaf.Fact.FIELD: field, **_at(device)}
    entry = journal.record_committed(leaf.Kind.SEARCHED, by=by, account=account, facts=facts)
    wanted = broker.search(
        entry=bytes(entry.payload), salt=bytes(entry.salt), account=account, by=by, field=field, value=value
    )
    days, values = [day for day, _ in wanted], [index for _, index in wanted]
    rows = _sealed_rows(FOUND[field], [days, values, account, MOST_FOUND])
    if not rows:
        return []
    same = broker.matches([located(row) for row in rows])
    return list(dict.fromkeys(row.order_ref for row, is_it in zip(rows, same, strict=True) if is_it))


def extend(*, account: int, order: uuid.UUID, opening: uuid.UUID, by: bytes) -> int:
    """Write down that an opening is shown for another minute; how many more times it may be (AM-3).

    Raises `Refused` where it is not this person's own opening, is over, or was extended three times.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [opening.int >> 65])  # two keys pressed at once are two
        said = Entry.objects.filter(
            account_id=account, id=opening, subject=order, by=uuid.UUID(bytes=by), kind=leaf.Kind.OPENED
        ).first()  # fmt: skip
        if said is None:
            raise Refused("AM-3", "This is not an opening of yours. Open it anew, for a purpose.")
        after = Entry.objects.filter(
            account_id=account, subject=order, by=said.by, kind=leaf.Kind.OPENING_EXTENDED, at__gte=said.at
        )  # fmt: skip
        mine = [e for e in after if leaf.decode_entry(bytes(e.payload)).facts.get(leaf.Fact.ENTRY) == opening.bytes]
        shown_until = said.at + SHOWN * (len(mine) + 1) + LATE
        if len(mine) >= MOST_EXTENSIONS or definitions.now() > shown_until:
            raise Refused("AM-3", "It was shown long enough. Open it anew, for a purpose.")
        journal.record(
            leaf.Kind.OPENING_EXTENDED, by=by, account=account, subject=order.bytes,
            facts={leaf.Fact.ENTRY: opening.bytes, leaf.Fact.SECONDS: int(SHOWN.total_seconds())},
        )  # fmt: skip
    return MOST_EXTENSIONS - len(mine) - 1


@dataclass(frozen=True)
class Opening:
    """What a purpose opened of an order, and the entry that says so."""

    fields: dict[str, Secret]
    entry: uuid.UUID


def open_for(
    *, account: int, order: uuid.UUID, purpose: Purpose, by: bytes, case: int | None = None, device: int | None = None
) -> Opening:
    """Open one part of one order for a purpose: the entry is committed first, then the broker is asked (AM-3).

    device: which of the company's devices it is shown on, for the entry (AM-6).

    Raises `Forgotten` where no such part can be opened any more, `Refused`, `Locked` or `Unavailable`.
    """
    part = OPENS[purpose].part
    row = next((r for r in current(account=account, order=order) if r.part == part), None)
    if row is None:
        raise Forgotten("this part was never held or has been forgotten")
    facts: dict[leaf.Fact, int | bytes] = {
        leaf.Fact.PART: part,
        leaf.Fact.WRITE: row.write,
        leaf.Fact.PURPOSE: purpose,
        **_at(device),
    }
    if case is not None:
        facts[leaf.Fact.CASE] = case
    entry = journal.record_committed(  # a surrounding transaction raises, so the commit is real
        leaf.Kind.OPENED, by=by, account=account, subject=order.bytes, facts=facts
    )
    wanted = ToOpen(bytes(entry.payload), bytes(entry.salt), located(row), bytes(row.body))
    fields = broker.one(broker.open_parts(account=account, purpose=purpose, by=by, parts=[wanted]))
    return Opening(fields, entry.id)


def _at(device: int | None) -> dict[leaf.Fact, int | bytes]:
    return {leaf.Fact.DEVICE: device} if device is not None else {}
