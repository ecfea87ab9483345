"""Reading the journal's tree as anybody could: from its folder, with its public key, believing nothing unverified."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.formats import leaf as leaf_format
from strongroom.formats import leaf_shape, merkle, note, proof
from strongroom.formats.leaf import Kind, Leaf
from strongroom.formats.malformed import Malformed
from strongroom.formats.tiles import HASH, WIDTH, Reader, encode_bundle, widths
from strongroom.formats.tiles import path as path_of

LONGEST_SILENCE: Final = 300_000


@dataclass(frozen=True)
class Verified:
    """A tree whose checkpoint, tiles and leaves agree."""

    checkpoint: note.Checkpoint
    leaves: int
    gaps: tuple[tuple[int, int], ...] = ()
    """(leaf, seconds of silence before it): heartbeats come each minute, so five minutes without a leaf are named."""


class PublishedTree:
    """The tree under the newest checkpoint in a folder. Raises `Malformed` where the folder is not whole."""

    def __init__(self, folder: Path, key: note.VerifierKey | None = None) -> None:
        self._folder = folder
        self.key = key or read_key(folder)
        self.note = _text(folder / "checkpoint")
        self.checkpoint = note.verify_checkpoint(self.note, self.key)
        self._bundle: tuple[int, list[bytes]] = (-1, [])
        self._reader = Reader(self.checkpoint.size, lambda name: (folder / name).read_bytes())

    @property
    def size(self) -> int:
        return self.checkpoint.size

    def leaf_bytes(self, index: int) -> bytes:
        """One leaf, checked against its level-0 hash."""
        if not 0 <= index < self.size:
            raise Malformed("the tree has no such leaf")
        bundle = index // WIDTH
        if self._bundle[0] != bundle:
            self._bundle = (bundle, self._reader.leaves(bundle))
        data = self._bundle[1][index % WIDTH]
        if merkle.leaf_hash(data) != self._reader.node(0, index):
            raise Malformed(f"leaf {index} is not the one whose hash stands in the tree")
        return data

    def bundle(self, index: int) -> list[bytes]:
        """The leaves of one bundle of 256, checked against their tile, and the tile against the hash above it."""
        leaves = self._reader.leaves(index)
        hashes = merkle.leaf_hashes(leaves)
        tile = self._reader.tile(0, index)
        if b"".join(hashes) != tile:
            first = next(at for at, hash_ in enumerate(hashes) if hash_ != tile[HASH * at : HASH * (at + 1)])
            raise Malformed(f"leaf {index * WIDTH + first} is not the one whose hash stands in the tree")
        if len(hashes) == WIDTH and merkle.subtree(hashes) != self._reader.node(8, index):
            raise Malformed("a hash of level 1 is not that of its tile")
        return leaves

    def verify_head(self) -> None:
        """That the tiles lead to the signed root, down to those of level 1. Raises `Malformed`."""
        if self._reader.root() != self.checkpoint.root:
            raise Malformed("the tiles do not lead to the root that was signed")
        self._verify_levels(2)

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` leaves, as the tiles have it."""
        return merkle.root(size, self._reader.node)

    @property
    def bundles(self) -> int:
        """How many bundles there are, the last of them perhaps not full."""
        full, partial = widths(self.size, 0)
        return full + bool(partial)

    def leaf(self, index: int) -> Leaf:
        return leaf_format.decode_leaf(self.leaf_bytes(index))

    def newest(self, before: int, count: int) -> Iterator[tuple[int, Leaf, bytes]]:
        """Leaves below `before`, newest first, with their hashes."""
        for index in range(before - 1, max(-1, before - 1 - count), -1):
            yield index, self.leaf(index), merkle.leaf_hash(self.leaf_bytes(index))

    def inclusion(self, index: int) -> proof.Inclusion:
        """The proof file's contents for one leaf. Raises `Malformed` for one that the tree has not."""
        if not 0 <= index < self.size:
            raise Malformed("the tree has no such leaf")
        hashes = merkle.inclusion(index, self.size, self._reader.node)
        return proof.Inclusion(index, tuple(hashes), self.note, self.leaf_bytes(index))

    def consistency(self, old: str) -> proof.Consistency:
        """That the tree extends an older signed head."""
        before = note.verify_checkpoint(old, self.key)
        hashes = merkle.consistency(before.size, self.size, self._reader.node) if before.size else []
        made = proof.Consistency(old, self.note, tuple(hashes))
        proof.verify_consistency(made, key=self.key)
        return made

    def verify(self, through: Callable[[range], Iterable[int]] = iter) -> Verified:
        """Every leaf, every tile, the root and the signature. Raises `Malformed` with what does not fit.

        through: goes through the bundles in their order; whoever waits may show how far it is.
        """
        last, gaps = None, list[tuple[int, int]]()
        for bundle in through(range(self.bundles)):
            leaves = self.bundle(bundle)
            leaf_shape.check_leaves(leaves)
            newest = int.from_bytes(max(data[20:28] for data in leaves), "big")
            if last is None or newest - last > LONGEST_SILENCE:
                gaps += _silences(leaves, bundle * WIDTH, last)
            last = max(last or 0, newest)  # an entry that waited for its place speaks of earlier: no silence
        self.verify_head()
        return Verified(self.checkpoint, self.size, tuple(gaps))

    def copy_to(self, folder: Path) -> None:
        """Put this tree, head and key into a new folder, while the broker may go on writing where it is read from.

        Nothing but what this head needs is copied: a partial tile that was filled meanwhile is cut from the full one.
        """
        folder.mkdir(parents=True)
        for name, data in self._files():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for key in self._folder.glob("*.vkey"):
            (folder / key.name).write_bytes(key.read_bytes())
        (folder / "checkpoint").write_text(self.note, encoding="utf-8")

    def _files(self) -> Iterator[tuple[str, bytes]]:
        """Every tile and bundle of this size, by its name."""
        level = 0
        while self.size >> (8 * level):
            full, partial = widths(self.size, level)
            for index in range(full + bool(partial)):
                width = WIDTH if index < full else partial
                yield path_of(level, index, width), self._reader.tile(level, index)
                if level == 0:
                    yield path_of("entries", index, width), encode_bundle(self._reader.leaves(index))
            level += 1

    def _verify_levels(self, level: int) -> None:
        """Each hash from a level on is the hash of the full tile below it."""
        while self.size >> (8 * level):
            for index in range(self.size >> (8 * level)):
                self._verify_tile(level, index)
            level += 1

    def _verify_tile(self, level: int, index: int) -> None:
        if merkle.subtree(self._reader.hashes(level - 1, index)) != self._reader.node(8 * level, index):
            raise Malformed(f"a hash of level {level} is not that of its tile")


def _silences(leaves: list[bytes], first: int, last: int | None) -> Iterator[tuple[int, int]]:
    """(leaf, seconds of silence before it) in a bundle; `last`: the newest time before it."""
    for index, data in enumerate(leaves, first):
        kind, at = leaf_format.glance(data)
        if last is not None and at - last > LONGEST_SILENCE and kind != Kind.CLOCK_STEPPED:
            yield index, (at - last) // 1000
        last = max(last or 0, at)


def read_key(folder: Path) -> note.VerifierKey:
    """The verifier key beside the tree."""
    found = sorted(folder.glob("*.vkey"))
    if len(found) != 1:
        raise Malformed("the folder holds one .vkey file")
    return note.parse_verifier_key(_text(found[0]))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Malformed(f"{path.name} is not UTF-8") from None
