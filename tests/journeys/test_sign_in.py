"""Every way in needs a second factor; wrong answers lock for all workers at once; roles need two people (AM-2, AM-8, AM-9)."""

import base64
import html
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from strongroom.formats.secret import Secret
from strongroom.installation import database_roles
from strongroom.policy.access_management import totp
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.conftest import Doors
from tests.journeys.eventually import eventually
from tests.journeys.looks import look
from tests.journeys.station import Station, fresh_code

PASSWORD = "Harbour-Lamp-77!"
WRONG = "Wrong-Lantern-55?"


@pytest.fixture(autouse=True)
def nobody_tried_from_here(rehearsal: Rehearsal) -> None:
    """All tests come from one address, which has 30 tries in a quarter of an hour: each begins anew."""
    running = rehearsal.running
    parameters = database_roles.connect_as(running.admin, rehearsal.folders, "owner", "strongroom")
    with psycopg.connect(**parameters) as owner:
        owner.execute("DELETE FROM attempts")


def code_of(secret: str) -> str:
    return totp.code(Secret(base64.b32decode(secret + "=" * (-len(secret) % 8))), int(time.time() // 30))


class Office:
    """An administrator at work: invites people, proposes roles."""

    def __init__(self, browser: Browser, who: dict[str, str]) -> None:
        self.browser = browser
        self._who = who
        self._count = 0

    def post(self, path: str, **fields: str) -> Any:
        """A form of the people pages; a factor first where it is asked for."""
        answer = self.browser.post(path, self.browser.get("/people/"), **fields)
        if "Show that it is you" in answer.text:
            self.browser.post(str(answer.url.raw_path.decode()), answer, code=fresh_code(self._who))
            answer = self.browser.post(path, self.browser.get("/people/"), **fields)
        return answer

    def invite(self, doors: Doors) -> "Newcomer":
        self._count += 1
        email = f"newcomer{self._count}-{time.monotonic_ns()}@example.invalid"
        answer = self.post("/people/invite", name=f"New Comer {self._count}", email=email)
        link = re.search(r"https://\S+?(/invitation/[\w-]+)", answer.text)
        pk = re.search(r"/people/(\d+)/grant", answer.text)
        assert link is not None
        assert pk is not None
        return Newcomer(doors.browser(), email, link[1], int(pk[1]))


class Newcomer:
    """Somebody with a link: sets a password, then an authenticator app."""

    def __init__(self, browser: Browser, email: str, link: str, pk: int) -> None:
        self.browser, self.email, self.link, self.pk = browser, email, link, pk
        self.secret = ""

    def accept(self) -> Any:
        page = self.browser.post(self.link, self.browser.get(self.link), password=PASSWORD, again=PASSWORD)
        found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page.text)
        assert found is not None, page.text[-600:]
        self.secret = found[1].replace(" ", "")
        return page

    def join(self) -> Any:
        page = self.accept()
        return self.browser.post("/sign-in/enrol", page, code=code_of(self.secret))

    def try_password(self, password: str, browser: Browser | None = None) -> Any:
        using = browser or self.browser
        return using.post("/sign-in", using.get("/sign-in"), email=self.email, password=password)


@pytest.fixture(scope="module")
def office(inside: Doors, rehearsal: Rehearsal) -> Office:
    return Office(inside("administrator"), rehearsal.people()["administrator"])


@pytest.fixture
def auditor(rehearsal: Rehearsal) -> Iterator[psycopg.Connection[Any]]:
    running = rehearsal.running
    parameters = database_roles.connect_as(running.admin, rehearsal.folders, "auditor", "strongroom")
    with psycopg.connect(**parameters, autocommit=True) as connection:
        yield connection


def test_a_password_alone_opens_nothing_but_the_way_to_a_factor(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    new.accept()
    for path in ("/", "/orders/", "/worklist/", "/pack", "/me", "/people/", "/openings/", "/questions/"):
        answer = new.browser.get(path)
        assert answer.url.path == "/sign-in", path
    again = new.try_password(PASSWORD)
    assert again.url.path == "/sign-in/enrol"


def test_every_entrance_asks_for_a_factor(inside: Doors) -> None:
    """Each public route, asked with nothing, gives nobody a session (the list is held by tests/policy/test_gate.py)."""
    browser = inside.browser()
    for path in ("/sign-in/code", "/sign-in/enrol", "/sign-in/enrol/passkey", "/sign-in/passkey"):
        answer = browser.post(path, browser.get("/sign-in"), code="000000", credential="{}")
        assert browser.get("/me").url.path == "/sign-in", path
        assert answer.status_code in (200, 401), path


def test_an_invitation_works_once(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    assert new.join().url.path == "/" or "no role" in new.browser.get("/me").text
    assert inside.browser().get(new.link).status_code == 404


def test_a_code_works_once_whichever_browser_says_it(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    new.join()
    time.sleep(30 - time.time() % 30 + 0.1)
    code, browsers = code_of(new.secret), [inside.browser(), inside.browser(), inside.browser()]
    pages = [new.try_password(PASSWORD, b) for b in browsers]
    with ThreadPoolExecutor(3) as pool:
        answers = list(
            pool.map(lambda pair: pair[0].post("/sign-in/code", pair[1], code=code), zip(browsers, pages, strict=True))
        )
    assert sum(answer.status_code != 401 for answer in answers) == 1


def test_five_wrong_answers_lock_for_all_at_once_and_the_roles_rest(
    office: Office, inside: Doors, auditor: psycopg.Connection[Any], rehearsal: Rehearsal
) -> None:
    new = office.invite(inside)
    new.join()
    office.post(f"/people/{new.pk}/grant", role="support", reason="1")
    grant = auditor.execute("SELECT id FROM role_grant WHERE person_id = %s", [new.pk]).fetchone()
    assert grant is not None
    manager = Office(inside("manager"), rehearsal.people()["manager"])
    manager.post(f"/grants/{grant[0]}/approve")
    assert "support" in new.browser.get("/me").text.lower()
    browsers = [inside.browser() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: new.try_password(WRONG, browsers[n % 4]).text, range(12)))
    assert sum("is not right" in text for text in answers) == 5, "five tries were looked at, never a sixth"
    assert sum("account is locked" in text for text in answers) == 7
    assert "account is locked" in new.try_password(PASSWORD, browsers[0]).text, "the right password helps nobody now"
    assert new.browser.get("/me").url.path == "/sign-in", "the living session ended with it"
    row = auditor.execute("SELECT suspended_at IS NOT NULL FROM role_grant WHERE id = %s", [grant[0]]).fetchone()
    assert row == (True,)
    alarms = auditor.execute("SELECT count(*) FROM alarm WHERE kind = 'lockout' AND closed_at IS NULL").fetchone()
    assert alarms is not None
    assert alarms[0] >= 1
    assert "locked" in office.browser.get("/people/").text
    office.post(f"/people/{new.pk}/unlock", restore="yes", reason="41")
    assert new.try_password(PASSWORD, browsers[1]).url.path == "/sign-in/code"


def test_wrong_codes_and_recovery_codes_count_like_wrong_passwords(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    new.join()
    browser = inside.browser()
    page = new.try_password(PASSWORD, browser)
    said = [
        browser.post("/sign-in/code", page, code=code).text
        for code in ("000000", "12345678", "111111", "222222", "333333")
    ]
    assert all("is not right" in text for text in said)
    assert "account is locked" in new.try_password(PASSWORD, browser).text


def test_one_person_has_one_session(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    new.join()
    other = inside.browser()
    page = new.try_password(PASSWORD, other)
    time.sleep(30 - time.time() % 30 + 0.1)
    other.post("/sign-in/code", page, code=code_of(new.secret))
    assert other.get("/me").url.path == "/me"
    assert new.browser.get("/me").url.path == "/sign-in"


def test_a_role_waits_for_somebody_else(office: Office, inside: Doors, auditor: psycopg.Connection[Any]) -> None:
    new = office.invite(inside)
    new.join()
    office.post(f"/people/{new.pk}/grant", role="auditor", reason="4")
    (grant,) = auditor.execute("SELECT id FROM role_grant WHERE person_id = %s", [new.pk]).fetchone() or (0,)
    assert new.browser.get("/journal/").status_code == 403
    answer = office.post(f"/grants/{grant}/approve")
    assert answer.status_code == 403, "who proposed it does not approve it"
    assert "Somebody else approves" in html.unescape(answer.text)
    assert new.browser.get("/journal/").status_code == 403


def test_a_leaver_is_out_at_once(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    new.join()
    office.post(f"/people/{new.pk}/leave")
    assert new.browser.get("/me").url.path == "/sign-in"
    assert "is not right" in new.try_password(PASSWORD).text


def test_a_session_is_ended_from_elsewhere(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    new.join()
    assert new.browser.get("/me").status_code == 200
    office.post(f"/people/{new.pk}/sign-out")
    assert new.browser.get("/me").url.path == "/sign-in"


def test_weak_and_old_passwords_are_refused_in_words(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    page = new.browser.get(new.link)
    for weak, words in (
        ("short", "12 characters"),
        ("allsmallletters", "a capital"),
        ("Newcomer-12345!", "your name"),
        ("Password1234!", "tried first"),
    ):
        said = new.browser.post(new.link, page, password=weak, again=weak)
        assert words in said.text, weak
    new.join()
    present = PASSWORD
    for chosen, is_new in ((PASSWORD, False), ("Meadow-Gate-31!", True), (PASSWORD, False)):
        typed = {"present": present, "password": chosen, "again": chosen}
        answer = new.browser.post("/me/password", new.browser.get("/me/password"), **typed)
        present = chosen if is_new else present
        assert (answer.url.path == "/me") if is_new else ("yours before" in answer.text)


def test_the_secrets_of_factors_lie_sealed_in_the_database(office: Office, inside: Doors, rehearsal: Rehearsal) -> None:
    new = office.invite(inside)
    new.join()
    running = rehearsal.running
    parameters = database_roles.connect_as(running.admin, rehearsal.folders, "owner", "strongroom")
    with psycopg.connect(**parameters) as owner:
        row = owner.execute("SELECT data FROM mfa_authenticator WHERE user_id = %s", [new.pk]).fetchone()
    assert row is not None
    data: dict[str, Any] = row[0]
    assert new.secret not in str(data)
    assert re.fullmatch(r"[0-9a-f]{32}\..+", data["secret"])


def test_a_recovery_code_works_once(office: Office, inside: Doors) -> None:
    new = office.invite(inside)
    new.join()
    page = new.browser.post("/me/recovery-codes", new.browser.get("/me"))
    codes = re.findall(r'<li class="id">([\d ]+)</li>', page.text)
    assert len(codes) == 10
    other = inside.browser()
    for expected in (True, False):
        page = new.try_password(PASSWORD, other)
        other.post("/sign-in/code", page, code=codes[0])
        assert (other.get("/me").url.path == "/me") is expected
    browsers = [inside.browser() for _ in range(4)]
    pages = [new.try_password(PASSWORD, b) for b in browsers]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda pair: pair[0].post("/sign-in/code", pair[1], code=codes[1]).status_code,
                             zip(browsers, pages, strict=True)))  # fmt: skip
    assert sum(status != 401 for status in said) == 1, "of four who say one code at once, one is let in"


def test_a_passkey_signs_in_with_one_touch(chromium: Any, rehearsal: Rehearsal) -> None:
    station = Station(chromium, rehearsal)
    who = rehearsal.people()["packer2"]
    station.go("/sign-in")
    look(station.page, "sign-in")
    station.sign_in(who)
    station.add_passkey()
    station.page.click("text=Sign out")
    station.page.wait_for_selector("h1:has-text('Sign in')")
    station.tab_to("form.passkey button")
    began = time.monotonic()
    station.press("Enter")
    station.page.wait_for_selector(f".who:has-text('{who['name']}')")
    assert time.monotonic() - began < 3
    station.go("/step-up?next=/me")
    station.tab_to("form.passkey button")
    station.press("Enter")
    station.page.wait_for_selector("h1:has-text('Rosa Lindqvist')")
    station.close()


def test_a_passkey_of_nobody_is_refused_in_words(inside: Doors) -> None:
    browser = inside.browser()
    for credential in (
        "",
        "{}",
        "[]",
        "x" * 40_000,
        '{"id":"a","rawId":"a","type":"public-key","response":{"userHandle":"OTk5"}}',
    ):
        answer = browser.post("/sign-in/passkey", browser.get("/sign-in"), credential=credential)
        assert answer.status_code == 401
        assert "not right" in answer.text


def test_who_only_reads_people_invites_nobody(inside: Doors) -> None:
    security = inside("security")
    answer = security.post("/people/invite", security.get("/people/"), name="X", email="x@example.invalid")
    assert answer.status_code == 403


def test_people_pages_are_clean(chromium: Any, packing: Rehearsal) -> None:
    station = Station(chromium, packing)
    station.sign_in(packing.people()["administrator"])
    station.go("/people/")
    assert "Deficiency" in station.page.inner_text("main"), (
        "the rehearsal's people had no second approver, and it says so"
    )
    look(station.page, "people")
    station.page.click("text=Kit Oduya")
    look(station.page, "person")
    station.go("/printers/")
    look(station.page, "printers")
    station.tab_to("form[action$='/test'] button")
    printed = packing.printer("printed")
    station.press("Enter")
    eventually(lambda: packing.printer("printed") == printed + 1)
    assert not [said for said in station.complaints if "Content Security Policy" in said]
    station.close()
