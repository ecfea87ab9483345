"""The director reads a mail, follows its link, signs in, and says so; all by keyboard, in a real Chromium (IR-2)."""

import html
import re
import ssl
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.looks import look
from tests.journeys.station import Station, fresh_code

MAIL = re.compile(r"<article><h2>(.*?)</h2><p>To (.*?), over (.*?)</p><pre>(.*?)</pre></article>", re.DOTALL)


def mails(packing: Rehearsal) -> list[tuple[str, str, str, str]]:
    """What the rehearsal's mail server shows: subject, to whom, over what, and the text with its links."""
    context = ssl.create_default_context(cafile=str(packing.folders.data / "mail" / "ca.pem"))
    page = httpx.get(packing.mail_address, verify=context, trust_env=False, timeout=30).text
    return [tuple(map(html.unescape, found)) for found in MAIL.findall(page)]  # type: ignore[misc]


@pytest.fixture(scope="module")
def digest(packing: Rehearsal) -> str:
    """The text of a digest to the director."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        packing.step(3600)
        packing.wait_for_telling()
        found = [text for subject, to, _, text in mails(packing) if "Today: " in subject and to.startswith("director@")]
        if found:
            return found[0]
    raise AssertionError("no digest within a day")


@pytest.fixture(scope="module")
def director(chromium: Any, packing: Rehearsal) -> Iterator[Station]:
    station = Station(chromium, packing)
    yield station
    station.close()


def test_every_mail_of_a_rehearsal_came_over_tls_and_says_what_it_is(packing: Rehearsal, digest: str) -> None:
    taken = mails(packing)
    assert {tls for _, _, tls, _ in taken} == {"TLSv1.3"}
    assert all(subject.startswith("[rehearsal] ") for subject, _, _, _ in taken)
    assert {to for _, to, _, _ in taken} >= {"director@rehearsal.invalid", "board@quillmarsh.invalid"}
    assert "newest checkpoint" in digest


def test_the_link_leads_through_the_sign_in_to_a_button_that_acknowledges(
    packing: Rehearsal, digest: str, director: Station
) -> None:
    link = re.search(r'href="([^"]+/messages/link/[^"]+)"', digest)
    assert link is not None
    director.page.goto(link[1].replace("127.0.0.1", "localhost"))
    who = packing.people()["director"]
    director.type("#id_email", who["email"])
    director.press("Tab")
    director.page.keyboard.type(who["password"])
    director.press("Enter")
    director.page.wait_for_selector("#id_code")
    director.type("#id_code", fresh_code(who))
    director.press("Enter")
    director.page.wait_for_selector("text=Acknowledge: I have read this")
    look(director.page, "message")
    director.tab_to(".verdict button")
    director.press("Enter")
    director.page.wait_for_selector("text=it is not sent again")
    assert "acknowledged by Gwen Aldous" in director.page.inner_text("main")


def test_the_log_says_what_was_sent_to_whom_and_fits_a_phone(digest: str, director: Station) -> None:
    director.go("/messages/")
    assert director.page.locator("tbody tr").count() > 3
    assert "Delivered" in director.page.inner_text("main")
    look(director.page, "messages")
    director.go("/messages/?show=mine")
    assert "Gwen Aldous" in director.page.inner_text("tbody")
    assert not director.complaints
