"""The pages as people meet them: who may see what, what is refused, and what never leaves (AM-1, NP-2, LP-1, AM-7)."""

import re
from typing import Any

import psycopg
import pytest

from strongroom.formats.leaf import Kind
from strongroom.installation import database_roles
from strongroom.policy.least_privilege.roles import FOR_PEOPLE, ROLES, Role
from strongroom.rehearsal.benches import pages as bench
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.conftest import Doors
from tests.journeys.eventually import eventually

PAGES = {
    "/orders/": "orders:order:list", "/retention/": "retention:day:read", "/journal/": "journal:leaf:read",
    "/marketplace/": "marketplace:call:read", "/journal/0/": "journal:leaf:read", "/journal/0/proof": "journal:leaf:read",
}  # fmt: skip


@pytest.mark.parametrize("role", FOR_PEOPLE)
def test_each_role_reaches_its_pages_and_no_others(inside: Doors, role: Role) -> None:
    browser = inside(role.value)
    for path, permission in PAGES.items():
        wanted = 200 if permission in ROLES[role].permissions else 403
        assert browser.get(path).status_code == wanted, path


def test_nobody_gets_in_without_signing_in(inside: Doors) -> None:
    browser = inside.browser()
    for path in ("/", *PAGES):
        answer = browser.get(path)
        assert answer.url.path == "/sign-in", path
    browser.close()


def test_no_list_and_no_order_page_shows_any_part_of_a_person(inside: Doors, rehearsal: Rehearsal) -> None:
    support = inside("support")
    path = support.orders()[0]
    opened = support.reveal(path).text
    name = re.search(r"<address[^>]*>(?:<b>)?([^<]+)", opened)
    assert name is not None
    assert len(name[1]) > 3
    for page in ("/orders/", "/orders/?show=all", path):
        assert name[1] not in support.get(page).text


def test_looking_opens_nothing(inside: Doors, rehearsal: Rehearsal) -> None:
    """Lists and orders say who is sealed without opening the seal to find out."""
    opened = "SELECT count(*) FROM entry WHERE kind = %s AND account_id > 0"  # the probe's customer is nobody
    parameters = database_roles.connect_as(rehearsal.running.admin, rehearsal.folders, "auditor", "strongroom")
    support, packer = inside("support"), inside("packer")
    with psycopg.connect(**parameters, autocommit=True) as auditor:
        before = auditor.execute(opened, [Kind.OPENED]).fetchone()
        for path in ("/orders/", "/orders/?show=all", *support.orders()[:5]):
            assert support.get(path).status_code == 200
        for path in ("/worklist/", "/worklist/?show=all", "/pack", *packer.orders()[:3]):
            assert packer.get(path).status_code == 200
        assert auditor.execute(opened, [Kind.OPENED]).fetchone() == before


def test_a_reveal_shows_names_and_address_and_its_leaf_stands_in_the_history(
    inside: Doors, rehearsal: Rehearsal
) -> None:
    support = inside("support")
    path = support.orders()[1]
    answer = support.reveal(path)
    assert answer.status_code == 200
    assert "<address" in answer.text
    eventually(lambda: re.search(r"Opened</b><span class=\"sub\">Tamsin Orr, leaf [\d,]+", support.get(path).text))


def test_a_packer_who_tries_to_reveal_is_refused_in_words_and_in_the_journal(
    inside: Doors, rehearsal: Rehearsal
) -> None:
    packer = inside("packer")
    path = packer.orders()[0]
    answer = packer.reveal(path)
    assert answer.status_code == 403
    assert "Nothing was done" in answer.text
    assert "AM-1" in answer.text
    eventually(lambda: "Access refused" in inside("auditor").get("/journal/").text)


def test_a_name_as_a_case_number_is_refused_and_not_repeated(inside: Doors) -> None:
    support = inside("support")
    path = support.orders()[0]
    answer = support.post(f"{path}reveal", support.get(path), purpose="1", case="Zoe Harkwell")
    assert answer.status_code == 422
    assert "digits only" in answer.text
    assert "<address" not in answer.text


def test_a_purpose_is_required(inside: Doors) -> None:
    support = inside("support")
    path = support.orders()[0]
    assert support.post(f"{path}reveal", support.get(path)).status_code == 422
    assert support.post(f"{path}reveal", support.get(path), purpose="6").status_code == 422, "labels are the worker's"


def test_a_form_without_its_token_is_refused(inside: Doors) -> None:
    support = inside("support")
    assert support._client.post(f"{support.orders()[0]}reveal", data={"purpose": "1"}).status_code == 403


def test_every_answer_forbids_caching_framing_and_foreign_code(inside: Doors) -> None:
    support = inside("support")
    for page in ("/orders/", support.orders()[0], "/nothing-here"):
        headers = support.get(page).headers
        assert "no-store" in headers["cache-control"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert "content-disposition" not in headers
        assert "etag" not in headers


def test_no_page_has_inline_style_or_script(inside: Doors) -> None:
    browser = inside("administrator")
    for page in ("/orders/", "/retention/", "/journal/", "/marketplace/", browser.orders()[0]):
        text = browser.get(page).text
        assert not re.search(r"<[^>]+\sstyle=|<style|\son[a-z]+=|<script(?![^>]*src=)", text), page


def test_a_stranger_and_a_wrong_password_get_the_same_answer(inside: Doors, rehearsal: Rehearsal) -> None:
    browser, who = inside.browser(), rehearsal.people()["administrator"]
    inside("administrator")

    def sentence(email: str) -> Any:
        page = browser.post("/sign-in", browser.get("/sign-in"), email=email, password="wrong")
        return page.status_code, re.search(r'role="alert">.*?</div>', page.text, re.DOTALL)[0]  # type: ignore[index]

    assert sentence("nobody@rehearsal.invalid") == sentence(who["email"])
    browser.close()


def test_the_totp_secret_is_sealed_in_the_database(inside: Doors, rehearsal: Rehearsal) -> None:
    import base64

    parameters = database_roles.connect_as(rehearsal.running.admin, rehearsal.folders, "web", "strongroom")
    with psycopg.connect(**parameters) as connection:
        everything = repr(connection.execute("SELECT * FROM mfa_authenticator").fetchall())
        everything += repr(connection.execute("SELECT session_data FROM django_session").fetchall())
    for who in rehearsal.people().values():
        assert who["secret"] not in everything
        assert base64.b32decode(who["secret"]).hex() not in everything


def test_the_journal_page_verifies_the_whole_tree_and_offers_each_proof(inside: Doors, rehearsal: Rehearsal) -> None:
    from strongroom.formats import note, proof

    administrator = inside("administrator")
    verified = administrator.post("/journal/", administrator.get("/journal/"))
    assert "Whole" in verified.text
    found = proof.parse_inclusion(administrator.get("/journal/3/proof").text)
    (path,) = rehearsal.folders.journal.glob("*.vkey")
    head = proof.verify_inclusion(found, leaf=found.extra, key=note.parse_verifier_key(path.read_text()))
    assert head.size > 3


def test_a_locked_broker_is_said_in_words_and_nothing_is_lost(inside: Doors, rehearsal: Rehearsal) -> None:
    from strongroom.formats.broker import Verb
    from strongroom.formats.secret import Secret
    from strongroom.formats.wire import u8
    from strongroom.policy.encryption_and_storage.connection import Connection

    support = inside("support")
    path = support.orders()[0]
    page = support.get(path)
    terminal = Connection(path=str(rehearsal.running.terminal_socket))
    terminal.ask(Verb.LOCK)
    try:
        answer = support.post(f"{path}reveal", page, purpose="1")
        assert answer.status_code == 503
        assert "locked" in answer.text
    finally:
        secret = Secret((rehearsal.folders.data / "rehearsal-unlock").read_bytes())
        terminal.ask(Verb.UNLOCK, u8(2), secret.bytes())
        terminal.close()
    assert support.reveal(path).status_code == 200


def test_every_process_may_be_killed_and_the_house_serves_again(inside: Doors, rehearsal: Rehearsal) -> None:
    import os
    import signal

    supervisor = rehearsal.running.supervisor
    support = inside("support")
    for name in ("keybroker", "worker", "website", "marketplace", "postgres"):
        killed = supervisor.pid(name)
        os.kill(killed, signal.SIGKILL)
        while supervisor.pid(name) == killed:
            supervisor.watch()
        eventually(lambda: _serves(supervisor, support), within=30)
    rehearsal.step(3600)


def _serves(supervisor: Any, support: Browser) -> bool:
    supervisor.watch()
    try:
        return support.reveal(support.orders()[0]).status_code == 200
    except Exception:  # noqa: BLE001 - whatever a killed server does to a connection
        return False


def test_a_bench_times_each_of_the_main_pages(inside: Doors) -> None:
    timed = bench.timed(inside("manager"), rounds=2)
    assert set(timed) == set(bench.PAGES) >= {"wall", "one order", "all orders"}
    assert all(0 < times["p50_ms"] <= times["p95_ms"] for times in timed.values())


@pytest.mark.parametrize("asked", ["abc", "0", "-1", "999999", "1e9", "%D9%A3", ""])
def test_a_page_of_orders_that_is_none_is_a_page_and_no_error(inside: Doors, asked: str) -> None:
    assert inside("support").get(f"/orders/?show=all&page={asked}").status_code == 200
