"""Who is known in the journal, and what its leaves tell a start, so that it need not read every one (decision 14).

The tree is the truth. What is kept beside the ring is derived from its full bundles and bound to their number and root;
where it is missing, torn, of another tree or ahead of this one, it is made again from the leaves.
"""

import concurrent.futures
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from strongroom.formats import leaf, leaf_shape, merkle
from strongroom.formats.leaf import Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.tiles import WIDTH
from strongroom.keybroker import known_file
from strongroom.keybroker.known_file import Kept, Torn
from strongroom.keybroker.tree import Tree

LEAST: Final = 4_096
MOST: Final = 65_536
GROWTH: Final = 8
"""How many leaves are known in memory alone, and read back at a start: an eighth of those in the file, within these."""

TELL: Final = frozenset(
    kind.to_bytes(2, "big") for kind in (Kind.KEY_DESTROYED, Kind.OPENED, Kind.SEARCHED, Kind.CLOCK_STEPPED)
)
"""Leaves that say more to a start than that they are there: fence, budgets, a rehearsal's clock."""


class Known:
    """Positions by entry id: the newest in memory, the others in a file that a thread of its own replaces."""

    def __init__(self, path: Path, tree: Tree, *, least: int = LEAST, most: int = MOST) -> None:
        self._path = path
        self._tree = tree
        self._least = least
        self._most = most
        self._rows = known_file.nothing()
        self._size = 0
        self._new: dict[bytes, int] = {}
        self._frozen: dict[bytes, int] = {}
        self._told: list[tuple[int, bytes]] = []
        self._wait_until = 0
        self._writer = concurrent.futures.ThreadPoolExecutor(1, "known")
        self._writing: concurrent.futures.Future[known_file.Rows] | None = None
        self._writing_size = 0

    def place(self, id_: bytes) -> int | None:
        """Where the leaf of an entry stands, if it does."""
        found = self._new.get(id_)
        if found is None and self._frozen:
            found = self._frozen.get(id_)
        return self._rows.find(id_) if found is None else found

    def add(self, position: int, data: bytes) -> None:
        """A leaf that is in the tree."""
        self._new[data[1:17]] = position
        if data[17:19] in TELL:
            self._told.append((position, data))

    def restore(self, since: int) -> Sequence[tuple[int, bytes]]:
        """Know what the tree holds; the leaves that tell something, of openings and searches those after `since`.

        Raises `Malformed` for a bundle that it reads and that is not the tree's, or has a leaf that does not decode:
        who is known is taken from nothing else.
        """
        self._load(since)
        for bundle in range(self._size // WIDTH, self._tree.full):
            leaves = self._tree.bundle(bundle)
            if merkle.subtree(merkle.leaf_hashes(leaves)) != self._tree.hash_of_bundle(bundle):
                raise Malformed(
                    f"bundle {bundle} does not hold the leaves whose hashes stand in the tree: "
                    "docs/run-books/journal-does-not-verify.md"
                )
            self._add_all(leaves, bundle * WIDTH)
            if (bundle + 1) * WIDTH - max(self._size, self._wait_until) >= 4 * self._most:
                self._begin((bundle + 1) * WIDTH, since)
                self._end()
        self._add_all(self._tree.open_leaves, self._tree.full * WIDTH)
        self._told = _still(self._told, since)
        return tuple(self._told)

    def keep_if_due(self, since: int) -> None:
        """Replace the file by one that knows more, in its thread, once enough leaves are in full bundles."""
        if self._writing is not None and not self._writing.done():
            return
        self._end()
        durable = self._tree.full * WIDTH
        if durable - max(self._size, self._wait_until) >= min(self._most, max(self._least, self._size // GROWTH)):
            self._begin(durable, since)

    @property
    def idle(self) -> bool:
        """Whether nothing is being written."""
        return self._writing is None

    def close(self) -> None:
        """What is being written is not waited for: the next start reads those leaves."""
        self._writer.shutdown(wait=False)
        if self._writing is None or self._writing.done():
            self._rows.close()

    def _load(self, since: int) -> None:
        try:
            kept, rows = known_file.read(self._path)
        except FileNotFoundError:
            return
        except (Torn, OSError):
            self._say("torn")
            return
        why = self._misfit(kept, since)
        if why is not None:
            rows.close()
            self._say(why)
            return
        self._rows, self._size, self._told = rows, kept.size, list(kept.told)

    def _misfit(self, kept: Kept, since: int) -> str | None:
        if kept.size > self._tree.full * WIDTH:
            return "ahead of the journal"
        if kept.size % WIDTH or self._tree.root_at(kept.size) != kept.root:
            return "of another journal"
        if kept.since > since:
            return "of a later time"
        return None

    @staticmethod
    def _say(why: str) -> None:
        sys.stderr.write(f"keybroker: the file of known entries is {why}; it is made again from the leaves\n")

    def _add_all(self, leaves: Sequence[bytes], first: int) -> None:
        leaf_shape.check_leaves(leaves)
        for position, data in enumerate(leaves, first):
            self.add(position, data)

    def _begin(self, size: int, since: int) -> None:
        """Have all leaves below `size`, which are in full bundles, put into the file."""
        self._frozen = {id_: at for id_, at in self._new.items() if at < size}
        self._new = {id_: at for id_, at in self._new.items() if at >= size}
        self._told = _still(self._told, since)
        told = tuple(each for each in self._told if each[0] < size)
        kept = Kept(size, self._tree.root_at(size), since, told)
        self._writing_size = size
        self._writing = self._writer.submit(known_file.write, self._path, kept, self._rows, self._frozen)

    def _end(self) -> None:
        """Take over what was written; where it could not be, all stays in memory and is tried again later."""
        if self._writing is None:
            return
        try:
            rows = self._writing.result()
        except OSError:
            self._new = self._frozen | self._new
            self._wait_until = self._writing_size
        else:
            self._rows.close()
            self._rows, self._size = rows, self._writing_size
        self._frozen, self._writing = {}, None


def _still(told: Sequence[tuple[int, bytes]], since: int) -> list[tuple[int, bytes]]:
    """What still tells something: every destroyed key, what was spent after `since`, the clock's last step."""
    kept, stepped = list[tuple[int, bytes]](), list[tuple[int, bytes]]()
    for position, data in told:
        kind, at = leaf.glance(data)
        if kind == Kind.CLOCK_STEPPED:
            stepped = [(position, data)]
        elif kind == Kind.KEY_DESTROYED or at > since:
            kept.append((position, data))
    return sorted(kept + stepped)
