"""The journal's tree on disk, append-only (docs/formats/tiles.md): a leaf is durable when `append` returns."""

import concurrent.futures
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from strongroom.formats import merkle, tiles
from strongroom.formats.malformed import Malformed
from strongroom.formats.tiles import HASH, WIDTH
from strongroom.keybroker import records
from strongroom.keybroker.files import write_whole
from strongroom.keybroker.settling import Settling

FLUSH_WITHIN: Final = 2.0
"""Seconds that a flush may take before what waited for it is refused (I5)."""

SETTLE_AT: Final = 8
MOST_UNSETTLED: Final = 256
"""Bundles that are flushed at once, and files that may be open until they are."""


class JournalHangs(Exception):
    """The medium does not take leaves; nothing that needs one is done."""


class JournalBroken(Exception):
    """The medium failed over a leaf: whether it is durable, nobody knows. This process ends; the next reads it back."""


class Tree:
    """Leaves, tiles and the tail. `size` counts leaves; positions begin at 0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tail_path = folder / "tail"
        self._levels: list[list[bytes]] = []
        self._open_leaves: list[bytes] = []
        self._flusher = concurrent.futures.ThreadPoolExecutor(1, "flush")
        self._flushing: concurrent.futures.Future[None] | None = None
        self._settling = Settling(folder)
        self._full = self._settled = self._settles_to = min(self._count_full_bundles(), self._tail_begins())
        self._restore()
        self._tail = os.open(self._tail_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    @property
    def size(self) -> int:
        return self._full * WIDTH + len(self._open_leaves)

    def root(self) -> bytes:
        return merkle.root(self.size, self._node)

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` leaves, read from the tiles and the tail."""
        if size == self.size:
            return self.root()
        return merkle.root(size, self._any_node)

    def append(self, leaves: Sequence[bytes]) -> list[int]:
        """Add leaves at the end and flush them; returns their positions.

        Raises `JournalHangs` when the medium does not answer, or takes nothing. Where `size` grew all the same, the
        leaves are in the tree and become durable late. Raises `JournalBroken` where nobody knows.
        """
        self._look_at_last_flush()
        if not leaves:
            return []
        first = self.size
        positions = list(range(first, first + len(leaves)))
        self._write_tail(b"".join(records.encode(at, leaf) for at, leaf in zip(positions, leaves, strict=True)))
        self._open_leaves.extend(leaves)
        self._push(0, merkle.leaf_hashes(leaves))
        self._flushing = self._flusher.submit(os.fsync, self._tail)
        try:
            self._flushing.result(FLUSH_WITHIN)
        except TimeoutError:
            raise JournalHangs("the journal's medium does not answer") from None
        except OSError as why:  # what a failed flush wrote may be gone, and a second one would not say so
            raise JournalBroken(f"the journal's medium failed: {why.strerror}") from None
        self._complete_bundles()
        return positions

    @property
    def full(self) -> int:
        """How many bundles are full: durable for good, and never changed."""
        return self._full

    @property
    def open_leaves(self) -> Sequence[bytes]:
        """The leaves behind the full bundles."""
        return tuple(self._open_leaves)

    def bundle(self, index: int) -> list[bytes]:
        """The leaves of a full bundle, as they lie there."""
        return tiles.decode_bundle((self.folder / tiles.path("entries", index)).read_bytes(), width=WIDTH)

    def hash_of(self, position: int) -> bytes:
        """The hash that stands in the tree for a leaf."""
        return self._any_node(0, position)

    def hash_of_bundle(self, index: int) -> bytes:
        """The hash that stands in the tree, at level 1, for a full bundle."""
        return self._any_node(tiles.HEIGHT, index)

    def publish_tiles(self) -> None:
        """Write the partial tiles of this size, so that its checkpoint can be verified by others."""
        for level, hashes in enumerate(self._levels):
            full, partial = tiles.widths(self.size, level)
            if partial:
                self._write(tiles.path(level, full, partial), b"".join(hashes[:partial]), durable=False)
        if self._open_leaves:
            name = tiles.path("entries", self._full, len(self._open_leaves))
            self._write(name, tiles.encode_bundle(self._open_leaves), durable=False)

    @property
    def settling(self) -> bool:
        """Whether bundles are being flushed."""
        return self._settling.running

    def settle(self) -> None:
        """Let the tail go of what settled meanwhile. While its own flush is under way, or failed, it stays as it is."""
        if self._flushing is None or (self._flushing.done() and self._flushing.exception() is None):
            self._settle()

    def close(self) -> None:
        os.close(self._tail)
        self._settling.close()
        self._flusher.shutdown(wait=False)

    def _look_at_last_flush(self) -> None:
        if self._flushing is None:
            return
        if not self._flushing.done():
            raise JournalHangs("the journal's last flush has not returned")
        if self._flushing.exception() is not None:
            raise JournalBroken("the journal's medium failed over leaves that hung")

    def _write_tail(self, data: bytes) -> None:
        """All of it or nothing: a full disk takes a part of a write, and nothing may stand behind a torn record."""
        before, refused = os.fstat(self._tail).st_size, "only a part of a leaf was taken"
        try:
            if os.write(self._tail, data) == len(data):
                return
        except OSError as why:
            refused = str(why.strerror)
        try:
            os.ftruncate(self._tail, before)
        except OSError as why:
            raise JournalBroken(f"the journal's tail is torn: {why.strerror}") from None
        raise JournalHangs(f"the journal's medium takes no leaf: {refused}")

    def _push(self, level: int, hashes: Sequence[bytes]) -> None:
        """Put hashes at a level; each full tile is written and its own hash put at the level above."""
        while len(self._levels) <= level:
            self._levels.append([])
        row = self._levels[level]
        for hash_ in hashes:
            row.append(hash_)
            if len(row) == WIDTH:
                index = self._tile_index(level)
                self._write(tiles.path(level, index), b"".join(row), durable=True)
                self._forget_partials(level, index)
                above = merkle.subtree(row)
                row.clear()
                self._written[level] = index + 1
                self._push(level + 1, [above])

    def _tile_index(self, level: int) -> int:
        return self._written.get(level, 0)

    def _complete_bundles(self) -> None:
        done = len(self._open_leaves) // WIDTH
        for i in range(done):
            leaves = self._open_leaves[i * WIDTH : (i + 1) * WIDTH]
            self._write(tiles.path("entries", self._full + i), tiles.encode_bundle(leaves), durable=True)
            self._forget_partials("entries", self._full + i)
        self._full += done
        del self._open_leaves[: done * WIDTH]
        self._settle()

    def _settle(self) -> None:
        """Have bundles and their tiles flushed, some at once; then the tail lets go of them."""
        try:
            if self._settling.ended(wait=self._settling.waiting > MOST_UNSETTLED):
                self._let_go()
        except OSError as why:
            raise JournalBroken(f"the journal's medium failed over bundles: {why.strerror}") from None
        if not self._settling.running and self._full - self._settled >= SETTLE_AT:
            self._settles_to = self._full
            self._settling.begin()

    def _let_go(self) -> None:
        """The tail holds what has not settled, and no more."""
        self._settled = self._settles_to
        leaves = [leaf for bundle in range(self._settled, self._full) for leaf in self.bundle(bundle)]
        leaves += self._open_leaves
        first = self._settled * WIDTH
        write_whole(self._tail_path, b"".join(records.encode(at, leaf) for at, leaf in enumerate(leaves, first)))
        os.close(self._tail)
        self._tail = os.open(self._tail_path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def _write(self, name: str, data: bytes, *, durable: bool) -> None:
        """A tile or bundle; durable at once, or with the tail until it has settled."""
        path = self.folder / name
        if durable:
            self._settling.write(path, data, mode=0o644)
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        aside = path.with_name(path.name + ".new")
        aside.write_bytes(data)
        aside.rename(path)

    def _forget_partials(self, level: int | str, index: int) -> None:
        folder = (self.folder / tiles.path(level, index)).with_name(Path(tiles.path(level, index)).name + ".p")
        if folder.is_dir():
            for partial in folder.iterdir():
                partial.unlink()
            folder.rmdir()

    def _full_names(self, level: int | str) -> set[str]:
        """What full tiles or bundles lie at a level. Folders are listed: to look at each takes far longer."""
        top, found = self.folder / "tile" / str(level), set[str]()
        for folder, below, files in os.walk(top):
            below[:] = [name for name in below if not name.endswith(".p")]
            found.update(f"{folder}/{name}"[len(str(self.folder)) + 1 :] for name in files if name.isdigit())
        return found

    def _count_full_bundles(self) -> int:
        names, count = self._full_names("entries"), 0
        while tiles.path("entries", count) in names:
            count += 1
        return count

    def _restore(self) -> None:
        """Read back from full bundles and the tail; write again what a kill left half-written."""
        self._written: dict[int, int] = {}
        level, count = 0, self._full
        while count:
            self._written[level] = count
            self._levels.append([])
            if level == 0:
                names = self._full_names(0)
                for index in range(count):
                    if tiles.path(0, index) not in names:
                        self._write(tiles.path(0, index), self._tile_from_bundle(index), durable=True)
            count //= WIDTH
            level += 1
        for above in range(1, level + 1):
            self._restore_level(above)
        if self._settling.waiting:
            self._settling.begin()
            self._settling.ended(wait=True)
        tail = self._read_tail()
        if tail:
            self._make_durable_again(tail)
        self._open_leaves = tail
        self._push(0, merkle.leaf_hashes(tail))
        self._tail = os.open(self._tail_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._complete_bundles()
        os.close(self._tail)

    def _make_durable_again(self, tail: Sequence[bytes]) -> None:
        """What is read back may stand in the system's memory alone, where the last process ended over a failed flush:
        another flush of the same pages would not say so. On a full disk, which fails no flush, it stays as it is.
        """
        with contextlib.suppress(OSError):
            write_whole(
                self._tail_path, b"".join(records.encode(self._full * WIDTH + i, leaf) for i, leaf in enumerate(tail))
            )

    def _restore_level(self, level: int) -> None:
        """A level's hashes are those of the full tiles below it; full tiles of its own are written if missing."""
        below = self._written.get(level - 1, 0)
        if not below:
            return
        while len(self._levels) <= level:
            self._levels.append([])
        self._written[level] = below // WIDTH
        for index in range(below // WIDTH):
            if not (self.folder / tiles.path(level, index)).is_file():
                hashes = [self._tile_hash(level - 1, index * WIDTH + i) for i in range(WIDTH)]
                self._write(tiles.path(level, index), b"".join(hashes), durable=True)
        start = below // WIDTH * WIDTH
        self._levels[level] = [self._tile_hash(level - 1, index) for index in range(start, below)]

    def _tile_from_bundle(self, index: int) -> bytes:
        return b"".join(merkle.leaf_hashes(self.bundle(index)))

    def _tile_hash(self, level: int, index: int) -> bytes:
        tile = (self.folder / tiles.path(level, index)).read_bytes()
        if len(tile) != WIDTH * HASH:
            raise Malformed("a full tile is 8,192 bytes")
        return merkle.subtree([tile[HASH * i : HASH * (i + 1)] for i in range(WIDTH)])

    def _tail_begins(self) -> int:
        """The first bundle that the tail still holds: it and those behind are written again. Without one: none are."""
        try:
            with self._tail_path.open("rb") as file:
                record = records.parse(file.read(records.MOST_BYTES), 0)
        except FileNotFoundError:
            record = None
        return sys.maxsize if record is None else record[0] // WIDTH

    def _read_tail(self) -> list[bytes]:
        """The tail's leaves that are in no bundle; a torn last record is cut, a torn earlier one refused."""
        try:
            data = self._tail_path.read_bytes()
        except FileNotFoundError:
            return []
        leaves: list[bytes] = []
        at, first = 0, self._full * WIDTH
        while at < len(data):
            record = records.parse(data, at)
            if record is None:
                if records.follows(data, at):
                    raise Malformed("the journal's tail is damaged in its middle")
                with self._tail_path.open("r+b") as file:
                    file.truncate(at)
                    os.fsync(file.fileno())
                break
            index, leaf, at = record
            if index < first:
                continue
            if index != first + len(leaves):
                raise Malformed("the journal's tail has a gap")
            leaves.append(leaf)
        return leaves

    def _node(self, level: int, index: int) -> bytes:
        """A `merkle.NodeReader` for the right edge, from memory."""
        tile_level, inside = divmod(level, tiles.HEIGHT)
        start = (index << inside) - self._written.get(tile_level, 0) * WIDTH
        return merkle.subtree(self._levels[tile_level][start : start + (1 << inside)])

    def _any_node(self, level: int, index: int) -> bytes:
        tile_level, inside = divmod(level, tiles.HEIGHT)
        first = index << inside
        if first // WIDTH >= self._written.get(tile_level, 0):
            return self._node(level, index)
        tile = (self.folder / tiles.path(tile_level, first // WIDTH)).read_bytes()
        start = first % WIDTH
        return merkle.subtree([tile[HASH * i : HASH * (i + 1)] for i in range(start, start + (1 << inside))])
