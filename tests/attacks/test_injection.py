"""Every field of a customer holds what an attacker typed at Amazon: on pages it is text, and nothing else (RR-4, AM-7)."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest

from strongroom.formats.parts import FIELDS, OPENS, Part, Peer, Purpose
from strongroom.formats.secret import Secret
from tests.attacks.cast import Cast
from tests.house.running import House
from tests.policy.people import as_website, post

ROOT: Final = Path(__file__).parents[2] / "src" / "strongroom"
HOSTILE: Final = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'--><svg/onload=alert(1)>", "</address></title><b id=owned>",
    "{{ request.user }}{% debug %}", "javascript:alert(1)", "&lt;script&gt;&#x3c;img src=x&#x3e;", "\u2028<iframe src=//evil.example>",
    "<a href=//evil.example>x</a>", "<style>*{display:none}</style>",
)  # fmt: skip


class Seen(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """What a page is made of, without any text."""
    seen = Seen()
    seen.feed(page)
    return [(tag, tuple(sorted(attributes))) for tag, attributes in seen.elements]


def text(page: str) -> str:
    seen = Seen()
    seen.feed(page)
    return re.sub(r"\s+", " ", seen.text)


@pytest.fixture
def order(house: House) -> Iterator[Any]:
    with house.shop() as shop:
        (placed,) = shop.place(1)
        shop.receive()
        yield shop.order(placed.order_id)


def seal(order: Any, part: Part, word: str) -> None:
    """Every field of a part says this."""
    from strongroom.formats.leaf import Actor
    from strongroom.policy.encryption_and_storage import actions, broker

    fields = {name: Secret(f"{word}{n}") for n, name in enumerate(FIELDS[part])}
    item = actions.to_seal(order=order.ref, part=part, fields=fields)
    made, keys = broker.seal(account=order.account_id, by=Actor.RECEIPT.reference, parts=[item])
    actions.know_keys(account=order.account_id, keys=keys)
    actions.write_rows(account=order.account_id, rows=[actions.Written(order.ref, item.part, item.write, made[0])])


PURPOSES: Final = [
    purpose
    for purpose, opens in OPENS.items()
    if Peer.WEB in opens.peers and opens.part in (Part.RECIPIENT, Part.BUYER)
]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_no_field_of_an_opening_is_ever_markup(house: House, cast: Cast, order: Any, purpose: Purpose) -> None:
    """The page has the same elements and attributes, whatever the customer is called, and shows the words as typed."""
    support = cast.people["support"]

    def page(word: str) -> str:
        seal(order, OPENS[purpose].part, word)
        with as_website(house):
            cast.refresh("support")
            answer = post(support.browser, f"/orders/{order.ref}/reveal", purpose=str(int(purpose)))
            assert answer.status_code == 200
            return str(answer.content.decode())

    plain = page("Zoë")
    assert "Zoë" in text(plain)
    for word in HOSTILE:
        hostile = page(word)
        assert shape(hostile) == shape(plain), word
        assert re.sub(r"\s+", " ", word).strip() in text(hostile), word


def test_what_was_typed_into_the_search_is_never_markup(house: House, cast: Cast) -> None:
    """A search that cannot be understood is shown again to whoever typed it, as text."""
    with as_website(house):
        cast.refresh("support")
        for word in HOSTILE:
            typed = {"email": f"{word}@example.com", "phone": word, "name": word, "postcode": word}
            seen = Seen()
            seen.feed(post(cast.people["support"].browser, "/orders/customer", **typed).content.decode())
            handlers = [name for _, attributes in seen.elements for name in attributes if name.startswith("on")]
            places = [
                value
                for _, attributes in seen.elements
                for name, value in attributes.items()
                if name in ("href", "src", "action")
            ]
            assert not handlers, word
            assert not [place for place in places if place and ("evil" in place or place.startswith("javascript"))], (
                word
            )
            assert not {tag for tag, _ in seen.elements} & {"iframe", "style", "img"}, word


def test_no_template_turns_escaping_off_and_no_code_marks_a_text_as_safe() -> None:
    """Where the only strings that are markup come from: our own pictures and icons, built of numbers and fixed words."""
    off = [str(p) for p in ROOT.rglob("*.html") if re.search(r"\|\s*safe\b|autoescape\s+off|safeseq", p.read_text())]
    assert off == []
    marked = {
        str(p.relative_to(ROOT))
        for p in ROOT.rglob("*.py")
        if re.search(r"mark_safe|SafeString|format_html_join", p.read_text())
    }
    assert marked <= {"website/templatetags/face.py"}, marked


def test_no_script_of_ours_writes_markup() -> None:
    bad = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|localStorage|sessionStorage|indexedDB|postMessage"
    )
    scripts = list(ROOT.rglob("*.js"))
    assert scripts
    assert not [str(p) for p in scripts if bad.search(p.read_text())]
