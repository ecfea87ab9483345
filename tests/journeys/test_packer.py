"""A packer's shift in a real Chromium, by keyboard and scanner alone (issue of despatch, ux 1 and 5)."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.eventually import eventually
from tests.journeys.looks import look
from tests.journeys.station import Station


@pytest.fixture(scope="module")
def packer(chromium: Any, packing: Rehearsal) -> Iterator[Station]:
    station = Station(chromium, packing)
    station.sign_in(packing.people()["packer"])
    yield station
    station.close()


def codes(station: Station, show: str = "ready") -> list[str]:
    """The codes of waiting orders, as they stand on pick slips."""
    station.go(f"/worklist/?show={show}")
    return list(station.page.locator("tbody th a.id").all_inner_texts())


def scan(station: Station, text: str) -> tuple[str, float]:
    """Scan at the bench: the word that fills the screen, and the seconds until it stood there."""
    before = station.page.get_attribute("#result", "data-at")
    began = time.monotonic()
    station.page.keyboard.type(text)
    station.page.keyboard.press("Enter")
    station.page.wait_for_function("b => document.querySelector('#result').dataset.at !== b", arg=before)
    return station.page.inner_text("#result h1"), time.monotonic() - began


def test_one_scan_prints_one_label_and_a_tracking_number_tells_amazon(packer: Station, packing: Rehearsal) -> None:
    waiting = codes(packer)
    packer.go("/pack")
    printed = packing.printer("printed")
    word, seconds = scan(packer, f"SR{waiting[0].replace('-', '')}")
    if word == "Printing":
        packer.page.wait_for_selector("h1:has-text('Printed')", timeout=60_000)
    assert packer.page.inner_text("#result h1") == "Printed"
    assert packing.printer("printed") == printed + 1
    assert seconds < 4, "two seconds is the target; a busy test machine gets twice that"
    word, _ = scan(packer, "AB123456785GB")
    assert word == "Gone"
    number = packer.page.inner_text("#result .order span")
    eventually(lambda: packing.control.do("ledger")[number]["status"] == "SHIPPED", within=20)
    look(packer.page, "pack")


def test_a_second_scan_of_an_order_asks_once_and_prints_again_for_a_reason(packer: Station, packing: Rehearsal) -> None:
    code = codes(packer)[0]
    packer.go("/pack")
    scan(packer, code)
    packer.page.wait_for_selector("h1:has-text('Printed')", timeout=60_000)
    printed = packing.printer("printed")
    time.sleep(2.1)  # sooner, it is a scanner that fired twice, and ignored
    word, _ = scan(packer, code)
    assert word == "Already printed"
    assert packing.printer("printed") == printed, "nothing prints before the answer"
    look(packer.page, "pack-duplicate")
    packer.tab_to("button[value=damaged]")
    packer.press("Enter")
    packer.page.wait_for_selector("h1:has-text('Printed again')", timeout=60_000)
    assert packing.printer("printed") == printed + 1


def test_what_is_not_found_is_listed_by_its_last_four_only(packer: Station) -> None:
    packer.go("/pack")
    word, _ = scan(packer, "QXTOP-UNKNOWN-4433")
    assert word == "Not found"
    assert "4433" in packer.page.inner_text("#side")
    assert "QXTOP-UNKNOWN" not in packer.page.content()


def test_a_cancelled_order_stops_at_the_bench(packer: Station, packing: Rehearsal) -> None:
    packer.go("/worklist/?show=ready")
    row = packer.page.locator("tbody tr").first
    code, number = row.locator("a.id").inner_text(), row.locator(".sub").first.inner_text()
    packing.control.do("cancel", order_id=number)
    packing.step(400)
    printed = packing.printer("printed")
    packer.go("/pack")
    word, _ = scan(packer, code)
    assert word == "Cancelled", packer.page.inner_text("#result")
    assert packing.printer("printed") == printed


def test_a_label_that_the_printer_lost_is_decided_by_a_person_and_never_printed_by_itself(
    packer: Station, packing: Rehearsal
) -> None:
    code = codes(packer)[0]
    packer.go("/pack")
    packing.printer("vanish")
    printed = packing.printer("printed")
    scan(packer, code)
    packer.page.wait_for_selector("h1:has-text('Did it come out?')", timeout=60_000)
    time.sleep(1)
    assert packing.printer("printed") == printed
    look(packer.page, "pack-unknown")
    packer.tab_to("button[value=no]")
    packer.press("Enter")
    packer.page.wait_for_selector("h1:has-text('Printed again')", timeout=60_000)
    assert packing.printer("printed") == printed + 1


def test_a_busy_printer_only_delays_a_label(packer: Station, packing: Rehearsal) -> None:
    code = codes(packer)[0]
    packer.go("/pack")
    packing.printer("busy")
    packing.printer("offline")
    scan(packer, code)
    for _ in range(10):
        packing.step(60)
        packer.go("/pack")
        if packer.page.inner_text("#result h1") == "Printed":
            break
        time.sleep(0.5)
    assert packer.page.inner_text("#result h1") == "Printed"


def test_the_next_person_takes_over_the_station_by_one_touch_within_three_seconds(
    chromium: Any, packing: Rehearsal, packer: Station
) -> None:
    second = Station(chromium, packing)
    second.sign_in(packing.people()["packer2"])
    second.add_passkey()
    look(second.page, "me")
    packer.hold(second.passkeys())
    second.close()
    packer.go("/pack")
    packer.tab_to("a[href^='/switch']")
    began = time.monotonic()
    packer.press("Enter")
    packer.page.wait_for_selector(f".who:has-text('{packing.people()['packer2']['name']}')")
    packer.page.wait_for_selector("#scan")
    assert time.monotonic() - began < 3
    assert packer.page.url.endswith("/pack")


def test_without_javascript_the_same_scans_do_the_same(chromium: Any, packing: Rehearsal) -> None:
    plain = Station(chromium, packing, java_script_enabled=False)
    plain.sign_in(packing.people()["packer3"])
    waiting = codes(plain)
    plain.go("/pack")
    with plain.page.expect_navigation():
        plain.page.keyboard.type(waiting[0])
        plain.press("Enter")
    plain.page.wait_for_selector("h1:has-text('Print')", timeout=60_000)
    plain.close()


def test_pick_slips_hold_our_code_and_nothing_of_a_person(packer: Station, packing: Rehearsal) -> None:
    packer.go("/worklist/")
    packer.tab_to("form[action$='/wave'] button")
    packer.press("Enter")
    packer.page.wait_for_selector("section.slip")
    look(packer.page, "wave")
    told = packer.page.inner_text("main")
    assert re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", told)
    assert not re.search(r"\d{3}-\d{7}-\d{7}", told), "not even Amazon's number"
    assert packer.page.locator("svg.bars rect").count() > 20
    for slip in packer.page.locator("section.slip").all():
        bins = slip.locator("tbody tr td:first-child").all_inner_texts()
        assert bins == sorted(bins), "a slip is one way through the bins"


def test_the_worklist_is_clean(packer: Station) -> None:
    packer.go("/worklist/?show=all")
    look(packer.page, "worklist")
    packer.page.click("tbody th a.id >> nth=0")
    look(packer.page, "parcels")
    assert not [said for said in packer.complaints if "Content Security Policy" in said]
