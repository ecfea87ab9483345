"""What shows that the journal has no room for anybody's words: typed facts of fixed widths, and nothing else (LM-3)."""

from datetime import timedelta
from typing import Final

from strongroom.formats.leaf import WIDTHS, decode_entry
from strongroom.formats.malformed import Malformed
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unused

ID: Final = "LM-3.facts"
DECLARED: Final = {
    "account_id": "bigint", "id": "uuid", "kind": "smallint", "outcome": "smallint",
    "at": "timestamp with time zone", "subject": "uuid", "by": "uuid", "payload": "bytea", "salt": "bytea",
}  # fmt: skip
"""What a row of the journal may hold; none of it is a text."""
WIDE: Final = 32
"""A fact of so many bytes that are all printable is no hash: by chance that is one in 10**14."""
LOOK_BACK: Final = (timedelta(hours=1), timedelta(days=7))
"""How far entries are looked at anew: from the last proof and a little, at most a week."""
AT_ONCE: Final = 10_000

COLUMNS: Final = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'entry'::regclass AND attnum > 0 AND NOT attisdropped
"""
BEFORE: Final = "SELECT max(began_at) FROM run WHERE account_id = 0 AND check_id = %s AND outcome = 'pass'"
ENTRIES: Final = """
SELECT at, id, payload, octet_length(salt) FROM entry WHERE (at, id) > (%s, %s) ORDER BY at, id LIMIT %s
"""
NONE: Final = "00000000-0000-0000-0000-000000000000"


def entries_hold_facts_only(look: Look) -> Verdict:
    """The table's columns, and each entry since the last look, decoded fact by fact."""
    columns = {str(name): str(kind) for name, kind in asking.rows(COLUMNS)}
    other = sorted(name for name in {*columns, *DECLARED} if columns.get(name) != DECLARED.get(name))
    if other:
        return failed(f"The journal's column {other[0]} is not as declared.", columns=len(columns), other=len(other))
    before, (least, most) = asking.value(BEFORE, ID), LOOK_BACK
    back = most if before is None else min(max(look.now - before, timedelta()) + least, most)
    entries = wrong = 0
    at, id_ = look.now - back, NONE
    while rows := asking.rows(ENTRIES, at, id_, AT_ONCE):
        entries += len(rows)
        wrong += sum(not _is_of_facts(bytes(payload), salt) for _, _, payload, salt in rows)
        at, id_ = rows[-1][0], rows[-1][1]
    seen = {"columns": len(columns), "entries": entries, "wrong": wrong}
    if wrong:
        return failed(f"Entries of the journal with something that is no fact: {wrong:,}.", **seen)
    if not entries:
        return unused("Nothing was journalled lately.", **seen)
    return passed(f"{entries:,} entries since the last look, each of facts of fixed width.", **seen)


def _is_of_facts(payload: bytes, salt: int) -> bool:
    try:
        facts = decode_entry(payload).facts
    except Malformed:
        return False
    wide = [bytes(value) for fact, value in facts.items() if isinstance(value, bytes) and WIDTHS[fact] >= WIDE]
    return salt == WIDE and not any(value.isascii() and value.decode().isprintable() for value in wide)


CHECKS: Final = (
    Check(
        ID,
        "The journal holds facts of fixed width, and has no room for words.",
        "The journal holds something that is no fact.",
        entries_hold_facts_only,
        patience=timedelta(minutes=2),
    ),
)
