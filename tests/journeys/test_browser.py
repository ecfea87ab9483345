"""In a real Chromium, by keyboard: sign in, open one address for a reason, and see it go (AM-7)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.station import Station


@pytest.fixture(scope="module")
def page(chromium: Any, rehearsal: Rehearsal) -> Iterator[Any]:
    """A page on which the second support person's session is open; signed in by keyboard alone."""
    station = Station(chromium, rehearsal)
    station.sign_in(rehearsal.people()["support2"])
    opened = station.page
    opened.complaints = station.complaints
    opened.wait_for_selector(".mast")
    station.go("/orders/")
    yield opened
    station.close()


def test_an_address_is_opened_by_keyboard_and_gone_when_the_window_loses_the_focus(page: Any) -> None:
    page.goto(f"{page.url.split('/orders')[0]}/orders/")
    page.focus("tbody a")
    page.keyboard.press("Enter")
    page.focus("input[name=purpose]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("address")
    shown = page.inner_text("address")
    assert len(shown) > 10
    assert shown.split("\n")[0] not in page.title() + page.url
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    assert page.locator("address").count() == 0
    assert page.locator(".after").is_visible()
    page.go_back()
    assert shown.split("\n")[0] not in page.content()


def test_storage_is_empty_and_the_pages_break_no_rule_of_theirs(page: Any) -> None:
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert not [said for said in page.complaints if "Content Security Policy" in said]


def test_pages_fit_320_pixels(page: Any) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    for path in ("/orders/", "/orders/?show=all"):
        page.goto(page.url.split("/orders")[0] + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    page.click("tbody a >> nth=0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_page_that_shows_a_person_refuses_the_printer(page: Any) -> None:
    page.goto(page.url.split("/orders")[0] + "/orders/")
    page.click("tbody a >> nth=0")
    page.click("text=Show for 60 seconds")
    page.wait_for_selector("address")
    page.emulate_media(media="print")
    assert not page.locator("address").is_visible()
    assert page.locator(".print-refused").is_visible()
    page.emulate_media(media="screen")


def test_the_profile_is_only_in_memory(page: Any) -> None:
    assert page.context.storage_state()["origins"] == []
    assert not list(Path.cwd().glob("*.log"))
