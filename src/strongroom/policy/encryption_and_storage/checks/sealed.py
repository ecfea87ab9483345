"""What shows that sealed rows are sealed: how their bytes look, and the leaf that the key broker left of each (ES-1).

A sample of every living day, taken at random places; a small installation is looked at whole.
"""

import os
import re
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any, Final

from strongroom.formats import leaf
from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.sealed import INDEX_BYTES, KEY_BYTES, PAD_TO, TAG_BYTES, VERSION
from strongroom.formats.tiles import WIDTH
from strongroom.policy import definitions
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unused
from strongroom.policy.logging_and_monitoring.tree import PublishedTree

A_DAY: Final = 200
"""Rows looked at of each account and day."""
READ: Final = 1_000
"""Bundles of leaves after which no further day is begun: those of one day may be hundreds of thousands."""
SIGNED_WITHIN: Final = 3.0
TEXT: Final = re.compile(rb"[\x20-\x7e]{40,}|\x00{8,}")
"""What no cipher writes: of the largest parts, one in a hundred thousand million has so long a run by chance."""
BUNDLES: Final = frozenset(1 + 12 + KEY_BYTES + 2 + n * (1 + TAG_BYTES) + 16 for n in range(4))

WITHOUT_KEY: Final = """
SELECT count(*) FROM selling_account a CROSS JOIN (
    SELECT to_date(substr(c.relname, 8), 'YYYYMMDD') AS day FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'sealed'::regclass AND c.relname ~ '^sealed_[0-9]{8}$'
) d
WHERE EXISTS (SELECT FROM sealed s WHERE s.account_id = a.id AND s.day = d.day)
  AND NOT EXISTS (SELECT FROM day_key k WHERE k.account_id = a.id AND k.day = d.day AND k.dropped_at IS NULL)
"""
"""Sweep: days of accounts that have rows and no key which is not dropped; each is one look at the table's own key."""

Sealing = tuple[int, bytes, int, int]
"""(account, order's reference, part, write)."""


@dataclass(frozen=True)
class Row:
    """A sealed row as it stands in the table."""

    account: int
    order: bytes
    part: int
    write: int
    born: date
    bundle: bytes
    body: bytes
    indexes: tuple[bytes | None, ...]

    @property
    def sealing(self) -> Sealing:
        return self.account, self.order, self.part, self.write

    @property
    def looks_sealed(self) -> bool:
        """Lengths as the format has them, and bytes without any text in them."""
        if self.bundle[:1] != bytes([VERSION]) or self.body[:1] != bytes([VERSION]):
            return False
        if len(self.bundle) not in BUNDLES or (len(self.body) - 17) % PAD_TO or len(self.body) < 17 + PAD_TO:
            return False
        if any(index is not None and len(index) != INDEX_BYTES for index in self.indexes):
            return False
        return not (reads_as_text(self.bundle[1:]) or reads_as_text(self.body[1:]))


def reads_as_text(data: bytes) -> bool:
    """Whether bytes hold a run of text or padding, or are text as a whole in whatever script."""
    if TEXT.search(data):
        return True
    try:
        data.rstrip(b"\x00\x80").decode()
    except UnicodeDecodeError:
        return False
    return len(data) >= 32


def rows_are_sealed(look: Look) -> Verdict:
    """No row stands where no key is; a sample of the others: each looks like a cipher's, and has its seal's leaf."""
    keyless = asking.settled(lambda: asking.value(WITHOUT_KEY), lambda found: not found)
    if keyless:
        return failed(
            f"Rows stand in {keyless:,} days without a key: nobody sealed them there, or they should be gone.",
            keyless=keyless,
        )
    rows = list(_sample())
    if not rows:
        return unused("No personal data is held.", rows=0)
    plain = sum(not row.looks_sealed for row in rows)
    if plain:
        return failed(
            f"Rows that are not what a cipher writes: {plain:,} of {len(rows):,}.", rows=len(rows), plain=plain
        )
    asked, missing = _without_leaf(look.data / "journal", rows)
    seen = {"rows": len(rows), "plain": 0, "with leaf": asked - missing, "without leaf": missing}
    if missing:
        return failed(
            f"Rows that the key broker never sealed, since no leaf speaks of them: {missing:,} of {asked:,}.", **seen
        )
    return passed(f"{len(rows):,} rows look sealed; of {asked:,} the journal holds the seal.", **seen)


def _sample() -> Iterator[Row]:
    """Rows of every account and day that is not dropped, from a random reference on and round again."""
    start = uuid.UUID(bytes=os.urandom(16))
    for account, day in asking.rows("SELECT DISTINCT account_id, day FROM day_key WHERE dropped_at IS NULL"):
        found = _rows(account, day, ">=", start, A_DAY)
        yield from found
        if len(found) < A_DAY:
            yield from _rows(account, day, "<", start, A_DAY - len(found))


def _rows(account: int, day: date, side: str, start: uuid.UUID, most: int) -> list[Row]:
    found = asking.rows(
        "SELECT account_id, order_ref, part, write, born, bundle, body, index_email, index_phone, index_place"  # noqa: S608
        f" FROM sealed WHERE account_id = %s AND day = %s AND order_ref {side} %s ORDER BY order_ref LIMIT %s",
        account, day, start, most,
    )  # fmt: skip
    return [_row(*row) for row in found]


def _row(
    account: int, order: uuid.UUID, part: int, write: int, born: date, bundle: Any, body: Any, *indexes: Any
) -> Row:
    told = tuple(None if index is None else bytes(index) for index in indexes)
    return Row(account, order.bytes, part, write, born, bytes(bundle), bytes(body), told)


def _without_leaf(folder: Path, rows: Sequence[Row]) -> tuple[int, int]:
    """(rows whose leaf was looked for, how many of them have none). The newest leaves are signed within a second."""
    by_day: dict[date, set[Sealing]] = defaultdict(set)
    for row in rows:
        by_day[row.born].add(row.sealing)
    tree = PublishedTree(folder)
    asked, left = 0, set()
    read = 0
    for day in sorted(by_day, key=lambda _: os.urandom(4)):
        if read >= READ:
            break
        asked += len(by_day[day])
        missing = set(by_day[day])
        for leaves in _leaves_around(tree, day):
            read += 1
            missing -= {_sealing(data) for data in _seals(leaves)}
        left |= missing
    if left:
        time.sleep(SIGNED_WITHIN)
        newer = PublishedTree(folder)
        for bundle in range(tree.size // WIDTH, newer.bundles):
            left -= {_sealing(data) for data in _seals(newer.bundle(bundle))}
    return asked, len(left)


def _leaves_around(tree: PublishedTree, day: date) -> Iterator[Sequence[bytes]]:
    """The bundles of leaves that were made on a day, and an hour around it."""
    began = datetime.combine(day, clock(), UTC)
    after = definitions.milliseconds(began + timedelta(days=1, hours=1))
    for index in range(_first_bundle(tree, definitions.milliseconds(began - timedelta(hours=1))), tree.bundles):
        leaves = tree.bundle(index)
        if min(leaf.glance(data)[1] for data in leaves) > after:
            return
        yield leaves


def _first_bundle(tree: PublishedTree, at: int) -> int:
    """The first bundle that reaches a moment (ms). An entry may stand later than its time, never earlier."""
    low, high = 0, tree.bundles
    while low < high:
        middle = (low + high) // 2
        if max(leaf.glance(data)[1] for data in tree.bundle(middle)) < at:
            low = middle + 1
        else:
            high = middle
    return low


def _seals(leaves: Sequence[bytes]) -> Iterator[bytes]:
    return (data for data in leaves if leaf.glance(data)[0] == Kind.SEALED)


def _sealing(data: bytes) -> Sealing:
    entry = leaf.decode_leaf(data).entry
    return entry.account, entry.subject, leaf.number(entry.facts, Fact.PART), leaf.number(entry.facts, Fact.WRITE)


CHECKS: Final = (
    Check(
        "ES-1.rows",
        "Rows of personal data look sealed, and the key broker left a leaf of each.",
        "A row is not sealed, or was not sealed by the key broker.",
        rows_are_sealed,
        patience=timedelta(seconds=120),
    ),
)
