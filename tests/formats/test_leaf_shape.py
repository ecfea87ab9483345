"""What is known of a leaf without decoding it is what decoding says, of whole ones and of malformed ones."""

import os
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.formats import leaf, leaf_shape
from strongroom.formats.leaf import WIDTHS, Entry, Fact, Kind, Outcome
from strongroom.formats.malformed import Malformed

SALT = b"s" * 32


def entry(random: Random) -> Entry:
    facts: dict[Fact, int | bytes] = {}
    for fact in random.sample(list(Fact), random.randrange(5)):
        octets = random.randbytes(WIDTHS[fact])
        facts[fact] = int.from_bytes(octets, "big") if WIDTHS[fact] <= 8 else octets
    return Entry(
        random.randbytes(16), random.choice(list(Kind)), random.choice(list(Outcome)), random.randrange(1 << 63),
        random.randrange(-5, 9), random.randbytes(16), random.randbytes(16), facts,
    )  # fmt: skip


def decodes(data: bytes, *, as_leaf: bool) -> bool:
    try:
        leaf.decode_leaf(data) if as_leaf else leaf.decode_entry(data)
    except Malformed:
        return False
    return True


def passes(data: bytes, *, as_leaf: bool) -> bool:
    try:
        leaf_shape.check_leaves([data]) if as_leaf else leaf_shape.check_entry(data)
    except Malformed:
        return False
    return True


@given(random=st.randoms(use_true_random=False), as_leaf=st.booleans())
@settings(max_examples=200, deadline=None)
def test_it_passes_what_decodes_and_refuses_what_does_not(random: Random, *, as_leaf: bool) -> None:
    made = entry(random)
    whole = leaf.encode_leaf(made, SALT) if as_leaf else leaf.encode_entry(made)
    assert passes(whole, as_leaf=as_leaf)
    others = [whole[:-1], whole + b"\0", whole[1:], whole[: random.randrange(len(whole))], b""]
    for _ in range(60):
        at = random.randrange(len(whole))
        others.append(whole[:at] + bytes([random.randrange(256)]) + whole[at + 1 :])
    for data in others:
        assert passes(data, as_leaf=as_leaf) is decodes(data, as_leaf=as_leaf), data.hex()


def test_every_byte_of_a_leaf_is_looked_at_as_decoding_does() -> None:
    facts: dict[Fact, int | bytes] = {Fact.PART: 1, Fact.WRITE: 2, Fact.PURPOSE: 3, Fact.CALL: bytes(16)}
    made = Entry(b"i" * 16, Kind.OPENED, Outcome.DONE, 5, 7, b"o" * 16, b"p" * 16, facts)
    whole = leaf.encode_leaf(made, SALT)
    leaf_shape.check_leaves([whole])
    for at in range(len(whole)):
        for value in range(256):
            data = whole[:at] + bytes([value]) + whole[at + 1 :]
            assert passes(data, as_leaf=True) is decodes(data, as_leaf=True), (at, value)


def test_one_malformed_among_many_is_refused() -> None:
    whole = [leaf.encode_leaf(entry(Random(seed)), SALT) for seed in range(50)]
    leaf_shape.check_leaves(whole)
    with pytest.raises(Malformed):
        leaf_shape.check_leaves([*whole[:30], whole[30] + b"\0", *whole[31:]])


def test_one_that_is_as_long_as_the_one_before_is_looked_at_too() -> None:
    whole = leaf.encode_leaf(entry(Random(3)), SALT)
    for at in (0, 17, 18, 19):  # version, kind, outcome
        with pytest.raises(Malformed):
            leaf_shape.check_leaves([whole, whole, whole[:at] + b"\xff" + whole[at + 1 :]])


def test_a_shape_is_learnt_once() -> None:
    made = entry(Random(5))
    leaf_shape.check_leaves([leaf.encode_leaf(made, SALT)])
    leaf_shape.check_entry(leaf.encode_entry(made))
    known = leaf_shape.kept()
    for _ in range(3):
        leaf_shape.check_leaves([leaf.encode_leaf(made, SALT)] * 2)
        leaf_shape.check_entry(leaf.encode_entry(made))
    assert leaf_shape.kept() == known > 0


@given(random=st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_leaf_of_an_encoded_entry_is_that_of_the_entry(random: Random) -> None:
    made = entry(random)
    data, salt = leaf.encode_entry(made), os.urandom(32)
    assert leaf_shape.leaf_of(data, leaf_shape.check_entry(data), salt) == leaf.encode_leaf(made, salt)


def test_a_stranger_fills_no_memory_with_shapes() -> None:
    random = Random(1)
    for _ in range(3 * leaf_shape.MOST):
        made = entry(random)
        leaf_shape.check_leaves([leaf.encode_leaf(made, SALT)])
    assert leaf_shape.kept() <= 2 * leaf_shape.MOST * leaf_shape.ALIKE


def test_four_shapes_of_a_kind_are_kept_and_so_many_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: dict[tuple[int, bytes], tuple[leaf_shape.Shape, ...]] = {}
    monkeypatch.setattr(leaf_shape, "_ENTRIES", shapes)
    monkeypatch.setattr(leaf_shape, "MOST", 3)
    alike = [fact for fact in Fact if WIDTHS[fact] == 8][:6]

    def meet(kind: Kind, fact: Fact) -> None:
        leaf_shape.check_entry(
            leaf.encode_entry(Entry(b"i" * 16, kind, Outcome.DONE, 5, 7, b"o" * 16, b"p" * 16, {fact: 1}))
        )

    for fact in alike:
        meet(Kind.OPENED, fact)
    assert [len(each) for each in shapes.values()] == [4]
    for kind in (Kind.SEALED, Kind.SEARCHED, Kind.CARRIED):
        meet(kind, alike[0])
    assert [len(each) for each in shapes.values()] == [4, 1, 1], "of the fourth kind nothing is kept"
    meet(Kind.SEARCHED, alike[1])
    assert [len(each) for each in shapes.values()] == [4, 1, 2], "of a kind that is kept, another shape"
