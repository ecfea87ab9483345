"""Labels as PDF, 4 by 6 inches a page, drawn as outlines in memory; no font is embedded and nothing touches a disk."""

import io
from collections.abc import Sequence

from reportlab import rl_config
from reportlab.graphics.barcode.code128 import Code128
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from strongroom.application.despatch.labels.content import LabelContent
from strongroom.application.despatch.labels.layout import HEIGHT, WIDTH, Barcode, Mark, Rule, Text, pages
from strongroom.application.despatch.labels.text import Line

rl_config.useA85 = 0  # streams as bytes: no printer reads PDF by mail of seven bits, and it is a quarter of the time


def render_pdf(contents: Sequence[LabelContent]) -> bytearray:
    """The labels' pages. Raises `CannotRender`. The caller overwrites the bytes when they are delivered."""
    return draw([page for content in contents for page in pages(content)])


def draw(drawn: Sequence[Sequence[Mark]]) -> bytearray:
    """Laid-out pages as PDF."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), pageCompression=1, invariant=1)
    canvas.setTitle("Despatch label")
    for page in drawn:
        for mark in page:
            _draw(canvas, mark)
        canvas.showPage()
    canvas.save()
    return bytearray(out.getbuffer())


def missing(content: LabelContent) -> tuple[str, ...]:
    """Characters that no font could draw, in the order of the label."""
    return tuple(c for page in pages(content) for mark in page if isinstance(mark, Text) for c in mark.line.missing)


def _draw(canvas: Canvas, mark: Mark) -> None:
    match mark:
        case Text():
            canvas.saveState()
            canvas.translate(mark.x, HEIGHT - mark.y)
            canvas.scale(mark.size, mark.size)
            canvas.drawPath(_path(canvas, mark.line), stroke=0, fill=1, fillMode=1)
            canvas.restoreState()
        case Rule():
            canvas.rect(mark.x, HEIGHT - mark.y - mark.height, mark.width, mark.height, stroke=0, fill=1)
        case Barcode():
            modules = 11 * (len(mark.value) + 2) + 13 + 20
            code = Code128(mark.value, barWidth=min(1.5, mark.width / modules), barHeight=mark.height, quiet=0)
            code.drawOn(canvas, mark.x + (mark.width - code.width) / 2, HEIGHT - mark.y - mark.height)


def _path(canvas: Canvas, line: Line) -> PDFPathObject:
    path = canvas.beginPath()
    for verb, at in line.segments:
        match verb:
            case "M":
                path.moveTo(*at)
            case "L":
                path.lineTo(*at)
            case "C":
                path.curveTo(*at)
            case _:
                path.close()
    return path
