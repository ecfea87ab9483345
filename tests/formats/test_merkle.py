"""The tree's arithmetic at its edges, beside the definition itself: every size to 40, every index, every wrong word."""

import itertools

import pytest

from strongroom.formats import merkle
from strongroom.formats.malformed import Malformed

MOST = 40
LEAVES = [bytes([i]) for i in range(MOST)]


def definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if not leaves:
        return merkle.empty_root()
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    k = max(1 << n for n in range(8) if 1 << n < len(leaves))
    return merkle.node_hash(definition(leaves[:k]), definition(leaves[k:]))


def node(level: int, index: int) -> bytes:
    return definition(LEAVES[index << level : (index + 1) << level])


ROOTS = [definition(LEAVES[:size]) for size in range(MOST + 1)]


def includes(index: int, size: int, proof: list[bytes], leaf: bytes | None = None) -> bool:
    try:
        merkle.verify_inclusion(
            leaf=LEAVES[index % MOST] if leaf is None else leaf,
            index=index,
            size=size,
            proof=proof,
            root_hash=ROOTS[size],
        )
    except Malformed:
        return False
    return True


def extends(old: int, new: int, proof: list[bytes], old_root: bytes | None = None) -> bool:
    try:
        merkle.verify_consistency(old=old, new=new, old_root=old_root or ROOTS[old], new_root=ROOTS[new], proof=proof)
    except Malformed:
        return False
    return True


def test_every_root_is_the_definitions() -> None:
    assert [merkle.root(size, node) for size in range(MOST + 1)] == ROOTS


def test_every_leaf_is_included_at_its_place_alone() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            proof = merkle.inclusion(index, size, node)
            assert includes(index, size, proof)
            assert not includes(index, size, proof, leaf=b"other")
            assert not includes(index, size, [*proof, bytes(32)])
            assert not proof or not includes(index, size, proof[:-1])
            assert not proof or not includes(index, size, proof[1:])
            assert not any(includes(other, size, proof, leaf=LEAVES[index]) for other in range(size) if other != index)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (4, 3), (0, 0)])
def test_an_index_outside_has_no_proof_and_none_is_believed(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion(index, size, node)
    with pytest.raises(Malformed, match="not in a tree"):
        merkle.verify_inclusion(leaf=b"", index=index, size=size, proof=[], root_hash=ROOTS[size])


def test_every_tree_extends_every_older_one_by_its_own_proof_alone() -> None:
    for old, new in itertools.combinations(range(1, MOST + 1), 2):
        proof = merkle.consistency(old, new, node)
        assert extends(old, new, proof)
        assert not extends(old, new, proof, old_root=bytes(32))
        assert not extends(old, new, [*proof, bytes(32)])
        assert not extends(old, new, proof[:-1])
        assert not extends(old, new, [])
        assert not extends(old, new, [bytes(32), *proof[1:]])


def test_a_tree_extends_itself_and_the_empty_one_without_a_proof() -> None:
    for size in range(1, MOST + 1):
        assert merkle.consistency(size, size, node) == []
        assert extends(size, size, [])
        assert not extends(size, size, [bytes(32)])
        assert not extends(size, size, [], old_root=bytes(32))
        assert extends(0, size, [])
        assert not extends(0, size, [], old_root=bytes(32))
        assert not extends(0, size, [bytes(32)])
    assert extends(0, 0, [])


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_sizes_that_are_none_have_no_proof(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="sizes"):
        merkle.consistency(old, new, node)


@pytest.mark.parametrize(("old", "new"), [(4, 3), (-1, 3)])
def test_a_tree_that_became_smaller_is_said(old: int, new: int) -> None:
    with pytest.raises(Malformed, match="smaller"):
        merkle.verify_consistency(old=old, new=new, old_root=ROOTS[0], new_root=ROOTS[3], proof=[])


def test_leaves_and_nodes_are_hashed_apart() -> None:
    import hashlib

    assert merkle.leaf_hash(b"x") == hashlib.sha256(b"\0x").digest()
    assert merkle.node_hash(b"a" * 32, b"b" * 32) == hashlib.sha256(b"\x01" + b"a" * 32 + b"b" * 32).digest()
    assert merkle.empty_root() == hashlib.sha256().digest()
    assert merkle.subtree([merkle.leaf_hash(x) for x in LEAVES[:8]]) == ROOTS[8]
