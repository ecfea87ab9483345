"""Merkle tree hashes and proofs of RFC 6962 section 2.1 (verification: RFC 9162 section 2.1.3 and 2.1.4), over SHA-256.

`NodeReader` hands out the hash of a complete subtree; the tree may lie in memory or in tiles.
"""

import hashlib
from collections.abc import Callable, Sequence

from strongroom.formats.malformed import Malformed

NodeReader = Callable[[int, int], bytes]
"""(level, index) → hash of the complete subtree of 2**level leaves that starts at leaf index * 2**level."""


def empty_root() -> bytes:
    return hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def leaf_hashes(leaves: Sequence[bytes]) -> list[bytes]:
    """The hash of each leaf. One loop without a call of ours: a journal is millions of them."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + leaf).digest() for leaf in leaves]


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtree(hashes: Sequence[bytes]) -> bytes:
    """The hash of a complete subtree, from the hashes of its leaves or nodes; their number is a power of two."""
    row, sha256 = hashes, hashlib.sha256
    while len(row) > 1:
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def root(size: int, node: NodeReader) -> bytes:
    """The Merkle tree hash of the first `size` leaves."""
    return empty_root() if size == 0 else _range_hash(0, size, node)


def inclusion(index: int, size: int, node: NodeReader) -> list[bytes]:
    """The audit path of a leaf, from its sibling up (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in a tree of that size")
    return _path(index, 0, size, node)


def consistency(old: int, new: int, node: NodeReader) -> list[bytes]:
    """What shows that a tree of `old` leaves is a prefix of one of `new` (RFC 6962 section 2.1.2)."""
    if not 0 < old <= new:
        raise ValueError("sizes must be 0 < old <= new")
    return [] if old == new else _subproof(old, 0, new, node, complete=True)


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root_hash: bytes) -> None:
    """Raise `Malformed` unless the leaf stands at `index` of the tree (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise Malformed("the leaf is not in a tree of that size")
    fn, sn, current = index, size - 1, leaf_hash(leaf)
    for sibling in proof:
        if sn == 0:
            raise Malformed("the inclusion proof is too long")
        if fn & 1 or fn == sn:
            current = node_hash(sibling, current)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            current = node_hash(current, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn or current != root_hash:
        raise Malformed("the inclusion proof does not lead to the root")


def verify_consistency(*, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise `Malformed` unless the new tree extends the old one (RFC 9162 section 2.1.4.2)."""
    if not 0 <= old <= new:
        raise Malformed("the tree became smaller")
    if old in (0, new):
        expected = empty_root() if old == 0 else new_root
        if proof or old_root != expected:
            raise Malformed("the trees differ")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise Malformed("the consistency proof is too short")
    if _extend(path, old, new) != (old_root, new_root):
        raise Malformed("the new tree does not extend the old one")


def _extend(path: list[bytes], old: int, new: int) -> tuple[bytes, bytes]:
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise Malformed("the consistency proof is too long")
        if fn & 1 or fn == sn:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Malformed("the consistency proof is too short")
    return first, second


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(start: int, end: int, node: NodeReader) -> bytes:
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range_hash(start, middle, node), _range_hash(middle, end, node))


def _path(index: int, start: int, end: int, node: NodeReader) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, node), _range_hash(middle, end, node)]
    return [*_path(index, middle, end, node), _range_hash(start, middle, node)]


def _subproof(old: int, start: int, end: int, node: NodeReader, *, complete: bool) -> list[bytes]:
    if old == end:
        return [] if complete else [_range_hash(start, end, node)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, node, complete=complete), _range_hash(middle, end, node)]
    return [*_subproof(old, middle, end, node, complete=False), _range_hash(start, middle, node)]
