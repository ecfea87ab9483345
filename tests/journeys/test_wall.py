"""Whether every sentence is true now: security, a manager and an auditor at the wall, by keyboard, in a real Chromium."""

import json
import re
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.watchman import Watchman
from tests.journeys.looks import look
from tests.journeys.station import Station


@pytest.fixture(scope="module")
def office(rehearsal: Rehearsal) -> Rehearsal:
    """The rehearsal with its office's duties done and every check run once."""
    rehearsal.keep_office()
    with Watchman(rehearsal) as watchman:
        watchman.run()
    return rehearsal


@pytest.fixture(scope="module")
def security(chromium: Any, office: Rehearsal) -> Iterator[Station]:
    station = Station(chromium, office)
    station.sign_in(office.people()["security"])
    yield station
    station.close()


def test_the_first_line_says_how_many_promises_hold_and_the_worst_come_first(security: Station) -> None:
    security.go("/wall/")
    assert re.fullmatch(r"\d+ of 72 promises hold\.", security.page.inner_text("h1"))
    assert security.page.locator(".tile").count() == 72
    loud = security.page.eval_on_selector_all(".worst .tile", "tiles => tiles.map(t => t.dataset.state)")
    assert loud == sorted(loud, key=["false", "unknown", "due"].index)
    look(security.page, "wall")


def test_the_office_screen_is_one_dark_page_that_can_stand_still(security: Station) -> None:
    security.go("/wall/screen")
    assert security.page.locator("meta[http-equiv=refresh]").count() == 1
    security.go("/wall/screen?still=1")
    assert security.page.locator("meta[http-equiv=refresh]").count() == 0
    look(security.page, "wall-screen")


def test_any_clause_shows_its_evidence_within_two_steps_and_is_checked_on_the_spot(security: Station) -> None:
    security.go("/wall/")
    security.tab_to("a[href='/wall/RR-2/']", most=200)
    security.press("Enter")
    security.page.wait_for_selector("h1.promise")
    assert security.page.locator("table caption:has-text('Latest evidence')").count() == 1
    security.tab_to("form[action$='/check'] button")
    security.press("Enter")
    security.page.wait_for_selector("text=run now")
    look(security.page, "clause")


def test_a_duty_is_recorded_with_its_evidence_and_a_customer_in_it_is_refused(security: Station) -> None:
    security.go("/duties/review_logs/")
    security.page.fill("#id_on", security.page.evaluate("new Date().toISOString().slice(0, 10)"))
    security.type("#id_words", "Asked jane.doe@example.com about her sign-in.")
    security.tab_to("main form button")
    security.press("Enter")
    security.page.wait_for_selector("text=This text holds an e-mail address")
    security.go("/duties/review_logs/")
    look(security.page, "duty")
    today = security.page.evaluate("new Date().toISOString().slice(0, 10)")
    security.page.fill("#id_on", today)
    security.type("#id_words", "Read a fortnight of sign-ins and refusals; two mistyped codes, nothing else.")
    security.tab_to("main form button")
    security.press("Enter")
    security.page.wait_for_selector("text=Recorded:")
    look(security.page, "duties")
    security.go("/wall/AZ-4/")
    assert "two mistyped codes" in security.page.inner_text("main")


def test_an_exception_needs_a_second_person_and_shows_on_the_tile_until_its_day(
    chromium: Any, office: Rehearsal, security: Station
) -> None:
    security.go("/wall/AZ-14/")
    security.page.locator("summary", has_text="Propose one").focus()
    security.press("Enter")
    security.type("#id_reason", "The director is away until Monday.")
    security.page.fill(
        "#id_until", security.page.evaluate("new Date(Date.now() + 5 * 864e5).toISOString().slice(0, 10)")
    )
    security.tab_to("form[action$='/exception'] button")
    security.press("Enter")
    security.page.wait_for_selector("text=You proposed this: somebody else approves it.")
    look(security.page, "approval")
    path = security.page.url
    director = Station(chromium, office)
    director.sign_in(office.people()["director"])
    director.page.goto(path)
    director.tab_to("form[action$='/approve'] button")
    director.press("Enter")
    director.page.wait_for_selector("h1:has-text('done')")
    director.go("/approvals/")
    look(director.page, "approvals")
    director.go("/wall/AZ-14/")
    assert "Excepted" in director.page.inner_text(".verdict")
    director.close()


def test_registers_say_where_things_stand_and_a_place_without_a_control_is_refused(
    chromium: Any, office: Rehearsal
) -> None:
    administrator = Station(chromium, office)
    administrator.sign_in(office.people()["administrator"])
    administrator.go("/registers/")
    look(administrator.page, "registers")
    administrator.type("form[action$='/place'] #id_name", "Loft")
    administrator.type("form[action$='/place'] #id_controls", "no")
    administrator.press("Enter")
    administrator.page.wait_for_selector("text=what keeps others out of it")
    administrator.close()


def test_machines_read_the_same_state_with_their_token_and_nothing_without(office: Rehearsal) -> None:
    base = f"https://127.0.0.1:{office.running.configuration.web.port}"
    token = office.folders.credential("monitoring-token").text()
    trusts = ssl.create_default_context(cafile=str(office.folders.tls / "ca.pem"))
    with httpx.Client(base_url=base, verify=trusts, trust_env=False) as client:
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/readyz").status_code == 200
        assert client.get("/status.json").status_code == 302
        assert client.get("/metrics", headers={"authorization": "Bearer nonsense"}).status_code == 401
        told = client.get("/status.json", headers={"authorization": f"Bearer {token}"})
        status = json.loads(told.text)
        assert len(status["clauses"]) == sum(status["counts"].values()) == 72
        metrics = client.get("/metrics", headers={"authorization": f"Bearer {token}"}).text
    for row in status["clauses"]:
        assert f'strongroom_clause_state{{clause="{row["id"]}",state="{row["state"]}"}} 1' in metrics
    assert float(re.findall(r"^strongroom_journal_lag_seconds (\S+)$", metrics, re.MULTILINE)[0]) >= 0


def test_a_packer_sees_the_wall_but_neither_runs_checks_nor_reads_registers(inside: Any, office: Rehearsal) -> None:
    packer = inside("packer")
    assert packer.get("/wall/").status_code == 200
    assert packer.post("/wall/RR-2/check", packer.get("/wall/RR-2/")).status_code == 403
    assert packer.get("/registers/").status_code == 403
    assert packer.get("/approvals/").status_code == 403
