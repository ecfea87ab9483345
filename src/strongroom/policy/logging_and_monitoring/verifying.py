"""Verifying the journal bit by bit: the new part each time, and a slice of the old, so that all has its turn (LM-2).

The head is verified whole each time: its signature, the tiles that lead to its root, and that it extends every head
that is known from before. Leaves are compared with the hashes in the tree, and the database's entries with their
leaves, for the newest bundles and for a slice that goes round.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from strongroom.formats import leaf
from strongroom.formats.leaf import HEADER_BYTES, SAID_BY_BROKER
from strongroom.formats.note import VerifierKey
from strongroom.formats.tiles import WIDTH
from strongroom.policy.clauses import asking
from strongroom.policy.logging_and_monitoring.checkpoints import outside_checkpoints
from strongroom.policy.logging_and_monitoring.tree import PublishedTree

SLICE: Final = 24
"""Bundles that are looked at again at least; a tree of no more is looked at whole each time."""
ROUNDS: Final = 20
"""In how many looks the whole tree has had its turn, however large it is."""
AT_ONCE: Final = 64

PLACED: Final = """
SELECT l.index, l.entry, e.payload, e.salt FROM leaf l
LEFT JOIN entry e ON e.account_id = l.account_id AND e.id = l.entry
WHERE l.account_id = ANY (%s) AND l.index >= %s AND l.index < %s
"""
BY_ID: Final = "SELECT id, payload, salt FROM entry WHERE account_id = ANY (%s) AND id = ANY (%s::uuid[])"


@dataclass(frozen=True)
class Head:
    """A size and a root that were seen before, here or elsewhere."""

    size: int
    root: bytes


class Altered(Exception):
    """The journal, or what stands of it in the database, is not what it was."""


def verify_head(tree: PublishedTree, known: Sequence[Head]) -> None:
    """That tiles lead to the signed root and that these heads are prefixes. Raises `Altered` or `Malformed`."""
    tree.verify_head()
    for head in known:
        if head.size > tree.size:
            raise Altered(f"it holds {tree.size:,} leaves and held {head.size:,} before")
        if head.size and tree.root_at(head.size) != head.root:
            raise Altered(f"its first {head.size:,} leaves are not those that were signed before")


def outside_heads(place: Path, key: VerifierKey) -> list[Head]:
    """The heads that lie elsewhere, as they are read now. Raises `PlaceLost`, and `Altered` for a forged one."""
    found = outside_checkpoints(place, key)
    heads = [Head(each.checkpoint.size, each.checkpoint.root) for each in found if each.checkpoint is not None]
    if len(heads) < len(found):
        raise Altered("a head that lies elsewhere is not signed by its key")
    return heads


def changed(folder: Path, since: int) -> tuple[set[int], int]:
    """Bundles whose files were written, or written to, after a moment (ns); and the newest such moment.

    The file system's change time is what nobody sets back; what is altered without it has its turn within the day.
    """
    found, newest = set(), since
    for level in ("0", "entries"):
        top = folder / "tile" / level
        for path in top.rglob("[0-9][0-9][0-9]"):
            if path.parent.suffix:  # a tile that is not full yet; there is only one, and it is looked at anyway
                continue
            at = path.stat().st_ctime_ns
            newest = max(newest, at)
            if at > since:
                found.add(int("".join(path.relative_to(top).parts).replace("x", "")))
    return found, newest


def bundles_due(tree: PublishedTree, *, since: int, also: set[int], following: int) -> tuple[list[int], int]:
    """The bundles that came since a size, others that must be looked at, and the slice that has its turn.

    Also where the next slice begins.
    """
    count = tree.bundles
    width = min(count, max(SLICE, -(-count // ROUNDS)))
    again = {(following + i) % count for i in range(width)}
    new = range(min(since, tree.size) // WIDTH, count)
    return sorted({*new, *again, *(bundle for bundle in also if bundle < count)}), (following + width) % max(1, count)


def compare(tree: PublishedTree, bundles: Sequence[int]) -> tuple[int, int]:
    """These bundles with the tree's hashes, and their entries in the database with them: (leaves, entries) compared.

    Raises `Altered` or `Malformed` for the first thing that is not as it was.
    """
    accounts = [id_ for (id_,) in asking.rows("SELECT id FROM selling_account")]
    leaves = entries = 0
    for first, end in _runs(bundles):
        told: dict[int, bytes] = {}
        for bundle in range(first, end):
            told.update(enumerate(tree.bundle(bundle), bundle * WIDTH))
        leaves += len(told)
        entries += _compare(accounts, told, first * WIDTH, min(end * WIDTH, tree.size))
    return leaves, entries


def _compare(accounts: list[int], told: dict[int, bytes], first: int, end: int) -> int:
    """Each of these leaves with its entry; how many have one."""
    without = {data[1:17]: index for index, data in told.items() if leaf.glance(data)[0] not in SAID_BY_BROKER}
    with_one = len(without)
    for index, id_, payload, salt in asking.rows(PLACED, accounts, first, end):
        _same(index, told[index], id_, payload, salt)
        without.pop(id_.bytes, None)
    if without:  # not given their places yet: the entries themselves must stand all the same
        ids = [str(uuid.UUID(bytes=id_)) for id_ in without]
        for id_, payload, salt in asking.rows(BY_ID, accounts, ids):
            index = without.pop(id_.bytes)
            _same(index, told[index], id_, payload, salt)
    if without:
        raise Altered(f"{len(without):,} leaves have lost their entries, leaf {min(without.values()):,} first")
    return with_one


def _same(index: int, data: bytes, id_: uuid.UUID, payload: Any, salt: Any) -> None:
    if payload is None:
        raise Altered(f"the entry of leaf {index:,} is gone")
    entry = bytes(payload)
    if id_.bytes != data[1:17] or entry[:HEADER_BYTES] != data[:HEADER_BYTES]:
        raise Altered(f"leaf {index:,} is of another entry than the one that has its place")
    if leaf.commitment(entry, bytes(salt)) != data[HEADER_BYTES : HEADER_BYTES + 32]:
        raise Altered(f"the entry of leaf {index:,} was changed")


def _runs(bundles: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Bundles that follow one another, so many at once, as (first, behind the last)."""
    at = 0
    while at < len(bundles):
        end = at + 1
        while end < len(bundles) and end - at < AT_ONCE and bundles[end] == bundles[end - 1] + 1:
            end += 1
        yield bundles[at], bundles[end - 1] + 1
        at = end
