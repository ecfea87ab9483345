"""A label shows the whole address in any script, its barcode reads back, and no customer's text is ever a command."""

import re
import subprocess
import sys
from typing import Any

import bidi
import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.application.despatch.labels.content import (
    CannotRender,
    Customs,
    CustomsLine,
    LabelContent,
    address_lines,
    clean,
)
from strongroom.application.despatch.labels.direction import levels
from strongroom.application.despatch.labels.layout import Text, pages
from strongroom.application.despatch.labels.pdf import missing, render_pdf
from strongroom.application.despatch.labels.text import _visual_runs, fonts_for, names_of, shaped
from strongroom.application.despatch.labels.zpl import escaped, render_zpl
from strongroom.formats.parts import FIELDS, Part
from strongroom.formats.secret import Secret

CODE = "SRK7M29QXD4P"
GOODS = (
    CustomsLine("Wooden marble run", 1, 2499, "GBP", 800, "9503.00", "GB"),
    CustomsLine("Glow paint", 2, 1200, "GBP", 300, "3213.10", "CN"),
)
PEOPLE = {
    "GB": {
        "name": "Anne-Marie O’Neill",
        "line1": "12 Long Lane",
        "line2": "Flat 3",
        "city": "London",
        "postcode": "E1 6AN",
    },
    "DE": {"name": "Jürgen Großmann", "line1": "Straße des 17. Juni 135", "city": "Berlin", "postcode": "10623"},
    "FR": {"name": "Zoë Lefèvre", "line1": "8 rue de l’Œuf", "city": "Orléans", "postcode": "45000"},
    "JP": {
        "name": "山田 太郎",
        "line1": "神南1-2-3 青山ハイツ405",
        "city": "渋谷区",
        "state": "東京都",
        "postcode": "150-0041",
    },
    "AE": {"name": "محمد بن راشد العلي", "line1": "12 شارع الشيخ زايد، شقة 405", "city": "دبي", "state": "Dubai"},
    "TR": {
        "name": "Işıl Çağlayan Öztürk",
        "line1": "İstiklal Caddesi No: 12/4",
        "city": "Beyoğlu",
        "postcode": "34433",
    },
    "US": {"name": "Dana Whitfield", "line1": "410 Terry Ave N", "city": "Seattle", "state": "WA", "postcode": "98109"},
    "IL": {"name": "נועה לוי", "line1": "רחוב הרצל 12", "city": "תל אביב", "postcode": "6688101"},
    "TH": {"name": "สมชาย ใจดี", "line1": "123/4 ถนนสุขุมวิท", "city": "กรุงเทพฯ", "postcode": "10110"},
    "IN": {"name": "प्रिया शर्मा", "line1": "12 गांधी मार्ग", "city": "दिल्ली", "postcode": "110001"},
    "GR": {"name": "Ελένη Παπαδοπούλου", "line1": "Οδός Ερμού 12", "city": "Αθήνα", "postcode": "105 63"},
    "KR": {"name": "김민수", "line1": "세종대로 110", "city": "서울", "postcode": "04524"},
}


def label(country: str, customs: Customs | None = None, **fields: str) -> LabelContent:
    told = {name: Secret(text) for name, text in (fields or PEOPLE[country]).items()}
    return LabelContent(told, country, CODE, "Standard", 1, 1, ("The Toy Shop", "Leeds LS1 2AB"), customs)


def pictures(pdf: bytearray) -> list[Any]:
    document = pypdfium2.PdfDocument(bytes(pdf))
    try:
        return [page.render(scale=203 / 72).to_pil() for page in document]
    finally:
        document.close()


@pytest.mark.parametrize("country", PEOPLE)
def test_every_script_is_drawn_whole_and_the_barcode_reads_back(country: str) -> None:
    content = label(country, Customs(GOODS))
    assert missing(content) == (), "every letter has a font"
    (picture,) = pictures(render_pdf([content]))
    assert picture.size == (812, 1218), "4 by 6 inches at 203 dots an inch"
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [CODE]


@pytest.mark.parametrize(
    ("country", "last"),
    [
        ("GB", ["London", "E1 6AN", "UNITED KINGDOM"]), ("DE", ["10623 Berlin", "GERMANY"]),
        ("JP", ["神南1-2-3 青山ハイツ405", "JAPAN"]), ("US", ["Seattle WA 98109", "UNITED STATES"]),
        ("TR", ["34433 Beyoğlu", "TÜRKIYE"]),
    ],
)  # fmt: skip
def test_an_address_is_written_as_its_country_writes_it(country: str, last: list[str]) -> None:
    assert address_lines(label(country))[-len(last) :] == last


def test_a_character_without_a_font_is_a_box_and_is_named() -> None:
    content = label("GB", name="Sam 🎉 Lee", line1="1 Way", city="York", postcode="YO1 1AA")
    assert names_of(missing(content)) == ["party popper"]
    render_pdf([content])


def test_an_arabic_line_runs_from_right_to_left_with_its_numbers_upright() -> None:
    assert levels("شارع 12")[0] == 1
    assert levels("شارع 12")[-1] == 2


@settings(max_examples=600, deadline=None)
@given(st.text(st.sampled_from("abZ 123٣٤-+$/()[]., שלוםא عبدخ ê高は"), min_size=1, max_size=30))
def test_mixed_directions_stand_as_the_unicode_algorithm_says(text: str) -> None:
    """Against unicode-bidi in Rust, another implementation than the one we use: no house number changes sides."""
    one_way = str.maketrans(")]", "([")
    order = fonts_for("GB")
    seen = "".join(run if level % 2 == 0 else run[::-1] for run, _, level in _visual_runs(text.strip(), order))
    assert seen.translate(one_way) == bidi.get_display(text.strip()).translate(one_way)


def test_a_number_beside_a_bracket_stays_outside_it() -> None:
    seen = "".join(
        run if level % 2 == 0 else run[::-1] for run, _, level in _visual_runs("شارع (B) 12", fonts_for("AE"))
    )
    assert seen == "12 )B( عراش"


def test_composed_and_decomposed_letters_look_the_same() -> None:
    assert shaped(clean("Zoe\u0308")) == shaped(clean("Zoë"))


def test_marks_that_turn_text_around_are_removed() -> None:
    assert clean("12\u202eenaL gnoL\u202c") == "12enaL gnoL"
    assert clean("a\x00b\nc\u2028d") == "a b c d"


@pytest.mark.parametrize("length", [120, 300])
def test_a_long_name_is_wrapped_and_never_cut(length: int) -> None:
    name = "Wolfeschlegelsteinhausenbergerdorff " * (length // 36)
    content = label("DE", name=name.strip(), line1="Weg 1", city="Ulm", postcode="89073")
    drawn = "".join(m.plain for m in pages(content)[0] if isinstance(m, Text)).replace(" ", "")
    assert name.replace(" ", "") in drawn


def test_an_address_that_fits_at_no_size_is_an_error_in_words() -> None:
    with pytest.raises(CannotRender, match="longer than a label"):
        render_pdf([label("DE", name="x" * 6000, line1="Weg 1", city="Ulm", postcode="89073")])


def test_an_address_without_lines_is_an_error() -> None:
    with pytest.raises(CannotRender):
        render_pdf([label("DE", name="", city="")])


def test_much_value_gets_a_full_declaration_of_its_own_page() -> None:
    dear = Customs(tuple(CustomsLine(f"Train {n}", 1, 19_900, "GBP", 900, "9503.00", "GB") for n in range(5)))
    assert len(pictures(render_pdf([label("AE", dear)]))) == 2
    assert len(pictures(render_pdf([label("AE", Customs(GOODS))]))) == 1


@pytest.mark.parametrize("kinds", [1, 3, 9])
def test_goods_of_a_long_name_are_shortened_and_stay_readable(kinds: int) -> None:
    name = "Märklin wooden marble run with 120 pieces, storage bag and building instructions"
    long = Customs(tuple(CustomsLine(f"{n} {name}", 1, 900, "GBP", 900, "9503.00.7000", "GB") for n in range(kinds)))
    drawn = [mark for page in pages(label("JP", long)) for mark in page if isinstance(mark, Text)]
    goods = [mark for mark in drawn if "9503.00.7000" in mark.plain]
    assert len(goods) == kinds
    assert all(mark.plain.endswith("\u2026, 9503.00.7000, GB") and "Märklin" in mark.plain for mark in goods)
    assert all(mark.size >= 5.4 and mark.line.width * mark.size <= 118.5 for mark in goods)


def test_a_label_says_nothing_in_its_repr() -> None:
    content = label("GB")
    drawn = [mark for mark in pages(content)[0] if isinstance(mark, Text)]
    assert repr(content) == "***"
    assert {repr(mark) for mark in drawn} == {repr(mark.line) for mark in drawn} == {"***"}


REMEMBERED = """
import gc, sys
from tests.application.test_labels import label, render_pdf, render_zpl

def draw():
    made = label("GB", name="".join(("Planted", "Surname")), line1="1 Way", city="York")
    render_pdf([made]), render_zpl([made])

draw(), gc.collect()
ring = [found for found in gc.get_objects() if hasattr(type(found), "cache_info")]
assert ring  # the fonts are cached, so there is something to look into
for _ in range(4):
    ring = [inner for found in ring for inner in gc.get_referents(found) if not isinstance(inner, type(sys))]
    assert not [text for text in ring if isinstance(text, str) and text == "".join(("Planted", "Surname"))]
    ring = [found for found in ring if isinstance(found, (dict, tuple, list)) or "HashedSeq" in type(found).__name__]
"""


def test_nothing_of_a_label_is_remembered_after_it_was_drawn() -> None:
    """A cache of names would outlive the keys that forget them (RR-4)."""
    subprocess.run([sys.executable, "-c", REMEMBERED], check=True, timeout=120)


def commands(zpl: bytes) -> list[bytes]:
    """Every command of a ZPL stream, without the payloads of fields and the digits of coordinates and bitmaps."""
    stripped = re.sub(rb"\^FD[^\^~]*", b"^FD", zpl)
    return re.findall(rb"[\^~][^\^~]*", stripped)


HOSTILE = st.text(
    alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from("^~_,>:\\{}\r\n\x00XAFS0")),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(name=HOSTILE, street=HOSTILE, note=HOSTILE)
def test_no_customers_text_is_ever_a_command(name: str, street: str, note: str) -> None:
    content = label("GB", name=name + "a", line1=street + "b", city="York", postcode="YO1 1AA", instruction=note)
    try:
        made = bytes(render_zpl([content]))
    except CannotRender:
        return
    known = {b"^XA", b"^CI", b"^PW", b"^LL", b"^LH", b"^FO", b"^A0N", b"^FH_", b"^FD", b"^FS", b"^GB", b"^BY", b"^BCN",
             b"^GFA", b"^XZ"}  # fmt: skip
    for command in commands(made):
        assert any(command.startswith(k) for k in known), command
    assert made.count(b"^XA") == made.count(b"^XZ") == 1
    payloads = re.findall(rb"\^FD([^\^]*)\^FS", made)
    assert len(payloads) == made.count(b"^FD")
    assert all(re.fullmatch(rb"(?:[A-Za-z0-9 ]|_[0-9A-F]{2})*", payload) for payload in payloads)
    assert b"~" not in made


COMMANDS = (
    "^XA^FO0,0^FDowned^FS^XZ", "~JA", "~JR~DGR:X.GRF,1,1,FF", "^FS^FX no more", "^XZ^XA^IDR:*.*^FS^XZ", "^CC/ /XA",
    "~CT+ +JA", "^CD;", "^DFR:STORED.ZPL^FS", "^FH\\5EXA", "_5EXA_7EJA", "\x02\x03\x10\x1b\x7f\x85", "\r\n^XA\r\n",
    "\uff3eXA \u02c6XA \ufe3fXA", "! U1 setvar", "\x1b%-12345X@PJL", '{"^XA"}', "﹒～ＪＡ",
)  # fmt: skip
"""Commands, changes of the signs that begin them, stored formats, escapes, control codes, look-alikes, other languages."""
FIELDS_OF_A_LABEL = (
    *FIELDS[Part.RECIPIENT],
    "service",
    "sender",
    "title",
    "hs_code",
    "origin",
    "currency",
    "reference",
)


def hostile_label(field: str, word: str) -> LabelContent:
    """A label to Japan, with its declaration, on which one field says this."""

    def told(name: str, plain: str) -> str:
        return word if name == field else plain

    recipient = {name: told(name, f"{name} plain") for name in FIELDS[Part.RECIPIENT]}
    goods = CustomsLine(
        told("title", "Kite"), 1, 900, told("currency", "GBP"), 100, told("hs_code", "9503.00"), told("origin", "GB")
    )
    return LabelContent(
        {name: Secret(text) for name, text in recipient.items()}, "JP", told("reference", CODE),
        told("service", "Standard"), 1, 1, (told("sender", "The Toy Shop"), "Leeds LS1 2AB"), Customs((goods,)),
    )  # fmt: skip


@pytest.mark.parametrize("field", FIELDS_OF_A_LABEL)
def test_no_field_of_a_label_reaches_the_printer_as_a_command(field: str) -> None:
    """Whatever a field says, the stream has the commands that it has when the field says something plain."""

    def kinds(word: str) -> list[bytes]:
        made = bytes(render_zpl([hostile_label(field, word)]))
        assert b"~" not in made
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", made), "no byte but printable ones and our line ends"
        assert all(re.fullmatch(rb"(?:[A-Za-z0-9 ]|_[0-9A-F]{2})*", p) for p in re.findall(rb"\^FD([^\^]*)", made))
        return [command[:3] for command in commands(made)]

    allowed = {*kinds("plain"), b"^GF"}
    for word in (" ".join(COMMANDS[n::3]) for n in range(3)):
        try:
            found = kinds(word)
        except CannotRender:
            continue
        assert set(found) <= allowed, word
        assert found.count(b"^XA") == found.count(b"^XZ") == 1


def test_our_reference_is_a_code_and_nothing_else() -> None:
    """It alone stands in a barcode; the bars of anything else would be scanned back as a command of a keyboard."""
    found = re.findall(rb"\^BCN[^\^]*\^FH_\^FD([^\^]*)", bytes(render_zpl([label("GB", Customs(GOODS))])))
    assert found == [CODE.encode()]


def test_the_escape_reaches_every_sign_that_zpl_reads() -> None:
    assert escaped("^XA~JA_1F,é") == b"_5EXA_7EJA_5F1F_2C_C3_A9"


def test_letters_beyond_the_printers_own_font_come_as_dots() -> None:
    made = bytes(render_zpl([label("JP")]))
    assert b"^GFA," in made
    assert "山".encode() not in made
