"""Code 128 (ISO/IEC 15417) as bars for an SVG: pick slips are pages, and carry our code and nothing of a person."""

from reportlab.graphics.barcode.code128 import Code128

QUIET = 10
"""Modules of white that ISO/IEC 15417 asks for on each side."""


def bars(value: str) -> tuple[list[tuple[int, int]], int]:
    """(x, width) of each bar in modules, quiet zones included in x, and the whole width."""
    code = Code128(value, quiet=0)
    code.validate()
    code.encode()
    code.decompose()
    at, found = QUIET, []
    for character in code.decomposed:
        width = ord(character.upper()) - ord("A") + 1
        if character.isupper():
            found.append((at, width))
        at += width
    return found, at + QUIET
