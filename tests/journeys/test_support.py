"""Customer support in a real Chromium, by keyboard: find, open for a purpose, look a minute longer, and nothing stays."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Error

from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.looks import look
from tests.journeys.station import Station


@pytest.fixture(scope="module")
def support(chromium: Any, packing: Rehearsal) -> Iterator[Station]:
    station = Station(chromium, packing, permissions=["clipboard-read", "clipboard-write"])
    station.sign_in(packing.people()["support"])
    yield station
    station.close()


@pytest.fixture(scope="module")
def manager(chromium: Any, packing: Rehearsal) -> Iterator[Station]:
    station = Station(chromium, packing)
    station.sign_in(packing.people()["manager"])
    yield station
    station.close()


def number_of_an_order(station: Station) -> str:
    station.go("/orders/?show=to-ship")
    rows = station.page.locator("tbody tr", has_text="forgotten in")
    return str(rows.first.locator("a.id").inner_text())


def open_one(station: Station) -> str:
    """By keyboard from the number to the address: type, Enter, Enter. The address."""
    number = number_of_an_order(station)
    station.page.focus("#find")
    station.page.keyboard.type(number)
    station.press("Enter")
    station.page.wait_for_selector("input[name=purpose]:focus")
    station.press("Enter")
    station.page.wait_for_selector("address")
    return str(station.page.inner_text("address"))


def test_from_number_to_address_in_three_keystrokes_and_fifteen_seconds(support: Station) -> None:
    number = number_of_an_order(support)
    began = time.monotonic()
    support.page.focus("#find")
    support.page.keyboard.type(number)
    support.press("Enter")
    support.page.wait_for_selector("input[name=purpose]:focus")
    support.press("Enter")
    support.page.wait_for_selector("address")
    assert time.monotonic() - began < 15
    assert len(support.page.inner_text("address")) > 10
    look(support.page, "reveal")


def test_an_opening_is_extended_by_one_key_and_each_minute_is_journalled(support: Station) -> None:
    open_one(support)
    before = support.page.inner_text(".hides")
    support.press("e")
    support.page.wait_for_selector("text=2 times more")
    assert support.page.inner_text(".hides") != before
    support.press("E")
    support.page.wait_for_selector("text=1 time more")
    support.press("e")
    support.page.wait_for_selector("text=the last time")
    support.press("Escape")
    assert support.page.locator("address").count() == 0
    support.page.click("#hide")
    support.page.wait_for_selector("text=Shown a minute longer")


def test_one_field_is_copied_by_its_own_button(support: Station) -> None:
    address = open_one(support)
    support.tab_to("button[data-copy=address]")
    support.press("Enter")
    support.page.wait_for_selector("text=Copied")
    support.press("Escape")
    support.page.focus("#find")
    support.press("Control+v")
    assert support.page.input_value("#find").startswith(address.split("\n")[0][:30])
    support.page.fill("#find", "")


def test_a_customer_is_found_by_name_and_postcode_and_what_was_typed_is_nowhere(support: Station) -> None:
    address = open_one(support).strip().split("\n")
    name = address[0]
    postcode = address[-2] if re.search(r"\d", address[-2]) else address[-1]
    support.press("Escape")
    support.go("/orders/customer")
    look(support.page, "find")
    support.type("#id_name", name)
    support.type("#id_postcode", postcode)
    support.press("Enter")
    support.page.wait_for_selector("h1")
    assert "No living order" not in support.page.inner_text("h1")
    assert name not in support.page.url + support.page.title()
    assert name not in support.page.content()


def test_who_is_not_found_gets_words_and_what_to_do(support: Station) -> None:
    support.go("/orders/customer")
    support.type("#id_email", "nobody-at-all@example.invalid")
    support.press("Enter")
    support.page.wait_for_selector("h1:has-text('No living order')")
    support.go("/orders/customer")
    support.tab_to("form[action$='/customer'] button")
    support.press("Enter")
    support.page.wait_for_selector("[role=alert]")


def test_nothing_of_an_opening_comes_back_by_the_back_button(support: Station) -> None:
    name = open_one(support).split("\n")[0]
    support.page.click("#hide")
    support.page.wait_for_selector("input[name=purpose]")
    try:
        support.page.go_back()
    except Error as gone:
        assert "ERR_CACHE_MISS" in str(gone), "the browser kept nothing of it"  # noqa: PT017 - either way is right
    support.page.wait_for_timeout(500)
    assert name not in support.page.content()


def test_the_manager_sees_who_opened_what_for_what_and_asks_why(support: Station, manager: Station) -> None:
    open_one(support)
    support.press("Escape")
    manager.go("/openings/")
    assert "Tamsin Orr" in manager.page.inner_text("table >> nth=1")
    look(manager.page, "openings")
    manager.tab_to("form[action$='/why'] button")
    manager.press("Enter")
    manager.page.wait_for_selector("text=due in")
    support.go("/orders/")
    support.page.click("text=question to you")
    look(support.page, "questions")
    support.page.focus("select[name=reason]")
    support.press("Tab")
    support.page.keyboard.type("118204")
    support.press("Enter")
    support.page.wait_for_selector("text=Nobody asks you anything")
    manager.go("/openings/")
    manager.page.wait_for_selector("text=explained")


def test_nobody_answers_for_somebody_else(manager: Station) -> None:
    manager.go("/questions/")
    assert "Nobody asks you anything" in manager.page.inner_text("h1")
