"""What a hostile customer types, and a browser that says whether any of it did anything.

Every payload calls `owned`, which the browser has, or fetches from a host that does not exist: seen either way.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from tests.journeys.station import Station

PAYLOADS: Final = (
    "<script>owned(1)</script>",
    '"><img src=https://evil.invalid/a onerror=owned(2)>',
    "'--><svg/onload=owned(3)><animate attributeName=x onbegin=owned(3)>",
    '</address></title></textarea><iframe srcdoc="<script>parent.owned(4)</script>"></iframe>',
    "{{ 7|add:7 }}{% debug %}${owned(5)}<%= owned(5) %>#{7*7}",
    'javascript:owned(6)//" autofocus onfocus=owned(6) x="',
    "<style>@import url(https://evil.invalid/b);*{display:none;background:url(//evil.invalid/c)}</style>",
    "\u202e\u2066gpj.exe\u2069 \u200f</b><form action=//evil.invalid/d><input type=submit>",
    '<base href="//evil.invalid/"><meta http-equiv=refresh content="0;url=//evil.invalid/e"><link rel=stylesheet href=f>',
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=owned(7)&gt;'>",
)
"""Script, attribute, SVG, frame, template, address, style, direction, base and refresh, and one that mends into a script."""
TEMPLATE: Final = 4
"""The one that does nothing in a browser: it must be shown as it was typed."""
OURS: Final = (
    "iframe, object, embed, base, style, math, mglyph, animate, [onerror], [onload], [onfocus], form[action*='evil']"
)
"""What no page of ours has."""
WATCH: Final = (
    "document.addEventListener('securitypolicyviolation', e => violated(e.violatedDirective + ' ' + e.blockedURI))"
)


@dataclass
class Watched:
    """A station on which nothing of a customer's may happen; what did, and what was visited."""

    station: Station
    happened: list[str] = field(default_factory=list)
    pages: int = 0

    @classmethod
    def over(cls, station: Station) -> "Watched":
        made = cls(station)
        context, page = station.context, station.page
        context.expose_binding("owned", lambda _, what: made.happened.append(f"ran {what}"))
        context.expose_binding("violated", lambda _, what: made.happened.append(f"policy {what}"))
        context.add_init_script(WATCH)
        context.on("request", made._asked)
        page.on("dialog", made._dialog)
        page.on("pageerror", lambda problem: made.happened.append(f"error {problem}"))
        return made

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(f"{self.station.base}/"):
            self.happened.append(f"asked {request.url[:60]}")

    def _dialog(self, dialog: Any) -> None:
        self.happened.append("dialog")
        dialog.dismiss()

    def look(self) -> str:
        """The text of the page as it stands, on which nothing happened and nothing foreign stands."""
        page = self.station.page
        page.wait_for_load_state()
        assert self.happened == [], page.url
        assert page.evaluate("s => document.querySelectorAll(s).length", OURS) == 0, page.url
        assert not [said for said in self.station.complaints if "Content Security Policy" in said], page.url
        self.pages += 1
        return plain(page.evaluate("document.body.textContent"))

    def visit(self, path: str) -> str:
        self.station.go(path)
        return self.look()


def plain(text: str) -> str:
    """As white space does not matter."""
    return " ".join(text.split())


def payload(order: int, place: int) -> str:
    """Of one order's fields, each another; over all orders each field has each. Marked, so that it is known again."""
    return f"Q{order}x{place} {PAYLOADS[(order + place) % len(PAYLOADS)]}"
