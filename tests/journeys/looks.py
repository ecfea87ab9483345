"""How a page is looked at: axe at two widths in both themes, and pictures that the documentation keeps."""

import io
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 320, "height": 700}
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5)
    .map(e => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)} ${e.textContent.trim().slice(0, 40)}`)
"""
KEPT = Path(__file__).parents[2] / "docs" / "screens"


def complaints(page: Any) -> list[str]:
    """What axe finds wrong with the page as it stands (WCAG 2.2 AA and best practices)."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE)  # through the debugger, which the page's own policy does not bind
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found["violations"]]


def keep(page: Any, name: str) -> None:
    """A picture for docs/screens, of 64 colours: a tenth of the bytes, and nobody sees a difference."""
    KEPT.mkdir(exist_ok=True)
    with Image.open(io.BytesIO(page.screenshot())) as seen:
        seen.convert("RGB").quantize(64).save(KEPT / f"{name}.png", optimize=True)


def look(page: Any, name: str) -> None:
    """Assert that a page is clean and fits, wide and narrow, light and dark; keep a picture where asked to."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)
            assert complaints(page) == [], f"{name}, {scheme}, {size['width']} px"
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (
                f"{name} at {size['width']} px: {page.evaluate(TOO_WIDE)}"
            )
            if os.environ.get("STRONGROOM_KEEP_SCREENS") == "1" and (scheme == "light") == (size is WIDE):
                keep(page, name if size is WIDE else f"{name}-narrow-dark")
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
