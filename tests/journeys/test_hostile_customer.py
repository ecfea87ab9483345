"""Customers whose every word is an attack, in a real Chromium, on every page that shows or counts them (RR-4, AM-7).

From Amazon's answer to the screen: received, opened for each purpose, searched, packed, labelled, read in the journal.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from strongroom.formats.parts import OPENS, Part, Peer, Purpose
from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.eventually import eventually
from tests.journeys.hostile_words import PAYLOADS, TEMPLATE, Watched, payload, plain
from tests.journeys.station import Station

WHO: Final = ("name", "line1", "line2", "city", "state", "postcode", "phone", "email", "company")
ON_SCREEN: Final = [p for p, o in OPENS.items() if Peer.WEB in o.peers and o.part in (Part.RECIPIENT, Part.BUYER)]
SHOWN: Final = {
    Purpose.DELIVERY: ("name", "line1", "line2", "city", "postcode", "state", "company", "instruction"),
    Purpose.CARRIER: ("phone", "line1", "line2", "city", "postcode"),
    Purpose.CORRECTION: ("name", "line1", "line2", "city", "postcode"), Purpose.CALL_BACK: ("phone",),
    Purpose.WRITE_BACK: ("name", "email"),
}  # fmt: skip
ORDERS: Final = range(len(PAYLOADS))
Sit = Callable[[str], Watched]


def words(order: int) -> dict[str, str]:
    fields = (*WHO, "instruction", "gift", "customised", "title", "sku", "tracking")
    return {name: payload(order, place) for place, name in enumerate(fields)}


@pytest.fixture(scope="module")
def placed(packing: Rehearsal) -> list[str]:
    """Amazon's numbers of orders whose customers are hostile, received."""
    numbers = []
    for n in ORDERS:
        told = words(n)
        item = {"item_id": f"{70_000_000_000_000 + n}", "asin": "B0SRHOSTIL", "price": "9.50", "quantity": 1,
                **{name: told[name] for name in ("sku", "title", "gift", "customised")}}  # fmt: skip
        what = {"status": "UNSHIPPED", "fulfilled_by": "MERCHANT", "items": [item], "instruction": told["instruction"]}
        who = {"country": "GB", **{name: told[name] for name in WHO}}
        numbers.append(str(packing.control.do("place", who=who, what=what)["order_id"]))
    for _ in range(4):
        packing.step(600)
    return numbers


@pytest.fixture(scope="module")
def watched(chromium: Any, packing: Rehearsal) -> Iterator[Sit]:
    """Sits somebody down at a browser of their own that is watched, once each."""
    seats: dict[str, Watched] = {}

    def sit(role: str) -> Watched:
        if role not in seats:
            seats[role] = Watched.over(Station(chromium, packing))
            seats[role].station.sign_in(packing.people()[role])
        return seats[role]

    yield sit
    for seat in seats.values():
        seat.station.close()


def order_page(seat: Watched, number: str) -> str:
    """The path of an order, found as a person finds it."""
    page = seat.station.page
    seat.station.go("/orders/")
    page.fill("input[name=number]", number)
    with page.expect_navigation():
        page.press("input[name=number]", "Enter")
    found = re.search(r"/orders/[0-9a-f-]{36}/", page.url)
    assert found is not None, page.url
    return found[0]


@pytest.mark.parametrize("policy", ["", "default-src 'none'; script-src 'self'"], ids=["alone", "policy"])
def test_what_watches_sees_each_payload_that_runs(watched: Sit, policy: str) -> None:
    """The control of these tests: a page of ours that escapes nothing, with a content policy and without."""
    seat = watched("support2")
    for n, text in enumerate(PAYLOADS):
        with naked(seat, f'<main><p>{text}</p><input value="{text}"></main>', policy):
            if n != TEMPLATE:
                with pytest.raises(AssertionError):
                    seat.look()


@contextmanager
def naked(seat: Watched, body: str, policy: str) -> Iterator[None]:
    """A page at our own address that says this and nothing else; what it did is forgotten afterwards."""
    page, headers = seat.station.page, {"content-security-policy": policy} if policy else {}
    page.route("**/naked", lambda route: route.fulfill(body=body, content_type="text/html", headers=headers))
    seat.station.go("/naked")
    page.wait_for_timeout(150)
    yield
    page.unroute("**/naked")
    seat.station.go("/sign-in")
    seat.happened.clear()
    seat.station.complaints.clear()


def test_every_field_of_an_opening_is_text_and_nothing_runs(watched: Sit, placed: list[str]) -> None:
    seat = watched("support")
    page, before = seat.station.page, seat.pages
    for n, number in enumerate(placed):
        path, told = order_page(seat, number), words(n)
        assert number in seat.look()
        for purpose in ON_SCREEN:
            seat.station.go(path)
            page.check(f"input[name=purpose][value='{int(purpose)}']")
            with page.expect_navigation():
                page.click("text=Show for 60 seconds")
            shown = seat.look()
            missing = [name for name in SHOWN[purpose] if plain(told[name]) not in shown]
            assert not missing, (purpose, missing, shown)
    assert seat.pages - before == len(placed) * (1 + len(ON_SCREEN))


def test_what_is_typed_into_the_search_is_text(watched: Sit, placed: list[str]) -> None:
    seat = watched("support")
    page = seat.station.page
    for n, text in enumerate(PAYLOADS):
        told = words(n)
        for fields in ({"email": told["email"]}, {"phone": told["phone"]}, {"name": told["name"], "postcode": text}):
            seat.station.go("/orders/customer")
            for name, value in fields.items():
                page.fill(f"input[name={name}]", value)
            with page.expect_navigation():
                page.click("main form button:has-text('Find')")
            seat.look()
        seat.station.go("/orders/")
        page.fill("input[name=number]", text)
        with page.expect_navigation():
            page.press("input[name=number]", "Enter")
        seat.look()


def test_at_the_bench_and_on_its_slips_nothing_runs(watched: Sit, packing: Rehearsal, placed: list[str]) -> None:
    """Item titles and SKUs on worklist, parcels and slips; then a scan of each order, and of each payload."""
    seat = watched("packer3")
    page = seat.station.page
    seat.visit("/worklist/?show=all")
    codes = {}
    for number in placed:
        row = page.locator("tbody tr", has_text=number)
        codes[number] = (row.locator("a.id").first.inner_text(), row.locator("a.id").first.get_attribute("href"))
    for n, number in enumerate(placed):
        shown = seat.visit(str(codes[number][1]))
        assert plain(words(n)["title"])[:60] in shown
    seat.visit("/worklist/?show=ready")
    page.locator("form[action$='/wave'] button").click()
    page.wait_for_selector("section.slip")
    seat.look()
    for n, number in enumerate(placed):
        seat.station.go("/pack")
        before = packing.printer("printed")
        for scanned in (codes[number][0], words(n)["tracking"], f"AB12345678{n}GB<b onfocus=owned(8)>"):
            page.keyboard.type(scanned)
            page.keyboard.press("Enter")
            page.wait_for_timeout(400)
        seat.look()
        eventually(lambda: packing.printer("printed") > before, within=30)  # noqa: B023 - asked within this turn
    seat.visit("/pack")


def test_wherever_the_house_speaks_of_its_day_nothing_of_theirs_stands(watched: Sit, placed: list[str]) -> None:
    """Wall, messages, openings, journal, marketplace, retention, labels to decide, cases: counted, never quoted."""
    for role, paths in (
        ("manager", ("/", "/worklist/", "/wall/", "/wall/AM-7/", "/openings/", "/questions/", "/marketplace/", "/retention/",
                     "/messages/", "/duties/", "/printers/", "/prints/undecided", "/cases/")),
        ("auditor", ("/journal/", "/journal/1/", "/wall/screen")),
    ):  # fmt: skip
        seat = watched(role)
        for path in paths:
            shown = seat.visit(path)
            assert "evil.invalid" not in shown and "owned(" not in shown, path
