"""Decoders refuse or return what was encoded, and nothing else; proofs hold for every size (I6)."""

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.formats import broker, leaf, merkle, note, proof, ring, sealed, tiles, wire
from strongroom.formats.leaf import WIDTHS, Entry, Fact, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import FIELDS, Part
from strongroom.formats.secret import Secret

references = st.binary(min_size=16, max_size=16)
facts = st.dictionaries(st.sampled_from(list(Fact)), st.just(0)).map(
    lambda chosen: {
        fact: int.from_bytes(os.urandom(WIDTHS[fact]), "big") if WIDTHS[fact] <= 8 else os.urandom(WIDTHS[fact])
        for fact in chosen
    }
)
entries = st.builds(
    Entry, id=references, kind=st.sampled_from(list(Kind)), outcome=st.sampled_from(list(Outcome)),
    at=st.integers(0, 2**63), account=st.integers(-1, 2**40), subject=references, by=references, facts=facts,
)  # fmt: skip


@given(entries)
def test_an_entry_reads_back_as_it_was(entry: Entry) -> None:
    assert leaf.decode_entry(leaf.encode_entry(entry)) == entry


@given(entries, st.binary(min_size=32, max_size=32))
def test_a_leaf_is_the_entry_without_its_private_facts(entry: Entry, salt: bytes) -> None:
    found = leaf.decode_leaf(leaf.encode_leaf(entry, salt))
    assert found.entry == replace(entry, facts={f: v for f, v in entry.facts.items() if f.public})


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_no_decoder_accepts_what_it_would_not_write(data: bytes) -> None:
    pairs: list[tuple[Any, Any]] = [
        (leaf.decode_entry, leaf.encode_entry),
        (wire.unpack, wire.pack),
        (ring.decode, ring.encode),
    ]
    for decode, encode in pairs:
        try:
            value = decode(data)
        except Malformed:
            continue
        assert encode(value) == data


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_lists_of_bytes_read_back(items: list[bytes]) -> None:
    assert wire.unpack(wire.pack(items)) == items


@given(st.sampled_from(list(Part)), st.data())
def test_fields_survive_sealing_and_pad_to_steps(part: Part, data: st.DataObject) -> None:
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
    values = data.draw(st.dictionaries(st.sampled_from(FIELDS[part]), texts))
    fields = {name: Secret(value) for name, value in values.items()}
    padded = sealed.encode_fields(part, fields)
    assert len(padded) % 64 == 0
    assert sealed.decode_fields(part, padded) == fields
    assert broker.parse_fields(part, broker.fields(fields)) == fields


def test_a_field_of_another_part_is_refused() -> None:
    with pytest.raises(ValueError, match="no field"):
        sealed.encode_fields(Part.TRACKING, {"name": Secret("x")})


LEAVES = [i.to_bytes(3, "big") for i in range(300)]


def node(level: int, index: int) -> bytes:
    if level == 0:
        return merkle.leaf_hash(LEAVES[index])
    return merkle.node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))


@given(st.integers(1, 300), st.data())
def test_every_leaf_of_every_tree_has_a_proof_and_only_that_leaf(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, root = merkle.inclusion(index, size, node), merkle.root(size, node)
    merkle.verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=path, root_hash=root)
    for wrong in (
        {"leaf": b"other", "index": index, "size": size, "proof": path},
        {"leaf": LEAVES[index], "index": index, "size": size, "proof": [*path, bytes(32)]},
        {"leaf": LEAVES[index], "index": (index + 1) % size, "size": size, "proof": path},
    ):
        if wrong["index"] == index and wrong["leaf"] == LEAVES[index] and wrong["proof"] == path:
            continue  # a tree of one leaf
        with pytest.raises(Malformed):
            merkle.verify_inclusion(**wrong, root_hash=root)  # type: ignore[arg-type]


@given(st.integers(1, 300), st.integers(1, 300))
def test_every_older_tree_is_a_prefix_and_no_other_is(one: int, other: int) -> None:
    old, new = sorted((one, other))
    path = merkle.consistency(old, new, node)
    roots = {"old_root": merkle.root(old, node), "new_root": merkle.root(new, node)}
    merkle.verify_consistency(old=old, new=new, proof=path, **roots)
    with pytest.raises(Malformed):
        merkle.verify_consistency(old=old, new=new, proof=path, old_root=bytes(32), new_root=roots["new_root"])
    if old < new:
        with pytest.raises(Malformed):
            merkle.verify_consistency(old=old, new=new, proof=[*path, bytes(32)], **roots)


@given(st.integers(0, 10**12), st.integers(1, 256))
def test_a_tiles_path_is_groups_of_three_digits(index: int, width: int) -> None:
    name = tiles.path(0, index, width)
    groups = name.removeprefix("tile/0/").split(".p/")[0].split("/")
    assert int("".join(group.removeprefix("x") for group in groups)) == index
    assert all(group.startswith("x") for group in groups[:-1])
    assert name.endswith(f".p/{width}") == (width != 256)


def test_the_specifications_example_of_a_path() -> None:
    assert tiles.path("entries", 1_234_067) == "tile/entries/x001/x234/067"


@given(st.text(max_size=300))
def test_no_text_is_a_note_by_accident(text: str) -> None:
    key = note.VerifierKey("example.org/x", bytes(32))
    with pytest.raises(Malformed):
        note.verify(text, key)
    for parse in (proof.parse_inclusion, proof.parse_consistency, note.parse_verifier_key, note.parse_checkpoint):
        try:
            parse(text)
        except Malformed:
            continue


def test_a_secret_shows_itself_to_nobody() -> None:
    import pickle

    secret = Secret("Zoë")
    assert (repr(secret), str(secret), f"{secret}", f"{secret:>10}") == ("***",) * 4
    with pytest.raises(TypeError):
        pickle.dumps(secret)
