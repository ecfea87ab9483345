"""A document as PDF: the same words, A4, page numbers, an outline; title, author, language and version as its metadata.

The letters are Noto Serif's: Latin, Greek, Cyrillic. What they lack is refused aloud rather than printed as a box.
"""

import importlib.util
import io
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Table, TableStyle

from strongroom.formats.refused import Refused
from strongroom.policy.data_governance.document import (
    OF_NUMBERS,
    Code,
    Document,
    Link,
    Number,
    Section,
    Sentence,
    Stated,
)

SERIF, SANS = "Strongroom-Serif", "Strongroom-Sans"
FONTS: Final = {
    SERIF: ("fontpkg_noto_serif", "NotoSerif[wdth,wght].ttf"), SANS: ("fontpkg_noto_sans", "NotoSans[wdth,wght].ttf"),
}  # fmt: skip
INK, QUIET, HAIR = HexColor(0x11181C), HexColor(0x46525A), HexColor(0xCFD6D3)
MARGIN: Final = 22 * mm
WIDTH: Final = A4[0] - 2 * MARGIN
COLUMNS: Final = (0.27 * WIDTH, 0.25 * WIDTH, 0.18 * WIDTH, 0.3 * WIDTH)


def pdf(page: Document) -> bytes:
    """The document's bytes, the same for the same document. Raises `Refused` for letters that no font here has."""
    _refuse_unknown_letters(page)
    pages = _build(page, 0)[1]
    return _build(page, pages)[0]


class _Heading(Paragraph):
    """A heading that stands in the PDF's outline."""

    def __init__(self, text: str, style: ParagraphStyle, level: int) -> None:
        super().__init__(escape(text), style)
        self._words, self._level = text, level

    def draw(self) -> None:
        key = f"h{self._level}-{self._words}"
        self.canv.bookmarkHorizontal(key, 0, self.height)
        self.canv.addOutlineEntry(self._words, key, self._level)
        super().draw()


def _build(page: Document, pages: int) -> tuple[bytes, int]:
    """The file and how many pages it has; `pages` is what its foot says of that."""
    out = io.BytesIO()
    made = BaseDocTemplate(
        out, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN, lang="en-GB",
        title=f"{page.title} - {page.publisher.name}", author=page.publisher.name, subject=page.dated,
        keywords=[f"policy version {page.edition.version}", f"edition {page.edition.number}"], creator="Strongroom",
        invariant=1, pageCompression=1,
    )  # fmt: skip
    frame = Frame(
        MARGIN, MARGIN, WIDTH, A4[1] - 2 * MARGIN, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
    )

    def begin(canvas: Canvas, _document: Any) -> None:
        at = page.edition.published_at
        canvas.setDateFormatter(lambda *_: f"D:{at:%Y%m%d%H%M%S}Z")
        _foot(canvas, page, pages)

    made.addPageTemplates([PageTemplate(frames=[frame], onPage=begin)])
    made.build(list(_story(page)))
    return out.getvalue(), made.page


def _foot(canvas: Canvas, page: Document, pages: int) -> None:
    """Below every page: whose it is, of which version, which page of how many."""
    rehearsal = " · rehearsal: everything here is invented" if page.edition.mode == "rehearsal" else ""
    canvas.saveState()
    canvas.setFont(SANS, 7.5)
    canvas.setFillColor(QUIET)
    canvas.drawString(MARGIN, 12 * mm, f"{page.publisher.name} · version {page.edition.version}{rehearsal}")
    canvas.drawRightString(A4[0] - MARGIN, 12 * mm, f"Page {canvas.getPageNumber()} of {pages}")
    canvas.restoreState()


def _story(page: Document) -> Iterator[Flowable]:
    """Everything in its order: the same words as the HTML."""
    styles = _styles()
    yield _Heading(page.title, styles["title"], 0)
    yield Paragraph(escape(page.lede), styles["lede"])
    yield Paragraph(escape(page.dated), styles["quiet"])
    for section in page.sections:
        yield from _section(section)
    for law in page.laws:
        yield _Heading(law.name, styles["heading"], 1)
        for demand, sentence in law.says:
            yield Paragraph(escape(demand), styles["demand"])
            yield Paragraph(_marked(sentence), styles["text"])
        yield Paragraph("Whom to complain to", styles["demand"])
        yield Paragraph(escape(law.authority), styles["text"])
    if page.numbers:
        yield _Heading("The numbers", styles["heading"], 1)
        yield Paragraph(OF_NUMBERS, styles["text"])
        yield _table(page.numbers)
        yield _Heading("What changed", styles["heading"], 1)
        yield from _changes(page)
    for section in page.about:
        yield from _section(section)


def _section(section: Section) -> Iterator[Flowable]:
    styles = _styles()
    yield _Heading(section.title, styles["heading"], 1)
    for sentence in section.sentences:
        yield Paragraph(_marked(sentence), styles["text"])


def _changes(page: Document) -> Iterator[Flowable]:
    style = _styles()["text"]
    yield Paragraph(escape(page.compared), style)
    for change in page.changes:
        yield Paragraph(f"{escape(change.title)} {_quiet(change.clause)}: {escape(change.said)}.", style)


def _table(numbers: tuple[Number, ...]) -> Table:
    """Every term in force; its head stands on each page again."""
    style = _styles()["cell"]
    head = [Paragraph(words, _styles()["demand"]) for words in ("Term", "In force", "Counted from", "Who asks what")]
    rows = [
        [
            Paragraph(f"{escape(row.title)} {_quiet(row.stated.clause)}", style),
            Paragraph(f"<u>{escape(row.stated.words)}</u>", style),
            Paragraph(escape(row.counted_from), style),
            Paragraph(escape(row.asked), style),
        ]
        for row in numbers
    ]
    lines = TableStyle([
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK), ("LINEBELOW", (0, 1), (-1, -1), 0.4, HAIR),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 6),
    ])  # fmt: skip
    return Table([head, *rows], colWidths=list(COLUMNS), repeatRows=1, style=lines)


def _marked(sentence: Sentence) -> str:
    """A sentence in reportlab's markup: terms underlined, links to be followed, clauses behind."""
    words = []
    for piece in sentence.pieces:
        match piece:
            case Stated():
                words.append(f"<u>{escape(piece.words)}</u>")
            case Link():
                href = piece.to if piece.to.startswith("mailto:") else ""
                text = escape(piece.words)
                words.append(f'<link href="{escape(href)}"><u>{text}</u></link>' if href else text)
            case Code():
                words.append(f'<font name="{SANS}" size="8">{escape(piece.words)}</font>')
            case _:
                words.append(escape(piece))
    return "".join(words) + (f" {_quiet(', '.join(sentence.clauses))}" if sentence.clauses else "")


def _quiet(words: str) -> str:
    return f'<font name="{SANS}" size="7" color="#46525a">{escape(words)}</font>'


@cache
def _styles() -> dict[str, ParagraphStyle]:
    _fonts()
    text = ParagraphStyle(
        "text",
        fontName=SERIF,
        fontSize=10,
        leading=15,
        textColor=INK,
        spaceAfter=6,
        alignment=TA_LEFT,
        splitLongWords=1,
    )
    return {
        "text": text,
        "title": ParagraphStyle("title", text, fontName=SANS, fontSize=24, leading=28, spaceAfter=10),
        "lede": ParagraphStyle("lede", text, fontSize=12, leading=18),
        "quiet": ParagraphStyle("quiet", text, fontName=SANS, fontSize=8, leading=12, textColor=QUIET),
        "heading": ParagraphStyle(
            "heading", text, fontName=SANS, fontSize=14, leading=18, spaceBefore=14, spaceAfter=6, keepWithNext=1
        ),
        "demand": ParagraphStyle(
            "demand", text, fontName=SANS, fontSize=8.5, leading=12, textColor=QUIET, spaceAfter=1, keepWithNext=1
        ),
        "cell": ParagraphStyle("cell", text, fontSize=8.5, leading=12, spaceAfter=0),
    }


@cache
def _fonts() -> dict[str, Any]:
    """The fonts, found in their packages and registered once."""
    for name, (package, file) in FONTS.items():
        found = importlib.util.find_spec(package)
        assert found is not None  # noqa: S101 - a package that we depend on
        assert found.origin is not None  # noqa: S101
        pdfmetrics.registerFont(TTFont(name, str(Path(found.origin).parent / "files" / file)))
    return {name: pdfmetrics.getFont(name) for name in FONTS}


def _refuse_unknown_letters(page: Document) -> None:
    """A company's name or a profile's words may hold letters of any script."""
    known = _fonts()[SERIF].face.charToGlyph
    everything = [page.publisher.name, *page.publisher.address, *page.publisher.contacts]
    everything += [sentence.text for section in (*page.sections, *page.about) for sentence in section.sentences]
    everything += [
        text for law in page.laws for text in (law.name, law.authority, *(to + s.text for to, s in law.says))
    ]
    everything += [row.title + row.stated.words for row in page.numbers]
    unknown = sorted({letter for text in everything for letter in text if ord(letter) not in known and letter != "\n"})
    if unknown:
        shown = " ".join(f"U+{ord(letter):04X}" for letter in unknown[:5])
        raise Refused("DG-4", f"The PDF has no letters for {shown}: write names in Latin, Greek or Cyrillic letters.")
