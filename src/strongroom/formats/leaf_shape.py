"""What is known of an entry or leaf without decoding it (docs/formats/leaf.md).

Decoding refuses by length, version, kind, outcome and by which facts stand where; it looks at no value. So bytes that
agree in all these with some that decoded are well-formed too. Of what decoded the *shape* is kept, and others are
compared with it by what one `struct` picks from them; what agrees with none is decoded in full.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.formats.leaf import HEADER_BYTES, WIDTHS, Fact, commitment, decode_entry, decode_leaf

MOST: Final = 1_024
ALIKE: Final = 4
"""Lengths and kinds whose shapes are kept, and shapes of each: ours are some hundred, a stranger's without number."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`pick` takes version, kind, outcome and the facts' count and numbers out of `length` bytes; `want`: these are."""

    length: int
    pick: Callable[[bytes], tuple[bytes, ...]]
    want: tuple[bytes, ...]
    public: bytes
    """The count of the public facts, as it stands in a leaf."""
    public_end: int
    """Where they end in an entry; private ones have higher numbers and stand behind."""


_Shapes = dict[tuple[int, bytes], tuple[Shape, ...]]
_LEAVES: Final[_Shapes] = {}
_ENTRIES: Final[_Shapes] = {}


def check_leaves(leaves: Sequence[bytes]) -> None:
    """That each would decode. Raises `Malformed`, as `decode_leaf` does, for the first that would not."""
    length, pick, want = -1, None, None
    for data in leaves:
        if len(data) != length or pick is None or pick(data) != want:  # most are as the one before
            shape = _find(_LEAVES, data)
            if shape is None:
                decode_leaf(data)
                shape = _learn(_LEAVES, data, HEADER_BYTES + 32)
            length, pick, want = shape.length, shape.pick, shape.want


def check_entry(data: bytes) -> Shape:
    """The shape of an entry that would decode. Raises `Malformed`, as `decode_entry` does."""
    shape = _find(_ENTRIES, data)
    if shape is None:
        decode_entry(data)
        shape = _learn(_ENTRIES, data, HEADER_BYTES)
    return shape


def leaf_of(entry: bytes, shape: Shape, salt: bytes) -> bytes:
    """The leaf of an encoded entry: header, commitment, public facts; the same as `encode_leaf` of it decoded."""
    public = entry[HEADER_BYTES + 1 : shape.public_end]
    return entry[:HEADER_BYTES] + commitment(entry, salt) + shape.public + public


def kept() -> int:
    """How many shapes are kept."""
    return sum(len(each) for shapes in (_LEAVES, _ENTRIES) for each in shapes.values())


def _find(shapes: _Shapes, data: bytes) -> Shape | None:
    for shape in shapes.get((len(data), data[17:20]), ()):
        if shape.pick(data) == shape.want:
            return shape
    return None


def _learn(shapes: _Shapes, data: bytes, count_at: int) -> Shape:
    """Keep the shape of what decoded, whose facts' count stands there."""
    layout, public, at = f">c16x3s{count_at - 20}xc", 0, count_at + 1
    public_end = at
    while at < len(data):
        fact = Fact(data[at])
        layout += f"c{WIDTHS[fact]}x"
        at += 1 + WIDTHS[fact]
        if fact.public:
            public, public_end = public + 1, at
    pick = struct.Struct(layout).unpack
    shape = Shape(len(data), pick, pick(data), bytes([public]), public_end)
    key = len(data), data[17:20]
    alike = shapes.get(key, ())
    if len(alike) < ALIKE and (alike or len(shapes) < MOST):
        shapes[key] = (*alike, shape)
    return shape
