"""Where everything stands on a 4 by 6 inch label; one layout for every printer. Lengths in points from the top left."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.application.despatch.labels.content import (
    MOST_LINES,
    CannotRender,
    Customs,
    CustomsLine,
    LabelContent,
    address_lines,
    clean,
    note_lines,
)
from strongroom.application.despatch.labels.text import Line, shaped, width_of

WIDTH: Final = 288.0
HEIGHT: Final = 432.0
MARGIN: Final = 12.0
INSIDE: Final = WIDTH - 2 * MARGIN
LARGEST: Final = 16.0
SMALLEST: Final = 7.5
LEADING: Final = 1.28
ADDRESS_TOP: Final = 74.0
BARCODE_HEIGHT: Final = 46.0
READABLE: Final = 5.5
"""The smallest size of a line of goods."""
TOO_LONG: Final = "the address is longer than a label"


@dataclass(frozen=True, repr=False)
class Text:
    """A shaped line; `x`, `y` of its baseline's left end. `plain`: the text, for printers with a font of their own."""

    line: Line
    x: float
    y: float
    size: float
    plain: str

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True)
class Rule:
    """A black bar from its top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Barcode:
    """Code 128 of `value`, at most `width` wide."""

    value: str
    x: float
    y: float
    width: float
    height: float


Mark = Text | Rule | Barcode


def pages(content: LabelContent) -> list[list[Mark]]:
    """The label's pages: one, and a second for a full declaration (CN23). Raises `CannotRender`; nothing is cut."""
    first = list(_label(content))
    customs = content.customs
    if customs is not None and not customs.is_small:
        return [first, list(_cn23(customs, content))]
    return [first]


def _label(content: LabelContent) -> Iterator[Mark]:
    yield from _head(content)
    foot = HEIGHT - MARGIN - BARCODE_HEIGHT - 14
    small = content.customs if content.customs is not None and content.customs.is_small else None
    block = 108.0 if small is not None else 0.0
    notes = [clean(text) for text in note_lines(content)]
    room = foot - block - ADDRESS_TOP - 8
    yield from _address(content, notes, room)
    if small is not None:
        yield from _cn22(small, foot - block)
    yield Barcode(content.reference, MARGIN, foot, INSIDE, BARCODE_HEIGHT)
    line = shaped(content.reference)
    yield Text(line, (WIDTH - line.width * 10) / 2, HEIGHT - MARGIN, 10, content.reference)


def _head(content: LabelContent) -> Iterator[Mark]:
    service = clean(content.service).upper()
    yield from _fitted(service, MARGIN, MARGIN + 18, 20, INSIDE - 70)
    if content.parcels > 1:
        yield from _fitted(f"{content.parcel} of {content.parcels}", WIDTH - MARGIN - 62, MARGIN + 16, 14, 62)
    yield Rule(MARGIN, MARGIN + 25, INSIDE, 1.5)
    sender = ", ".join(clean(line) for line in content.sender if clean(line))
    if sender:
        yield from _fitted(f"If undelivered: {sender}", MARGIN, MARGIN + 36, 8, INSIDE, floor=5.0)
    yield Rule(MARGIN, MARGIN + 42, INSIDE, 0.75)


def _address(content: LabelContent, notes: list[str], room: float) -> Iterator[Mark]:
    """Address and notes at the largest size at which all of it fits; an address that fits at none is an error."""
    wanted = address_lines(content)
    size = LARGEST
    while size >= SMALLEST:
        lines = [part for text in wanted for part in _wrapped(text, size, content.country)]
        small = [part for text in notes for part in _wrapped(text, size * 0.7, content.country)]
        height = LEADING * (len(lines) * size + len(small) * size * 0.7) + 6
        if height <= room and len(lines) <= MOST_LINES + 6:
            yield from _stacked(lines, small, size, content.country)
            return
        size -= 0.5
    raise CannotRender(TOO_LONG)


def _stacked(lines: list[str], small: list[str], size: float, country: str) -> Iterator[Mark]:
    y = ADDRESS_TOP
    for text in lines:
        y += size * LEADING
        yield Text(shaped(text, country), MARGIN + 4, y, size, text)
    y += 6
    for text in small:
        y += size * 0.7 * LEADING
        yield Text(shaped(text, country), MARGIN + 4, y, size * 0.7, text)


def _wrapped(text: str, size: float, country: str) -> list[str]:
    """A text in as few lines as fit; broken between words, inside a word only where it alone is too long."""
    most = (INSIDE - 8) / size
    found: list[str] = []
    current = ""
    for word in text.split(" "):
        longer = f"{current} {word}".strip()
        if width_of(longer, country) <= most:
            current = longer
            continue
        if current:
            found.append(current)
        *full, current = _broken(word, most, country)
        found += full
    return [*found, current] if current else found


def _broken(word: str, most: float, country: str) -> list[str]:
    """Pieces that fit, broken where a letter ends: never before a mark, a joiner, or what a virama ties on."""
    found, rest = [], word
    while width_of(rest, country) > most:
        low, high = 1, len(rest) - 1  # a word of many thousand letters is halved, not measured letter by letter
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if width_of(rest[:middle], country) <= most else (low, middle - 1)
        end = next((at for at in range(low, 0, -1) if _may_break(rest, at)), low)
        found.append(rest[:end])
        rest = rest[end:]
        if len(found) > MOST_LINES + 6:
            raise CannotRender(TOO_LONG)
    return [*found, rest]


def _may_break(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if unicodedata.category(after) in ("Mn", "Mc", "Me", "Cf", "Sk") or before == "\u200d":
        return False
    return unicodedata.combining(before) != 9


def _fitted(text: str, x: float, y: float, size: float, room: float, *, floor: float = 6.0) -> Iterator[Mark]:
    """One line, smaller where it must be."""
    line = shaped(text)
    fitting = min(size, room / line.width) if line.width else size
    if fitting < floor:
        raise CannotRender("a line of the label's head is too long")
    if text:
        yield Text(line, x, y, fitting, text)


def _cn22(customs: Customs, top: float) -> Iterator[Mark]:
    """The small declaration, as a block on the label."""
    yield Rule(MARGIN, top, INSIDE, 1.0)
    yield from _fitted("CUSTOMS DECLARATION  CN22  May be opened officially", MARGIN + 2, top + 11, 8, INSIDE - 4)
    yield from _fitted(f"[x] {customs.category}", MARGIN + 2, top + 22, 8, INSIDE - 4)
    yield from _table(customs, top + 26, 8.0)
    yield from _fitted(
        "I certify that the particulars are correct and that this item holds no dangerous article.",
        MARGIN + 2, top + 100, 6.5, INSIDE - 4, floor=4.0,
    )  # fmt: skip


def _cn23(customs: Customs, content: LabelContent) -> Iterator[Mark]:
    """The full declaration, as a page of its own."""
    if len(customs.lines) > 14:
        raise CannotRender("more kinds of goods than a declaration has lines; pack several parcels")
    yield from _fitted("CUSTOMS DECLARATION  CN23", MARGIN, MARGIN + 18, 16, INSIDE)
    yield Rule(MARGIN, MARGIN + 25, INSIDE, 1.5)
    y = MARGIN + 40
    for words in ("From:", *content.sender):
        yield from _fitted(clean(words) or " ", MARGIN, y, 8, INSIDE)
        y += 10
    yield from _fitted("To:", MARGIN, y + 4, 8, INSIDE)
    y += 14
    for text in address_lines(content):
        for part in _wrapped(text, 8, content.country):
            yield Text(shaped(part, content.country), MARGIN, y, 8, part)
            y += 10
    yield from _fitted(f"[x] {customs.category}   Reference {content.reference}", MARGIN, y + 4, 8, INSIDE)
    yield from _table(customs, y + 10, 8.0)
    yield from _fitted(
        "I certify that the particulars are correct and that this item holds no dangerous article.",
        MARGIN, HEIGHT - MARGIN - 12, 6.5, INSIDE, floor=4.0,
    )  # fmt: skip
    yield from _fitted("Date and signature of sender:", MARGIN, HEIGHT - MARGIN, 7, INSIDE)


def _table(customs: Customs, top: float, size: float) -> Iterator[Mark]:
    columns = ((MARGIN + 2, 118.0), (MARGIN + 124, 28.0), (MARGIN + 156, 52.0), (MARGIN + 212, 50.0))
    rows = [("Goods, HS code, origin", "Pieces", "Weight", "Value")]
    for line in customs.lines:
        goods = _goods(line, columns[0][1] / READABLE)
        weight = f"{line.grams / 1000:.3f} kg" if line.grams else "not known"
        rows.append((goods, str(line.quantity), weight, money(line.value, line.currency)))
    total = money(customs.value, customs.lines[0].currency if customs.lines else "")
    rows.append(("Total", "", f"{customs.grams / 1000:.3f} kg" if customs.grams else "", total))
    y = top
    for row in rows:
        y += size * 1.35
        for (x, room), text in zip(columns, row, strict=True):
            yield from _fitted(text, x, y, size, room, floor=READABLE - 0.1)
    yield Rule(MARGIN, y + 4, INSIDE, 0.5)


def _goods(line: CustomsLine, most: float) -> str:
    """What it is, with code and origin. A long description loses its end, since the code says the same and people must
    be able to read it; an address never does.
    """
    codes = "".join(f", {part}" for part in (line.hs_code, line.origin) if part)
    said = clean(line.description)
    if width_of(said + codes) <= most:
        return said + codes
    while said and width_of(f"{said}\u2026{codes}") > most:
        said = said[:-1].rstrip(" ,;:-")
    return f"{said}\u2026{codes}"


def money(hundredths: int, currency: str) -> str:
    return f"{currency} {hundredths // 100}.{hundredths % 100:02}".strip() if hundredths else "not known"
