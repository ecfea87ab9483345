"""A live installation against an Amazon of a stranger (DF-1, RR-1, RR-4): configuration alone points at it, it means ill,
and whatever it says, each order is here once and no byte of any file holds a customer.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from strongroom.rehearsal.browser import Browser
from tests.journeys.amazon_of_a_stranger import NAMES, NEEDLES, STREET, Stranger
from tests.journeys.eventually import eventually
from tests.journeys.living import Live, first_administrator, living, search

MOODS = ("errs", "speaks html", "breaks off", "redirects", "forbids", "throttles", "repeats", "turns in circles")


@pytest.fixture(scope="module")
def amazon() -> Iterator[list[Stranger]]:
    found: list[Stranger] = []
    yield found
    for each in found:
        each.close()


@pytest.fixture(scope="module")
def live(amazon: list[Stranger]) -> Iterator[Live]:
    def start(certificate: Path, key: Path) -> int:
        amazon.append(Stranger(certificate, key))
        for number in range(7):
            amazon[0].place(
                by="AMAZON" if number == 3 else "MERCHANT", status="SHIPPED" if number == 5 else "UNSHIPPED"
            )
        return amazon[0].port

    with living(start, "Atzr|stranger") as running:
        yield running


@pytest.fixture(scope="module")
def administrator(live: Live) -> Iterator[Browser]:
    browser = first_administrator(live)
    yield browser
    browser.close()


def query(live: Live, statement: LiteralString) -> object:
    """One value, as the auditor sees it."""
    known = json.loads((live.folder / "database.json").read_text())
    password = (live.folder / "credentials" / "database-auditor").read_text()
    with psycopg.connect(
        host=known["host"], port=known["port"], dbname=known["name"], user="strongroom_auditor", password=password
    ) as auditor:
        row = auditor.execute(statement).fetchone()
        assert row is not None
        return row[0]


def numbers(live: Live) -> list[str]:
    return sorted(str(row["order_id"]) for row in json.loads(live.command("orders", "list", "--json").stdout))


def test_whatever_it_says_each_order_is_here_once_and_nobody_stands_in_any_byte(
    live: Live, amazon: list[Stranger], administrator: Browser
) -> None:
    (stranger,) = amazon
    said = ""
    for mood in MOODS:
        stranger.place()
        stranger.mood = mood
        administrator.post("/marketplace/ask", administrator.get("/marketplace/"))
        eventually(lambda: query(live, "SELECT count(*) FROM receiver WHERE wanted_at IS NOT NULL") == 0)
        eventually(lambda: query(live, "SELECT count(*) FROM receiver WHERE lease_until IS NOT NULL") == 0)
        said += administrator.get("/marketplace/").text
    stranger.mood = "honest"
    stranger.place()
    wanted = sorted(str(order["orderId"]) for order in stranger.orders)
    done = live.command("orders", "sync")
    said += done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
    assert numbers(live) == wanted
    administrator.post("/devices/record", administrator.get("/devices/"), name="Desk 1", kind="computer", stated="on")
    administrator.on_a_device(administrator.get("/devices/this"))
    opened = administrator.reveal(administrator.orders()[0]).text
    assert STREET in opened
    assert any(name in opened for name in NAMES)
    for page in ("/orders/?show=all", "/worklist/?show=all", "/journal/", "/retention/", "/marketplace/"):
        said += administrator.get(page).text
    assert not [needle for needle in NEEDLES if needle in said]
    assert stranger.recipients_asked_for == {"MERCHANT"}, "Amazon's own customers are never asked for"
    planted = live.folder / "logs" / "planted.log"
    planted.write_text(f"parcel for {NAMES[0]}")
    assert str(planted) in search(live.folder, NEEDLES), "the search is worth nothing"
    planted.unlink()
    assert search(live.folder, NEEDLES) == set()


def test_what_was_asked_and_answered_stands_in_the_log_by_type_alone(live: Live, administrator: Browser) -> None:
    text = administrator.get("/marketplace/").text
    assert "searchOrders" in text
    assert not [needle for needle in NEEDLES if needle in text]


def test_while_it_hesitates_acts_still_get_their_place_in_the_journal(
    live: Live, amazon: list[Stranger], administrator: Browser
) -> None:
    """Amazon takes eight seconds for each answer; an entry of the website has its place within a few of them."""
    (stranger,) = amazon
    stranger.mood = "hesitates"
    asked = stranger.asked.total()
    administrator.post("/marketplace/ask", administrator.get("/marketplace/"))
    eventually(lambda: stranger.asked.total() > asked)
    assert administrator.get("/openings/").status_code == 403, "an administrator is refused, which is an entry"
    eventually(lambda: query(live, "SELECT count(*) FROM pending") == 0, within=30)
    stranger.mood = "honest"
    assert live.process.poll() is None
