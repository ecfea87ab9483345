"""Administrator and manager in a real Chromium, by keyboard: invite, propose, approve; register and retire a printer."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.sample_shop import PRINTER_URI
from tests.journeys.looks import look
from tests.journeys.station import Station


@pytest.fixture(scope="module")
def administrator(chromium: Any, packing: Rehearsal) -> Iterator[Station]:
    station = Station(chromium, packing)
    station.sign_in(packing.people()["administrator"])
    yield station
    station.close()


def test_a_new_colleague_has_a_role_within_two_minutes_of_two_people(
    chromium: Any, packing: Rehearsal, administrator: Station
) -> None:
    began = time.monotonic()
    administrator.go("/people/")
    administrator.type("#id_name", "Noor Haddad")
    administrator.press("Tab")
    administrator.page.keyboard.type(f"noor{time.monotonic_ns()}@example.invalid")
    administrator.press("Enter")
    administrator.page.wait_for_selector("text=It works once, for a day")
    look(administrator.page, "invited")
    administrator.page.focus("#id_role")
    administrator.page.keyboard.type("packer")
    administrator.press("Tab", "Tab", "Enter")
    administrator.page.wait_for_selector("td:has-text('waits')")
    manager = Station(chromium, packing)
    manager.sign_in(packing.people()["manager"])
    manager.go("/people/")
    look(manager.page, "people-waiting")
    manager.tab_to("form[action$='/approve'] button")
    manager.press("Enter")
    manager.page.wait_for_selector(".sub:has-text('Priya Castellan')")
    manager.close()
    assert time.monotonic() - began < 120


def test_a_printer_is_registered_only_after_its_certificate_was_shown(
    packing: Rehearsal, administrator: Station
) -> None:
    uri = (packing.folders.data / PRINTER_URI).read_text()
    administrator.go("/printers/")
    for field, text in (("#id_name", "P-77"), ("#id_place", "Bench 1")):
        administrator.type(field, text)
    administrator.type("#id_uri", uri.replace("ipps", "ipp"))
    administrator.press("Enter")
    administrator.page.wait_for_selector("text=over TLS only")
    administrator.page.fill("#id_uri", "")
    administrator.type("#id_uri", uri)
    administrator.press("Enter")
    administrator.page.wait_for_selector("text=Compare this certificate")
    assert len(administrator.page.input_value("#id_fingerprint")) == 64
    look(administrator.page, "printer-compare")
    administrator.page.focus("#id_fingerprint")
    administrator.press("Enter")
    administrator.page.wait_for_selector("th:has-text('P-77')")
    administrator.page.locator("tr", has_text="P-77").locator("form[action$='/retire'] button").focus()
    administrator.press("Enter")
    administrator.page.wait_for_selector("th:has-text('P-77')", state="detached")


def test_the_first_links_page_is_gone_once_somebody_exists(administrator: Station) -> None:
    administrator.go("/first/anything")
    assert "not" in administrator.page.inner_text("h1").lower()
