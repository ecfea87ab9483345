"""What is known of an entry or leaf without decoding it (docs/formats/leaf.md).

Decoding refuses by length, version, kind, outcome and by which facts stand where; it looks at no value. So bytes that
agree in all these with some that decoded are well-formed too. Of each kind of bytes that decoded the *shape* is kept,
and others are compared with it by one mask; what agrees with none is decoded in full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.formats.leaf import HEADER_BYTES, WIDTHS, Fact, commitment, decode_entry, decode_leaf

MOST: Final = 1_024
"""Shapes that are kept: ours are some hundred; a stranger's may be as many as there are sets of facts."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`mask` picks version, kind, outcome and the facts' count and numbers, as one integer; `want` is what they are."""

    mask: int
    want: int
    public: bytes
    """The count of the public facts, as it stands in a leaf."""
    public_end: int
    """Where they end in an entry; private ones have higher numbers and stand behind."""


_Shapes = dict[tuple[int, bytes], tuple[Shape, ...]]
_LEAVES: Final[_Shapes] = {}
_ENTRIES: Final[_Shapes] = {}


def check_leaves(leaves: Sequence[bytes]) -> None:
    """That each would decode. Raises `Malformed`, as `decode_leaf` does, for the first that would not."""
    known, number = _LEAVES, int.from_bytes
    for data in leaves:
        for shape in known.get((len(data), data[17:20]), ()):
            if number(data, "big") & shape.mask == shape.want:
                break
        else:
            decode_leaf(data)
            _learn(known, data, HEADER_BYTES + 32)


def check_entry(data: bytes) -> Shape:
    """The shape of an entry that would decode. Raises `Malformed`, as `decode_entry` does."""
    for shape in _ENTRIES.get((len(data), data[17:20]), ()):
        if int.from_bytes(data, "big") & shape.mask == shape.want:
            return shape
    decode_entry(data)
    return _learn(_ENTRIES, data, HEADER_BYTES)


def leaf_of(entry: bytes, shape: Shape, salt: bytes) -> bytes:
    """The leaf of an encoded entry: header, commitment, public facts; the same as `encode_leaf` of it decoded."""
    public = entry[HEADER_BYTES + 1 : shape.public_end]
    return entry[:HEADER_BYTES] + commitment(entry, salt) + shape.public + public


def _learn(shapes: _Shapes, data: bytes, count_at: int) -> Shape:
    """Keep the shape of what decoded, whose facts' count stands there."""
    looked_at, public, at = bytearray(len(data)), 0, count_at + 1
    public_end = at
    for byte in (0, 17, 18, 19, count_at):
        looked_at[byte] = 0xFF
    while at < len(data):
        looked_at[at] = 0xFF
        fact = Fact(data[at])
        at += 1 + WIDTHS[fact]
        if fact.public:
            public, public_end = public + 1, at
    mask = int.from_bytes(looked_at, "big")
    shape = Shape(mask, int.from_bytes(data, "big") & mask, bytes([public]), public_end)
    if len(shapes) < MOST:
        key = len(data), data[17:20]
        shapes[key] = (*shapes.get(key, ()), shape)
    return shape
