"""A verdict reads back as it was written, and everything else that a hostile file may hold is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.formats import verdict
from strongroom.formats.grade import Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.verdict import GREATEST, Look, State, Verdict
from tests.vectors import make

VECTOR = json.loads((Path(make.__file__).parent / "verdict.json").read_text(encoding="utf-8"))
TEXT = VECTOR["text"].encode()

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200)
sentences = st.lists(texts.filter(bool), max_size=4).map(tuple)
facts = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
    st.one_of(st.integers(-GREATEST, GREATEST), texts, st.lists(texts, max_size=4).map(tuple)),
    max_size=6,
)
verdicts = st.builds(
    Verdict, look=st.sampled_from(list(Look)), at=st.integers(0, GREATEST), boot=texts.map(lambda t: t[:64]),
    took=st.integers(0, GREATEST), grade=st.sampled_from(list(Kind)), saw=facts, problems=sentences, unseen=sentences,
)  # fmt: skip


def changed(**names: Any) -> bytes:
    """The vector with other values, written as canonically as that allows."""
    told = {**json.loads(TEXT), **names}
    return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def test_the_code_still_writes_the_vector() -> None:
    assert make.verdict_file() == VECTOR


def test_the_vector_says_what_the_page_says() -> None:
    told = json.loads(TEXT)
    assert list(told) == sorted(told)
    assert (told["version"], told["look"], told["grade"], VECTOR["state"]) == (1, "mounts", "service", "fail")
    found = verdict.decode(TEXT)
    assert found.saw == {"below": ('/srv/Zoë \\\\ "x"', "b"), "data_kind": "ext4", "removable": 0}
    assert (found.at, found.took, found.state) == (1_728_000_000_123, 12, State.FAIL)


@given(verdicts)
def test_a_verdict_reads_back_as_it_was(seen: Verdict) -> None:
    assert verdict.decode(verdict.encode(seen)) == seen


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=300), st.integers(0, len(TEXT) - 1).map(lambda at: TEXT[:at] + b"," + TEXT[at:])))
def test_nothing_is_accepted_that_would_not_be_written(data: bytes) -> None:
    try:
        found = verdict.decode(data)
    except Malformed:
        return
    assert verdict.encode(found) == data


def test_state_follows_from_problems_first_then_from_what_was_not_seen() -> None:
    for problems, unseen, state in (
        ([], [], "pass"),
        ([], ["x"], "unknown"),
        (["x"], [], "fail"),
        (["x"], ["x"], "fail"),
    ):
        assert verdict.decode(changed(problems=problems, unseen=unseen)).state == state


REFUSED: dict[str, bytes] = {
    "another version": changed(version=2),
    "a version that is true": changed(version=True),
    "a version in words": changed(version="1"),
    "an unknown look": changed(look="keys"),
    "an unknown grade": changed(grade="root"),
    "a look that is a list": changed(look=["mounts"]),
    "an unknown name": changed(more=1),
    "a missing name": changed().replace(b'"took":12,', b""),
    "a name twice": TEXT.replace(b'"at":', b'"at":1,"at":', 1),
    "a fact twice": TEXT.replace(b'"removable":0', b'"removable":0,"removable":0'),
    "a fraction": TEXT.replace(b'"took":12', b'"took":12.0'),
    "not a number": TEXT.replace(b'"took":12', b'"took":NaN'),
    "infinity": TEXT.replace(b'"took":12', b'"took":-Infinity'),
    "an exponent": TEXT.replace(b'"took":12', b'"took":1e1'),
    "nothing": changed(took=None),
    "a moment before 1970": changed(at=-1),
    "a number too great": changed(at=2**53),
    "a number of many digits": TEXT.replace(b'"took":12', b'"took":' + b"9" * 5000),
    "a fact that is true": changed(saw={"a": True}),
    "a fact that is an object": changed(saw={"a": {}}),
    "a fact within a fact": changed(saw={"a": [["b"]]}),
    "a number among texts": changed(saw={"a": [1]}),
    "a fact's name with capitals": changed(saw={"A": 1}),
    "a fact's name too long": changed(saw={"a" * 41: 1}),
    "a fact too long": changed(saw={"a": "b" * 201}),
    "a list too long": changed(saw={"a": ["b"] * 101}),
    "too many facts": changed(saw={f"a{n}": 1 for n in range(65)}),
    "too many problems": changed(problems=["x"] * 65),
    "an empty sentence": changed(problems=[""]),
    "a sentence too long": changed(unseen=["x" * 501]),
    "a line break in a sentence": changed(problems=["a\\nb".replace("\\n", "\n")]),
    "a terminal's escape": changed(problems=["\x1b[31m"]),
    "a surrogate": TEXT.replace("Zoë".encode(), b"\\ud800"),
    "problems that are a text": changed(problems="x"),
    "a list at the top": b"[]",
    "a text at the top": b'"x"',
    "nothing at all": b"",
    "a space": TEXT.replace(b'"at":', b'"at": '),
    "names in another order": json.dumps(dict(reversed(json.loads(TEXT).items())), separators=(",", ":")).encode(),
    "a character escaped for nothing": TEXT.replace(b'"ext4"', b'"\\u0065xt4"'),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT,
    "bytes after the end": TEXT + b"\n",
    "no UTF-8": TEXT.replace("ë".encode(), b"\xff"),
    "deep nesting": changed(saw={"a": 1}).replace(b'"a":1', b'"a":' + b"[" * 30_000 + b"]" * 30_000),
    "deeper brackets than the parser takes": b"[" * 65_000,
    "too many bytes": changed(saw={f"a{n}": ["ü" * 200] * 100 for n in range(3)}),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_hostile_file_is_refused(what: str) -> None:
    assert REFUSED[what] != TEXT
    with pytest.raises(Malformed):
        verdict.decode(REFUSED[what])


def test_every_cut_is_refused() -> None:
    for at in range(len(TEXT)):
        with pytest.raises(Malformed):
            verdict.decode(TEXT[:at])


def test_a_files_name_is_made_fit_to_be_shown() -> None:
    assert verdict.clean("a\nb\x1b[31m\udcffc ü") == "a\\x0ab\\x1b[31m\\xffc ü"
