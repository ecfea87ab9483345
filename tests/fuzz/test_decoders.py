"""Any bytes at any decoder: a value, or the one refusal that its page names; never another error, never much memory (I6)."""

import json
import os
import random
import tempfile
import tracemalloc
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from strongroom.formats import (
    broker,
    grade,
    house,
    leaf,
    note,
    owned_file,
    proof,
    ring,
    sealed,
    tiles,
    verdict,
    verdict_file,
    wire,
)
from strongroom.formats.broker import Destroyed, LivingKey, Located, Sealed, Status, Told, ToOpen, ToSeal, Verb
from strongroom.formats.house import HouseKind
from strongroom.formats.malformed import Malformed
from strongroom.formats.owned_file import NotTheirs
from strongroom.formats.parts import Part
from strongroom.formats.sealed import CannotOpen, Day, Place
from strongroom.formats.secret import Secret
from strongroom.marketplace import documents, parcels, parse
from strongroom.policy.clauses import profiles
from tests.application.test_labels import label
from tests.vectors import make

FOLDER: Final = Path(make.__file__).parent
MOST: Final = 1 << 20
"""What one decoding of a short input may have in memory at once, in bytes."""
PLACE, DAY = Place(7, make.ORDER, Part.RECIPIENT, 99), Day(20_000, 20_003, 1)
KEY: Final = note.VerifierKey("example.org/x", bytes(32))


TIMES: Final = int(os.environ.get("STRONGROOM_FUZZ", "0"))
"""The suite tries the same each time; `make fuzz` so many times as much, and new every time."""


def fuzzed(examples: int) -> settings:
    slow = [HealthCheck.too_slow]  # how busy a machine is says nothing of a decoder
    return settings(
        max_examples=examples * max(TIMES, 1), derandomize=not TIMES, deadline=None, suppress_health_check=slow
    )


def raw(name: str, field: str) -> bytes:
    return bytes.fromhex(json.loads((FOLDER / f"{name}.json").read_text())[field])


def said(name: str, field: str) -> str:
    return str(json.loads((FOLDER / f"{name}.json").read_text())[field])


LOCATED: Final = Located(PLACE, DAY, raw("sealed-part", "bundle"))
ENTRY, LEAF = raw("leaf-and-tree", "entry"), raw("leaf-and-tree", "leaf")
TO_SEAL: Final = broker.to_seal(ToSeal(make.ORDER, Part.RECIPIENT, 9, {"name": Secret("Zoë"), "city": Secret("Bath")}))


def _grade(data: bytes) -> grade.Grade:
    """Root's own file, whose reader says `ValueError` and has one place that takes it for what it is."""
    try:
        return grade.parse(data)
    except ValueError as why:
        raise Malformed(str(why)) from None


Decode = Callable[[bytes], Any]
Encode = Callable[[Any], bytes] | None
DECODERS: Final[dict[str, tuple[Decode, Encode, bytes]]] = {
    "list": (wire.unpack, wire.pack, wire.pack([b"a", b"", b"longer"])),
    "request": (broker.parse_request, lambda v: broker.request(v[0], *v[1]), broker.request(Verb.SEAL, wire.i64(1), TO_SEAL)),
    "answer": (broker.parse_answer, lambda v: broker.answer(v.status, *v.values), broker.answer(Status.OK, b"x")),
    "told": (
        lambda d: broker.parse_told(wire.unpack(d)), lambda v: wire.pack(broker.told(v)),
        wire.pack(broker.told(Told(5, in_doubt=False, locked=True, rehearsal=False))),
    ),
    "living key": (broker.parse_living_key, broker.living_key, broker.living_key(LivingKey(False, 7, 1, 2, 3, 4, bytes(32)))),
    "located": (broker.parse_located, broker.located, broker.located(LOCATED)),
    "to seal": (broker.parse_to_seal, broker.to_seal, TO_SEAL),
    "sealed": (broker.parse_sealed, broker.sealed, broker.sealed(Sealed(DAY, b"bundle", b"body", {1: b"i" * 12, 3: b"j" * 12}))),
    "to open": (broker.parse_to_open, broker.to_open, broker.to_open(ToOpen(ENTRY, b"s" * 32, LOCATED, b"body"))),
    "fields": (lambda d: broker.parse_fields(Part.BUYER, d), broker.fields, broker.fields({"email": Secret("a@b"), "name": Secret("é")})),
    "indexes": (broker.parse_indexes, broker.indexes, broker.indexes({2: b"k" * 12})),
    "index of a day": (broker.parse_index_of_day, lambda v: broker.index_of_day(*v), broker.index_of_day(20_000, b"k" * 12)),
    "destroyed": (broker.parse_destroyed, broker.destroyed, broker.destroyed(Destroyed(7, 1, 2, bytes(32)))),
    "entry": (leaf.decode_entry, leaf.encode_entry, ENTRY),
    "leaf": (leaf.decode_leaf, None, LEAF),
    "entry bundle": (lambda d: tiles.decode_bundle(d, width=3), tiles.encode_bundle, tiles.encode_bundle([b"one", b"", LEAF])),
    "ring": (ring.decode, ring.encode, raw("ring-and-cell", "ring")),
    "padded part": (
        lambda d: sealed.decode_fields(Part.BUYER, d), lambda v: sealed.encode_fields(Part.BUYER, v),
        sealed.encode_fields(Part.BUYER, {"email": Secret("a@b.example"), "name": Secret("Zoë")}),
    ),
    "verdict": (verdict.decode, verdict.encode, said("verdict", "text").encode()),
    "grade": (_grade, None, b'{"grade":"service","uids":{"web":998},"version":1,"why":""}'),
}  # fmt: skip
SECRETS: Final[dict[str, tuple[Decode, bytes]]] = {
    "sealed part": (lambda d: sealed.unseal(make.DEK, PLACE, d), raw("sealed-part", "sealed")),
    "bundle": (lambda d: sealed.unbundle(sealed.wrap_key(make.KEY), PLACE, DAY, d), raw("sealed-part", "bundle")),
    "house secret": (lambda d: house.unseal(make.KEY, HouseKind.TOTP, make.ORDER, d), raw("ring-and-cell", "house_secret")),
}  # fmt: skip
TEXTS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "note": (lambda t: note.verify(t, KEY), said("leaf-and-tree", "checkpoint")),
    "checkpoint": (note.parse_checkpoint, said("leaf-and-tree", "checkpoint").split("\n\n")[0] + "\n"),
    "signed checkpoint": (lambda t: note.verify_checkpoint(t, KEY), said("leaf-and-tree", "checkpoint")),
    "verifier key": (note.parse_verifier_key, said("leaf-and-tree", "verifier_key")),
    "inclusion proof": (proof.parse_inclusion, "c2sp.org/tlog-proof@v1\nextra AA==\nindex 0\n\n" + said("leaf-and-tree", "checkpoint")),
    "consistency proof": (proof.parse_consistency, "strongroom/consistency/v1\n\n" + said("leaf-and-tree", "checkpoint")),
}  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, good: bytes) -> bytes:
    """Bytes that were good before an attacker came by; now and then bytes of their own."""
    data = bytearray(good if draw(st.integers(0, 9)) else draw(st.binary(max_size=300)))
    rng = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(0, 4))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1:
                del data[at : at + rng.randrange(1, 9)]
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 3:
                data[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\xff\xff"))
            case 4:
                data[at:at] = data[rng.randrange(len(data) + 1) :][:64]
            case _ if data:
                del data[at % len(data) :]
    return bytes(data)


def used(act: Callable[[], Any]) -> int:
    """The most bytes that were in memory at once for it."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", DECODERS)
@fuzzed(80)
@given(data=st.data())
def test_a_decoder_gives_a_value_or_malformed_and_takes_one_spelling(name: str, data: st.DataObject) -> None:
    decode, encode, good = DECODERS[name]
    given_ = data.draw(changed(good))
    try:
        value = decode(given_)
    except Malformed:
        return
    if encode is not None:
        assert encode(value) == given_


@pytest.mark.parametrize("name", DECODERS)
def test_the_good_bytes_are_taken(name: str) -> None:
    decode, encode, good = DECODERS[name]
    value = decode(good)
    assert encode is None or encode(value) == good


@pytest.mark.parametrize("name", DECODERS)
def test_lengths_that_lie_cost_nothing(name: str) -> None:
    decode, _, good = DECODERS[name]

    def act() -> None:
        for at in range(min(len(good) + 1, 80)):
            for lie in (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff"):
                try:
                    decode(good[:at] + lie + good[at + len(lie) :])
                except Malformed:
                    continue

    assert used(act) < MOST


@pytest.mark.parametrize("name", SECRETS)
@fuzzed(80)
@given(data=st.data())
def test_what_was_sealed_opens_unchanged_or_not_at_all(name: str, data: st.DataObject) -> None:
    unseal, good = SECRETS[name]
    free = 5 if name == "house secret" else 1  # which yearly key it is under: another number means another key
    given_ = data.draw(changed(good))
    try:
        unseal(given_)
    except (Malformed, CannotOpen):
        return
    assert given_[:1] + given_[free:] == good[:1] + good[free:]


@pytest.mark.parametrize("name", TEXTS)
@fuzzed(120)
@given(data=st.data())
def test_a_text_format_gives_a_value_or_malformed(name: str, data: st.DataObject) -> None:
    parse_, good = TEXTS[name]
    given_ = data.draw(changed(good.encode())).decode(
        "utf-8", data.draw(st.sampled_from(["replace", "surrogateescape"]))
    )
    try:
        parse_(given_)
    except Malformed:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["orders", "order", "orderId", "buyer", "recipient", "orderItems", "payload", "packages", "pagination",
                         "Contents", "FileType", "Checksum", "errors", "code", "message", "fulfillment"]) | st.text(max_size=8),
        inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@fuzzed(150)
@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"orders":' * 50_000)
@example(b"1" * 50_000)
@example(b'"\\ud800"')
def test_amazons_bytes_are_json_or_a_value_error(body: bytes) -> None:
    try:
        parse.load(Secret(body))
    except ValueError:
        return


@fuzzed(200)
@given(JSON)
def test_amazons_json_is_a_page_or_no_answer(body: Any) -> None:
    call = uuid.UUID(int=1)
    for read in (
        lambda: parse.orders_page(body, call=call, keep=True, asked_recipient=True),
        lambda: parse.order_page(body, call=call, keep=True, asked_recipient=True),
        lambda: parse.packages(body, call=call), lambda: parse.participations(body),
    ):  # fmt: skip
        try:
            read()
        except parse.NotAnAnswer:
            continue
    documents.read(body)
    parcels.why_refused(400, body)


@fuzzed(80)
@given(
    st.binary(max_size=300), st.sampled_from(["PDF", "PNG", "ZPL", "application/pdf", "image/png", "application/zpl"])
)
def test_a_bought_label_is_whole_or_unusable(content: bytes, form: str) -> None:
    import base64
    import gzip

    for sent in (content, gzip.compress(content), gzip.compress(content)[:-3]):
        documents.read({"Contents": base64.b64encode(sent).decode(), "FileType": form, "Checksum": "x"})


def test_a_label_that_unfolds_without_end_is_refused_before_it_fills_the_memory() -> None:
    import base64
    import gzip

    bomb = base64.b64encode(gzip.compress(bytes(200 << 20), 9)).decode()
    for form in documents.Form:
        assert used(lambda: documents.read({"Contents": bomb, "FileType": form.value, "Checksum": "x"})) < 64 << 20  # noqa: B023
        assert (
            documents.read({"Contents": bomb, "FileType": form.value, "Checksum": "x"}) is documents.Unusable.TOO_LARGE
        )


TOML = (Path(profiles.__file__).parent / "profiles" / "amazon-2026.toml").read_bytes()


@fuzzed(60)
@given(st.data())
def test_a_profile_is_read_or_its_mistakes_are_named(data: st.DataObject) -> None:
    text = data.draw(changed(TOML[:6_000])).decode("utf-8", "replace")
    found, mistakes = profiles.read({"fuzzed.toml": text}, beside=profiles.built_in())
    assert found or mistakes
    assert all(str(mistake) for mistake in mistakes)


@fuzzed(60)
@given(data=st.data())
def test_a_verdict_file_is_a_verdict_or_says_what_is_wrong(data: st.DataObject) -> None:
    look = next(iter(verdict.Look))
    with tempfile.TemporaryDirectory(prefix="sr-") as made:
        Path(made, verdict_file.name_of(look)).write_bytes(data.draw(changed(said("verdict", "text").encode())))
        verdict_file.read(Path(made), look, 0)


@fuzzed(40)
@given(data=st.binary(max_size=2_000))
def test_what_the_inspector_is_asked_is_bytes_of_its_owner_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="sr-") as made:
        Path(made, "leaks").write_bytes(data)
        Path(made, "leaks").chmod(0o644)
        try:
            assert owned_file.read(Path(made), "leaks", uid=Path(made).stat().st_uid, most=1_000) == data
            assert len(data) <= 1_000
        except NotTheirs:
            return


LINE = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    ["^XA^FDx^FS^XZ", "~JR", "\x1b%-12345X@PJL", "%PDF-1.7\n", "(]) Tj ET", "\u202ereversed", "\U0001f468\u200d\U0001f469", "\u0000" * 30, "A" * 60]
)  # fmt: skip


@fuzzed(25)
@given(
    fields=st.dictionaries(
        st.sampled_from(["name", "line1", "line2", "city", "state", "postcode", "phone", "company", "instruction"]),
        LINE,
    )
)
def test_any_address_is_a_label_or_cannot_be_rendered(fields: dict[str, str]) -> None:
    from strongroom.application.despatch.labels.content import CannotRender
    from strongroom.application.despatch.labels.pdf import render_pdf
    from strongroom.application.despatch.labels.zpl import render_zpl

    for render in (render_pdf, render_zpl):
        try:
            made = bytes(render([label("GB", None, **fields)]))
        except CannotRender:
            continue
        assert made.startswith((b"%PDF", b"^XA"))
        if made.startswith(b"%PDF"):
            assert b"/JavaScript" not in made
            assert b"/OpenAction" not in made
            assert b"/URI" not in made
