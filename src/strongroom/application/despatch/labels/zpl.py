"""Labels in ZPL II. A customer's text is data only: hex-escaped in `^FH` fields, or a bitmap for other scripts.

Nothing a customer types can be a command: every byte but letters, digits and space goes as `_hh`, so `^`, `~`, `,`, `_`
and control characters never stand in the stream by themselves.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import pypdfium2

from strongroom.application.despatch.labels.content import LabelContent
from strongroom.application.despatch.labels.layout import HEIGHT, WIDTH, Barcode, Mark, Rule, Text, pages
from strongroom.application.despatch.labels.pdf import draw

PLAIN: Final = frozenset(map(ord, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 "))
LAST_LATIN: Final = 0x17F
"""Zebra's font 0 has Latin-1 and Latin Extended-A; any other letter is drawn by us."""


def render_zpl(contents: Sequence[LabelContent], dpi: int = 203) -> bytearray:
    """The labels as one ZPL stream. Raises `CannotRender`."""
    out = bytearray()
    for content in contents:
        for page in pages(content):
            for piece in _page(page, dpi):
                out += piece
    return out


def escaped(text: str) -> bytes:
    """A `^FD` payload under `^FH_`: UTF-8, everything but plain letters, digits and space as hex."""
    return b"".join(bytes([b]) if b in PLAIN else b"_%02X" % b for b in text.encode())


def _page(page: Sequence[Mark], dpi: int) -> Iterator[bytes]:
    dots = dpi / 72
    yield b"^XA^CI28^PW%d^LL%d^LH0,0" % (round(WIDTH * dots), round(HEIGHT * dots))
    for mark in page:
        match mark:
            case Text() if _is_plain(mark.plain):
                size = round(mark.size * dots)
                top = round((mark.y - mark.size) * dots)
                yield b"^FO%d,%d^A0N,%d,%d^FH_^FD%s^FS" % (
                    round(mark.x * dots),
                    top,
                    size,
                    _width(mark, dots),
                    escaped(mark.plain),
                )
            case Text():
                yield _bitmap(mark, dots)
            case Rule():
                thick = max(1, round(mark.height * dots))
                yield b"^FO%d,%d^GB%d,%d,%d^FS" % (
                    round(mark.x * dots), round(mark.y * dots), round(mark.width * dots), thick, thick,
                )  # fmt: skip
            case Barcode():
                modules = 11 * (len(mark.value) + 2) + 13 + 20
                module = max(2, int(mark.width * dots / modules))
                left = round(mark.x * dots + (mark.width * dots - module * (modules - 20)) / 2)
                yield b"^FO%d,%d^BY%d^BCN,%d,N,N,N^FH_^FD%s^FS" % (
                    left, round(mark.y * dots), module, round(mark.height * dots), escaped(mark.value),
                )  # fmt: skip
    yield b"^XZ\n"


def _is_plain(text: str) -> bool:
    return all(ord(character) <= LAST_LATIN for character in text)


def _width(mark: Text, dots: float) -> int:
    """The width of font 0's characters that keeps the line as wide as it was laid out, at most its height."""
    fair = mark.line.width * mark.size * dots / max(1, len(mark.plain)) * 1.6
    return max(6, min(round(mark.size * dots), round(fair)))


def _bitmap(mark: Text, dots: float) -> bytes:
    """A line drawn by us, as black and white dots (`^GFA`, hexadecimal: digits and A to F only)."""
    height = mark.size * 1.6
    alone = Text(mark.line, 0.0, mark.size * 1.2, mark.size, "")
    document = pypdfium2.PdfDocument(bytes(draw([[alone]])))
    try:
        image = document[0].render(scale=dots, grayscale=True)
        pixels, stride = bytes(image.buffer), image.stride
    finally:
        document.close()
    across = min(image.width, round(mark.line.width * mark.size * dots) + 8)
    down, row = round(height * dots), (across + 7) // 8
    data = bytearray()
    for y in range(down):
        line = pixels[y * stride : y * stride + across]
        bits = int("".join("1" if p < 128 else "0" for p in line).ljust(row * 8, "0"), 2)
        data += bits.to_bytes(row, "big")
    top = round((mark.y - mark.size * 1.2) * dots)
    total = len(data)
    return b"^FO%d,%d^GFA,%d,%d,%d,%s^FS" % (
        round(mark.x * dots), top, total, total, row, data.hex().upper().encode(),
    )  # fmt: skip
