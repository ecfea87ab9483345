"""What shows that nobody rewrote the journal: its tree, its entries, and how soon each has its place (LM-2)."""

import json
import os
from datetime import datetime, timedelta
from typing import Any, Final

from strongroom.formats.malformed import Malformed
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown
from strongroom.policy.logging_and_monitoring import verifying
from strongroom.policy.logging_and_monitoring.checkpoints import PlaceLost
from strongroom.policy.logging_and_monitoring.tree import PublishedTree, read_key
from strongroom.policy.logging_and_monitoring.verifying import Altered, Head

SLOW: Final = timedelta(seconds=60)
LATE: Final = timedelta(minutes=5)
SETTLES_WITHIN: Final = 6.0
"""Seconds that a sequencer may need after a clock was moved on, or after a long round."""
TREE: Final = "LM-2.tree"
LAST: Final = """
SELECT seen FROM run WHERE account_id = 0 AND check_id = %s AND outcome = 'pass' ORDER BY began_at DESC LIMIT 1
"""
COUNTS: Final = """
SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM leaf),
       (SELECT count(*) FROM pending p WHERE NOT EXISTS (
            SELECT FROM leaf l WHERE l.account_id = p.account_id AND l.entry = p.entry))
"""
WAITING: Final = """
SELECT count(*), min(e.at) FROM pending p JOIN entry e ON e.account_id = p.account_id AND e.id = p.entry
WHERE e.at < %s
"""
UNSIGNED: Final = """
SELECT count(*), min(e.at) FROM leaf l JOIN entry e ON e.account_id = l.account_id AND e.id = l.entry
WHERE l.account_id = ANY (%s) AND l.index >= %s AND e.at < %s
"""


def the_tree_is_whole(look: Look) -> Verdict:
    """Signature, root, prefixes; the new part and a slice of the rest, leaf by leaf, with the database's entries."""
    folder = look.data / "journal"
    pinned = asking.value("SELECT journal_key FROM installation")
    if not (folder / "checkpoint").exists():
        return unknown("No head of the journal was signed yet.")
    last, following, at = _last_look()
    try:
        key = read_key(folder)
        if key.line() != pinned:
            return failed("The journal's key is not the one that it began with.")
        tree = PublishedTree(folder, key)
        outside = verifying.outside_heads(look.second_place, key) if look.second_place is not None else []
        verifying.verify_head(tree, [last, *outside])
        changed, at = verifying.changed(folder, at)
        bundles, following = verifying.bundles_due(tree, since=last.size, also=changed, following=following)
        leaves, entries = verifying.compare(tree, bundles)
    except PlaceLost:
        return unknown("The second place of checkpoints cannot be read: is it mounted?")
    except FileNotFoundError:
        return failed("A part of the journal's tree is missing.")
    except (Altered, Malformed) as why:
        return failed(f"The journal is not what it was: {why}.")
    seen: dict[str, int | str] = {
        "size": tree.size, "root": tree.checkpoint.root.hex(), "next": following, "leaves": leaves, "entries": entries,
        "outside": len(outside), "changed at": f"{at // 10**9}.{at % 10**9:09}",
    }  # fmt: skip
    words = f"{tree.size:,} leaves under one signed head; {leaves:,} of them and {entries:,} entries compared this time"
    return passed(f"{words}, {len(outside)} heads from elsewhere.", **seen)


def every_entry_has_its_place(look: Look) -> Verdict:  # noqa: ARG001 - it counts rows
    """Entries, against those that have a place in the tree or wait for one."""
    with asking.same_moment():
        entries, placed, waiting = asking.first(COUNTS) or (0, 0, 0)
    seen = {"entries": entries, "placed": placed, "waiting": waiting}
    if entries > placed + waiting:
        return failed(
            f"Entries that have no place in the tree and wait for none: {entries - placed - waiting:,}.", **seen
        )
    if entries < placed + waiting:
        return failed(
            f"Entries that are gone while their places are still there: {placed + waiting - entries:,}.", **seen
        )
    return passed(f"Each of {entries:,} entries has its place or waits for it.", **seen)


def places_are_given_at_once(look: Look) -> Verdict:
    """Entries that wait for their place, and places that no signed head covers yet: not for longer than a minute."""
    accounts = [id_ for (id_,) in asking.rows("SELECT id FROM selling_account")]

    def read() -> tuple[int, datetime | None, int, datetime | None]:
        size = PublishedTree(look.data / "journal").size
        waiting, since = asking.first(WAITING, look.now - SLOW) or (0, None)
        unsigned, from_ = asking.first(UNSIGNED, accounts, size, look.now - SLOW) or (0, None)
        return waiting, since, unsigned, from_

    waiting, since, unsigned, from_ = asking.settled(read, lambda found: not found[0] and not found[2], SETTLES_WITHIN)
    seen = {"waiting": waiting, "unsigned": unsigned}
    if not waiting and not unsigned:
        return passed("Every entry has its place within a minute, under a signed head.", **seen)
    if since is not None and since < look.now - LATE:
        return failed(f"Entries that wait for their place for more than five minutes: {waiting:,}.", **seen)
    if waiting:
        return unknown(f"Entries that wait for their place for more than a minute: {waiting:,}.", **seen)
    minutes = int((look.now - (from_ or look.now)).total_seconds()) // 60
    return unknown(
        f"No head was signed over {unsigned:,} of the newest leaves for {minutes:,} min: is the broker locked?", **seen
    )


def _last_look() -> tuple[Head, int, int]:
    """The head that the last look which passed saw, where the next slice begins (anywhere, at first), and when (ns)."""
    text = asking.value(LAST, TREE)
    if not text:
        return Head(0, b""), int.from_bytes(os.urandom(4), "big"), 0
    seen: dict[str, Any] = json.loads(text)
    return (
        Head(int(seen["size"]), bytes.fromhex(seen["root"])),
        int(seen["next"]),
        int(seen["changed at"].replace(".", "")),
    )


CHECKS: Final = (
    Check(
        TREE,
        "The journal's tree is what it was: signed, longer than before, each leaf and each entry as it was written.",
        "The journal, or an entry of it, was changed.",
        the_tree_is_whole,
        patience=timedelta(seconds=300),
    ),
    Check(
        "LM-2.rows",
        "Every entry of the database has its place in the tree.",
        "Entries were written past the journal, or taken out of it.",
        every_entry_has_its_place,
    ),
    Check(
        "LM-2.lag",
        "Entries have their place within a minute, under a signed head.",
        "Entries wait for their place, or for a signed head.",
        places_are_given_at_once,
        every=timedelta(minutes=5),
    ),
)
