"""Where a tree lies on disk: C2SP tlog-tiles at revision 0ad71eb (docs/formats/tiles.md)."""

from collections.abc import Callable
from typing import Final

from strongroom.formats import merkle
from strongroom.formats.malformed import Malformed

WIDTH: Final = 256
HEIGHT: Final = 8
HASH: Final = 32


def path(level: int | str, index: int, width: int = WIDTH) -> str:
    """`tile/<level>/<index>[.p/<width>]`; level "entries" names an entry bundle."""
    name = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        name = f"x{index % 1000:03d}/{name}"
    return f"tile/{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def widths(size: int, level: int) -> tuple[int, int]:
    """(number of full tiles, width of the partial one or 0) at a level of a tree of `size` leaves."""
    hashes = size >> (HEIGHT * level)
    return divmod(hashes, WIDTH)


def levels(size: int) -> int:
    """How many tile levels a tree of this size has."""
    count = 0
    while size >> (HEIGHT * count):
        count += 1
    return count


def encode_bundle(leaves: list[bytes]) -> bytes:
    """An entry bundle: each leaf behind its length as a big-endian uint16."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def decode_bundle(data: bytes, *, width: int) -> list[bytes]:
    """The leaves of a bundle that must hold exactly `width` of them."""
    leaves, at, end = list[bytes](), 0, len(data)
    try:
        while at < end:
            start = at + 2
            at = start + (data[at] << 8 | data[at + 1])
            leaves.append(data[start:at])
    except IndexError:
        raise Malformed("an entry bundle ends inside a length") from None
    if at != end:
        raise Malformed("an entry bundle ends inside a leaf")
    if len(leaves) != width:
        raise Malformed("an entry bundle of another width")
    return leaves


class Reader:
    """The hashes of a tree of `size` leaves, read from tiles through `fetch(path) -> bytes`; hostile until verified.

    `fetch` raises `FileNotFoundError` for what is not there; a missing partial tile is then sought in the full one.
    """

    def __init__(self, size: int, fetch: Callable[[str], bytes]) -> None:
        self.size = size
        self._fetch = fetch
        self._tiles: dict[tuple[int, int], bytes] = {}

    def node(self, level: int, index: int) -> bytes:
        """A `merkle.NodeReader` over the tiles."""
        tile_level, inside = divmod(level, HEIGHT)
        first = index << inside
        tile = self.tile(tile_level, first // WIDTH)
        start = first % WIDTH
        hashes = [tile[HASH * i : HASH * (i + 1)] for i in range(start, start + (1 << inside))]
        if any(len(h) != HASH for h in hashes):
            raise Malformed("a tile is too short")
        return merkle.subtree(hashes)

    def root(self) -> bytes:
        return merkle.root(self.size, self.node)

    def leaves(self, index: int) -> list[bytes]:
        """The leaves of entry bundle `index`."""
        width = self._width(0, index)
        return decode_bundle(self._read("entries", index, width), width=width)

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of one tile, as far as this tree has them."""
        if (level, index) not in self._tiles:
            width = self._width(level, index)
            data = self._read(level, index, width)
            if len(data) != width * HASH:
                raise Malformed("a tile has not the length that its name says")
            self._tiles[level, index] = data
        return self._tiles[level, index]

    def hashes(self, level: int, index: int) -> list[bytes]:
        """The hashes of one tile, one by one."""
        tile = self.tile(level, index)
        return [tile[at : at + HASH] for at in range(0, len(tile), HASH)]

    def _width(self, level: int, index: int) -> int:
        full, partial = widths(self.size, level)
        if index < full:
            return WIDTH
        if index == full and partial:
            return partial
        raise Malformed("a tile beyond the tree")

    def _read(self, level: int | str, index: int, width: int) -> bytes:
        try:
            return self._fetch(path(level, index, width))
        except FileNotFoundError:
            if width == WIDTH:
                raise
        data = self._fetch(path(level, index))
        if level != "entries":
            if len(data) != WIDTH * HASH:
                raise Malformed("a full tile has not the length of one")
            return data[: width * HASH]
        return encode_bundle(decode_bundle(data, width=WIDTH)[:width])
