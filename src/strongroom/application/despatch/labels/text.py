"""Text of any script as outlines: directions by UAX 9, shapes by HarfBuzz, fonts by package, never an empty box unsaid.

Outlines need no font in the printer and look the same as PDF and as bitmap.
"""

import importlib.util
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import uharfbuzz as hb

from strongroom.application.despatch.labels.direction import levels as levels_of

WEIGHT: Final = 500.0
BOX: Final = 0.8
"""Width of the box for a character without a font."""
CJK: Final = "justmytype_intl_cjk/fonts/ofl"
ASIA: Final = "justmytype_intl_south_asia/fonts/ofl"
SOUTH_EAST: Final = "justmytype_intl_sea/fonts/ofl"
FONTS: Final = (
    "fontpkg_noto_sans/files/NotoSans[wdth,wght].ttf",
    "justmytype_intl_rtl/fonts/ofl/notosansarabic/NotoSansArabic[wdth,wght].ttf",
    "justmytype_intl_rtl/fonts/ofl/notosanshebrew/NotoSansHebrew[wdth,wght].ttf",
    f"{SOUTH_EAST}/notosansthai/NotoSansThai[wdth,wght].ttf",
    f"{SOUTH_EAST}/notosanslao/NotoSansLao[wdth,wght].ttf",
    f"{SOUTH_EAST}/notosanskhmer/NotoSansKhmer[wdth,wght].ttf",
    f"{SOUTH_EAST}/notosansmyanmar/NotoSansMyanmar[wdth,wght].ttf",
    f"{ASIA}/notosansdevanagari/NotoSansDevanagari[wdth,wght].ttf",
    f"{ASIA}/notosansbengali/NotoSansBengali[wdth,wght].ttf",
    f"{ASIA}/notosanstamil/NotoSansTamil[wdth,wght].ttf",
    f"{ASIA}/notosanstelugu/NotoSansTelugu[wdth,wght].ttf",
)
HAN: Final = {
    "JP": f"{CJK}/notosansjp/NotoSansJP[wght].ttf",
    "KR": f"{CJK}/notosanskr/NotoSansKR[wght].ttf",
    "CN": f"{CJK}/notosanssc/NotoSansSC[wght].ttf",
    "TW": f"{CJK}/notosanstc/NotoSansTC[wght].ttf",
}
"""One Han character is drawn differently in each of these; the country decides which comes first."""

Segment = tuple[str, tuple[float, ...]]
"""`M`, `L`, `C`, `Z` with coordinates in ems, the baseline at 0."""


@dataclass(frozen=True, repr=False)
class Line:
    """Shaped text: outlines in ems from its left edge on the baseline, its width, and what no font could draw."""

    segments: tuple[Segment, ...]
    width: float
    missing: tuple[str, ...]

    def __repr__(self) -> str:
        return "***"


@dataclass
class _Pen:
    """Collects a glyph's outline."""

    scale: float
    found: list[Segment] = field(default_factory=list)

    def at(self, *points: float) -> tuple[float, ...]:
        return tuple(point * self.scale for point in points)


def shaped(text: str, country: str = "") -> Line:
    """One line of text, already clean. `country` chooses between Han fonts.

    Nothing of it is remembered: a cache of names and streets would outlive their keys (RR-4).
    """
    segments: list[Segment] = []
    missing: list[str] = []
    width = 0.0
    for run, font, level in _visual_runs(text, fonts_for(country)):
        if font is None:
            for character in run:
                missing.append(character)
                segments += _box(width)
                width += BOX
            continue
        drawn, advance = _outlines(font, _shape(run, font, rightwards=level % 2 == 0))
        segments += [
            (verb, tuple(round(p + width, 4) if i % 2 == 0 else p for i, p in enumerate(at))) for verb, at in drawn
        ]
        width += advance
    return Line(tuple(segments), width, tuple(missing))


def width_of(text: str, country: str = "") -> float:
    """How wide `shaped` will be, in ems, without drawing it."""
    return sum(
        BOX * len(run) if font is None else _shape(run, font, rightwards=level % 2 == 0).width
        for run, font, level in _visual_runs(text, fonts_for(country))
    )


def names_of(missing: tuple[str, ...]) -> list[str]:
    """What the boxes stand for, in words."""
    return [unicodedata.name(c, f"U+{ord(c):04X}").lower() for c in dict.fromkeys(missing)]


@cache
def fonts_for(country: str) -> tuple[hb.Font, ...]:
    han = [HAN[country]] if country in HAN else []
    rest = [path for code, path in HAN.items() if code != country]
    return tuple(_load(path) for path in (*FONTS, *han, *rest))


@cache
def _load(path: str) -> hb.Font:
    """A font of a package, found without importing it (only its file is ours to use)."""
    package, _, inside = path.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {package.replace('_', '-')} with its fonts is not installed")
    file = Path(spec.submodule_search_locations[0]) / inside
    font = hb.Font(hb.Face(hb.Blob.from_file_path(str(file))))
    font.set_variations({"wght": WEIGHT})
    return font


def _visual_runs(text: str, order: tuple[hb.Font, ...]) -> Iterator[tuple[str, hb.Font | None, int]]:
    """Runs of one direction and one font, from left to right as they are seen (UAX 9, rule L2)."""
    levels = levels_of(text)
    runs: list[tuple[str, hb.Font | None, int]] = []
    font: hb.Font | None = None
    for character, level in zip(text, levels, strict=True):
        mark = unicodedata.combining(character) != 0 or unicodedata.category(character) in ("Mn", "Mc", "Cf")
        chosen = font if mark and runs and (font is None or _has(font, character)) else _font(character, order, font)
        if runs and runs[-1][1] is chosen and runs[-1][2] == level:
            runs[-1] = (runs[-1][0] + character, chosen, level)
        else:
            runs.append((character, chosen, level))
        font = chosen
    highest, lowest_odd = max(levels, default=0), min((level for level in levels if level % 2), default=1)
    for reversing in range(highest, lowest_odd - 1, -1):
        _reverse(runs, reversing)
    return iter(runs)


def _reverse(runs: list[tuple[str, hb.Font | None, int]], level: int) -> None:
    start = 0
    while start < len(runs):
        end = start
        while end < len(runs) and runs[end][2] >= level:
            end += 1
        runs[start:end] = runs[start:end][::-1]
        start = max(end, start + 1)


def _font(character: str, order: tuple[hb.Font, ...], current: hb.Font | None) -> hb.Font | None:
    """The first font that has it; a space or sign stays in the font before it where that has it."""
    if current is not None and not character.isalnum() and _has(current, character):
        return current
    return next((font for font in order if _has(font, character)), None)


def _has(font: hb.Font, character: str) -> bool:
    return bool(font.get_nominal_glyph(ord(character)))


@dataclass(frozen=True, repr=False)
class _Shape:
    """Glyphs with their places, in ems."""

    glyphs: tuple[tuple[int, int, int, int], ...]
    width: float


def _shape(run: str, font: hb.Font, *, rightwards: bool) -> _Shape:
    buffer = hb.Buffer()
    buffer.add_str(run)
    buffer.guess_segment_properties()
    buffer.direction = "ltr" if rightwards else "rtl"
    hb.shape(font, buffer)
    placed = zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    glyphs = tuple((info.codepoint, at.x_offset, at.y_offset, at.x_advance) for info, at in placed)
    return _Shape(glyphs, sum(glyph[3] for glyph in glyphs) / font.face.upem)


def _outlines(font: hb.Font, shape: _Shape) -> tuple[list[Segment], float]:
    scale, at = 1.0 / font.face.upem, 0.0
    found: list[Segment] = []
    for glyph, dx, dy, advance in shape.glyphs:
        moved = ((at + dx) * scale, dy * scale)
        found += [
            (verb, tuple(round(p + moved[i % 2], 4) for i, p in enumerate(points)))
            for verb, points in _outline(font, glyph)
        ]
        at += advance
    return found, shape.width


@lru_cache(maxsize=4096)
def _outline(font: hb.Font, glyph: int) -> tuple[Segment, ...]:
    """One letter's outline at the origin: a letter tells nothing, so it may be remembered where a line may not."""
    pen = _Pen(1.0 / font.face.upem)
    font.draw_glyph(glyph, _drawing(), pen)
    return tuple(pen.found)


@cache
def _drawing() -> Any:
    """HarfBuzz's callbacks; quadratic curves become cubic, which PDF knows."""
    functions = hb.DrawFuncs()
    functions.set_move_to_func(_adds("M"))
    functions.set_line_to_func(_adds("L"))
    functions.set_cubic_to_func(_adds("C"))
    functions.set_quadratic_to_func(_quadratic)
    functions.set_close_path_func(lambda pen: pen.found.append(("Z", ())))
    return functions


def _adds(verb: str) -> Callable[..., None]:
    def add(*said: Any) -> None:
        *points, pen = said
        pen.found.append((verb, pen.at(*points)))

    return add


def _quadratic(cx: float, cy: float, x: float, y: float, pen: _Pen) -> None:
    mx, my, ex, ey = pen.at(cx, cy, x, y)
    sx, sy = pen.found[-1][1][-2:]
    first = (sx + 2 / 3 * (mx - sx), sy + 2 / 3 * (my - sy))
    second = (ex + 2 / 3 * (mx - ex), ey + 2 / 3 * (my - ey))
    pen.found.append(("C", (*first, *second, ex, ey)))


def _box(x: float) -> list[Segment]:
    """A crossed box, where no font has the character: seen, and reported."""
    left, right, low, high, pen = x + 0.08, x + 0.72, 0.0, 0.7, 0.06
    outer: list[Segment] = [
        ("M", (left, low)),
        ("L", (right, low)),
        ("L", (right, high)),
        ("L", (left, high)),
        ("Z", ()),
    ]
    inner: list[Segment] = [
        ("M", (left + pen, low + pen)), ("L", (left + pen, high - pen)), ("L", (right - pen, high - pen)),
        ("L", (right - pen, low + pen)), ("Z", ()),
    ]  # fmt: skip
    return [*outer, *inner]
