"""A text is found in whatever form it was written, wherever it stands; other bytes are not flagged (RR-4, LM-3)."""

import base64
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.formats.secret import Secret
from strongroom.policy.retention_and_recovery.leaks.canaries import SCRIPTS, Canary, canaries_of, customers
from strongroom.policy.retention_and_recovery.leaks.engine import Engine
from strongroom.policy.retention_and_recovery.leaks.forms import FORMS, needles, written
from strongroom.policy.retention_and_recovery.leaks.looking import Limits, Scanner
from tests.leaks.looks import TEXT, scanner, trails

NEVER = "Kvaxed Wrozhtim"
PLAIN = [form.id for form in FORMS]


@pytest.mark.parametrize("form", PLAIN)
def test_each_form_is_found_under_its_own_name(folder: Path, form: str) -> None:
    assert trails(folder, b"before " + written(form, TEXT) + b" after") == {("", form)}


@pytest.mark.parametrize("form", [form.id for form in FORMS if form.caseless])
def test_each_form_is_found_in_capitals_of_its_letters(folder: Path, form: str) -> None:
    assert trails(folder, written(form, TEXT).upper()) == {("", form)}


@pytest.mark.parametrize("script", list(SCRIPTS))
@pytest.mark.parametrize("unicode_form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_every_script_is_found_composed_and_decomposed(folder: Path, script: str, unicode_form: str) -> None:
    customer = customers(Secret(b"s" * 32))[list(SCRIPTS).index(script)]
    name = customer.fields["name"].text()
    seen = scanner(*name.split())
    path = folder / "file"
    path.write_text(unicodedata.normalize(unicode_form, name), encoding="utf-8")  # type: ignore[arg-type]
    seen.file(path)
    assert {hit.canary for hit in seen.seen.hits} == {"t0", "t1"}


@pytest.mark.parametrize("turn", [str.upper, str.lower, str.casefold])
def test_letters_beyond_ascii_are_found_in_either_case(folder: Path, turn: object) -> None:
    word = "Ördéğvýxjk"
    assert trails(folder, turn(word).encode(), word) == {("", "utf-8")}  # type: ignore[operator]


@pytest.mark.parametrize("shift", range(6))
@pytest.mark.parametrize("encode", [base64.standard_b64encode, base64.urlsafe_b64encode])
def test_base64_is_found_at_every_alignment_in_both_alphabets(folder: Path, shift: int, encode: object) -> None:
    data = encode(b"\xff\xfe" * 5 + b"x" * shift + TEXT.encode() + b"\xfb\xff tail")  # type: ignore[operator]
    assert trails(folder, data) == {("", "base64")}


def test_json_that_escapes_for_scripts_is_found(folder: Path) -> None:
    escaped = json.dumps(TEXT).replace("'", "\\u0027").replace("&", "\\u0026")
    assert trails(folder, escaped.encode()) == {("", "json")}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_word_cut_by_the_line_ends_of_mail_is_found(folder: Path, end: bytes) -> None:
    """76 characters a line: 57 bytes, so a text of eighteen that begins at byte 48 is cut."""
    lines = base64.encodebytes(b"." * 48 + TEXT.encode() + b"." * 45).replace(b"\n", end)
    assert written("base64", TEXT)[:20] not in lines, "the line end is inside the text"
    assert trails(folder, lines) == {("!lines joined", "base64")}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_word_cut_by_quoted_printables_soft_line_ends_is_found(folder: Path, end: bytes) -> None:
    data = b"Dear " + written("quoted-printable", TEXT)[:9] + b"=" + end + written("quoted-printable", TEXT)[9:]
    assert trails(folder, data) == {("!lines joined", "quoted-printable")}


def test_half_a_name_betrays_itself(folder: Path) -> None:
    customer = customers(Secret(b"s" * 32))[0]
    half = customer.fields["name"].text().split()[1]
    seen = scanner()
    seen = Scanner(Engine(needles(canaries_of([customer]))))
    path = folder / "file"
    path.write_text(f"ordered by {half}", encoding="utf-8")
    seen.file(path)
    assert {hit.canary for hit in seen.seen.hits} == {"c1.name"}


def test_what_only_looks_alike_is_not_flagged(folder: Path) -> None:
    assert trails(folder, (NEVER + TEXT[:-1] + TEXT[1:] + " ").encode() * 100 + bytes(range(256)) * 50) == set()


def test_a_text_that_could_stand_somewhere_by_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 bytes"):
        Canary("short", (Secret("Smith"),))


def test_the_same_secret_makes_the_same_customers_and_another_others() -> None:
    first, again, other = (customers(Secret(bytes([n]) * 32)) for n in (1, 1, 2))
    assert first == again
    assert not {c.texts for c in canaries_of(first)} & {c.texts for c in canaries_of(other)}


def test_a_needle_shows_nothing_of_what_it_looks_for() -> None:
    found = needles(canaries_of(customers(Secret(b"s" * 32))))
    word = customers(Secret(b"s" * 32))[0].fields["city"].text()
    assert word not in repr(found) and word.encode() not in repr(found).encode()


CHUNK = 4096
ENGINE = Engine(needles([Canary("t", (Secret(TEXT),))]))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from(PLAIN), at=st.integers(0, 3 * CHUNK), before=st.binary(min_size=0, max_size=64),
    fill=st.sampled_from([b"\0", b"x", b"\xff", b"0"]),
)  # fmt: skip
def test_any_form_at_any_offset_across_any_border_is_found(
    folder: Path, form: str, at: int, before: bytes, fill: bytes
) -> None:
    data = (before + fill * at)[:at] + written(form, TEXT) + fill * CHUNK
    path = folder / "file"
    path.write_bytes(data)
    seen = Scanner(ENGINE, Limits(chunk=CHUNK))
    seen.file(path)
    assert form in {hit.form for hit in seen.seen.hits}
