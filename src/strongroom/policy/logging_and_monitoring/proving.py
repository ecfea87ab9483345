"""Whether an entry stands in the tree: its leaf by its place, its commitment, its path to the signed root (LM-2)."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from strongroom.formats import leaf as leaf_format
from strongroom.formats import proof
from strongroom.formats.leaf import Leaf
from strongroom.formats.malformed import Malformed
from strongroom.policy import definitions
from strongroom.policy.logging_and_monitoring.tree import PublishedTree


def journal(data: Path) -> PublishedTree:
    """The installation's tree, read from its folder as a stranger would. Raises `Malformed` or `FileNotFoundError`."""
    return PublishedTree(data / "journal")


def stands(tree: PublishedTree, index: int, payload: bytes, salt: bytes) -> bool:
    """Whether exactly this entry is the leaf at that place, by an inclusion proof under the newest signed head."""
    if not 0 <= index < tree.size:
        return False
    try:
        made = tree.inclusion(index)
        proof.verify_inclusion(made, leaf=made.extra, key=tree.key)
        found = leaf_format.decode_leaf(made.extra)
    except (Malformed, FileNotFoundError):
        return False
    return found.commitment == leaf_format.commitment(payload, salt)


def since(tree: PublishedTree, at: datetime) -> Iterator[tuple[int, Leaf]]:
    """Leaves from a moment on, newest first; each is looked at against the hash that stands for it in the tree."""
    earliest = definitions.milliseconds(at)
    for index in range(tree.size - 1, -1, -1):
        found = tree.leaf(index)
        if found.entry.at < earliest:
            return
        yield index, found
