"""The checks of DG-4, each seen passing and seen failing: the website's own pages, fetched over real TLS as a stranger."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from strongroom.policy.clauses.controls import Outcome, Verdict
from tests.house.running import House
from tests.house.website import Served, website
from tests.policy.publishing import HEAD, QUILLMARSH, STRICTER, current, data, publish, put_in_force, sequence
from tests.policy.test_change_of_terms import unguarded


@pytest.fixture(scope="module")
def pages(house: House) -> Iterator[Served]:
    with website(house) as served:
        yield served


@pytest.fixture(autouse=True)
def as_it_was(house: House) -> Iterator[None]:
    """Before: what runs is public. Afterwards: the terms are those that came with Strongroom."""
    from strongroom.policy.clauses import terms
    from strongroom.policy.obligations.versions import InForce, note_program

    terms.use_source(InForce())
    note_program()
    publish(house)
    yield
    terms.use_source(InForce())
    if any(profile.id == "quillmarsh" for profile in terms.in_force().profiles):
        put_in_force(house, {})


def page(pages: Served, house: House, **look: Any) -> Verdict:
    from strongroom.policy.data_governance import checks

    return checks.the_public_pages_are_what_runs(pages.look(house, **look))


def laws(pages: Served, house: House) -> Verdict:
    from strongroom.policy.data_governance import checks

    return checks.every_law_that_applies_is_listed(pages.look(house))


def said(verdict: Verdict, outcome: Outcome, *words: str) -> None:
    assert verdict.outcome is outcome, verdict
    assert all(word in verdict.reason for word in words), verdict.reason


@contextmanager
def spoilt(house: House, name: str, old: bytes, new: bytes, *, with_sums: bool = False) -> Iterator[None]:
    """A file of the served edition with other bytes, and its list of sums too where asked for."""
    home = current(house)
    before, sums = (home / name).read_bytes(), (home / "policy.sums").read_bytes()
    assert old in before
    after = before.replace(old, new)
    (home / name).write_bytes(after)
    if with_sums:
        was, becomes = (hashlib.sha256(each).hexdigest().encode() for each in (before, after))
        (home / "policy.sums").write_bytes(sums.replace(was, becomes))
    try:
        yield
    finally:
        (home / name).write_bytes(before)
        (home / "policy.sums").write_bytes(sums)


def test_what_is_public_is_what_runs(pages: Served, house: House) -> None:
    verdict = page(pages, house)
    said(verdict, Outcome.PASS, "all as they run")
    assert int(verdict.seen["stated"]) > 100


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("policy.html", b">within 30 days<", b">within 60 days<"), ("privacy.html", b"never to be sold", b"to be sold"),
        ("policy.json", b'"30 days"', b'"60 days"'), ("policy.pdf", b"%PDF-1", b"%PDF-2"),
    ],
)  # fmt: skip
def test_a_file_edited_by_hand_is_seen(pages: Served, house: House, name: str, old: bytes, new: bytes) -> None:
    with spoilt(house, name, old, new):
        said(page(pages, house), Outcome.FAIL, "is not what was published")
    said(page(pages, house), Outcome.PASS)


def test_and_so_it_is_when_the_list_of_sums_is_edited_with_it(pages: Served, house: House) -> None:
    with spoilt(house, "policy.html", b">within 30 days<", b">within 60 days<", with_sums=True):
        said(page(pages, house), Outcome.FAIL, "list of sums that is served is not the one that was published")


def test_pages_that_are_older_than_what_runs_are_seen_until_they_are_published_anew(
    pages: Served, house: House
) -> None:
    put_in_force(house, STRICTER)
    said(page(pages, house), Outcome.FAIL, "Lock after failures: 5; 4 is in force", "Publish it anew")
    publish(house)
    said(page(pages, house), Outcome.PASS)


def test_a_term_that_is_new_and_not_on_the_page_is_seen(pages: Served, house: House) -> None:
    text = HEAD + '[terms.cameras_kept]\nclause = "GS-1"\nkind = "duration"\nvalue = "9 days"\n'
    put_in_force(house, {"quillmarsh.toml": text})
    said(page(pages, house), Outcome.FAIL, "does not say Cameras kept")


def test_a_term_that_is_gone_and_still_promised_is_seen(pages: Served, house: House) -> None:
    put_in_force(
        house, {"quillmarsh.toml": HEAD + '[terms.cameras_kept]\nclause = "GS-1"\nkind = "count"\nvalue = 9\n'}
    )
    publish(house)
    said(page(pages, house), Outcome.PASS)
    put_in_force(house, {})
    said(page(pages, house), Outcome.FAIL, "promises Cameras kept: 9; no such term is in force")


def test_a_version_that_only_says_the_same_otherwise_asks_for_new_pages_too(pages: Served, house: House) -> None:
    duty = '[duties.sweep]\nclause = "ES-5"\nwords = "Sweep"\nevery = "1 day"\nowner = "manager"\nevidence = "x"\nlate = "x"\n'
    put_in_force(house, {"quillmarsh.toml": HEAD + duty})
    said(page(pages, house), Outcome.FAIL, "is in force. Publish them anew")


def test_what_people_read_is_compared_as_well_as_what_machines_read(pages: Served, house: House) -> None:
    """Each alone: a page journalled with either of them wrong is told apart from what runs."""
    from strongroom.policy.data_governance import reading
    from strongroom.policy.data_governance.checks import _Differs, _states_what_runs

    whole = (current(house) / "policy.html").read_bytes()
    assert _states_what_runs(reading.read(whole), whole=True) > 100
    for old, new in (
        (b">within 30 days<", b">within 31 days<"),
        (b'<data value="&quot;30 days&quot;"', b'<data value="&quot;31 days&quot;"'),
    ):
        with pytest.raises(_Differs, match="30 days is in force"):
            _states_what_runs(reading.read(whole.replace(old, new, 1)), whole=True)
    with pytest.raises(_Differs, match="states no term"):
        _states_what_runs(reading.read(b"<p>We do everything right."), whole=False)


def test_pages_that_were_taken_away_are_seen(pages: Served, house: House) -> None:
    here = current(house)
    elsewhere = here.with_name("taken-away")
    here.rename(elsewhere)
    try:
        said(page(pages, house), Outcome.FAIL, "Nothing is published at /policy")
        said(laws(pages, house), Outcome.FAIL, "Nothing is published at /privacy")
    finally:
        elsewhere.rename(here)


def test_an_older_edition_put_back_into_service_is_seen(pages: Served, house: House) -> None:
    from strongroom.policy.data_governance import publication

    first = publish(house)
    newer = publish(house)
    publication.serve(data(house), first.number)
    said(page(pages, house), Outcome.FAIL, "list of sums that is served is not the one")
    publication.serve(data(house), newer.number)
    said(page(pages, house), Outcome.PASS)


def test_a_publication_without_its_place_in_the_tree_is_unknown(pages: Served, house: House) -> None:
    from strongroom.policy.data_governance import actions
    from tests.policy.people import Somebody, as_website

    with as_website(house):
        actions.publish(
            publisher=QUILLMARSH, data=data(house), by=Somebody("security", password=None, has_app=False).now()
        )
    said(page(pages, house), Outcome.UNKNOWN, "no place in the journal's tree yet")
    sequence()
    said(page(pages, house), Outcome.PASS)


def test_a_website_that_does_not_answer_is_unknown(pages: Served, house: House) -> None:
    said(page(pages, house, address="https://localhost:9"), Outcome.UNKNOWN, "did not answer: ConnectError")


def test_nor_is_one_believed_whose_certificate_is_somebody_elses(pages: Served, house: House) -> None:
    from strongroom.installation.certificates import ensure

    other = data(house) / "another-authority"
    other.mkdir(mode=0o700, exist_ok=True)
    ca, _, _ = ensure(other, ("localhost",))
    said(page(pages, house, ca=ca), Outcome.UNKNOWN, "did not answer: ConnectError")


def test_pages_of_another_company_are_seen(pages: Served, house: House) -> None:
    publish(house, replace(QUILLMARSH, name="Quillmarsh Games"))
    said(page(pages, house), Outcome.FAIL, "name another company")


def test_pages_with_an_old_key_of_the_journal_are_seen(pages: Served, house: House) -> None:
    (key,) = (data(house) / "journal").glob("*.vkey")
    before = key.read_text()
    origin = before.partition("+")[0]
    key.write_text(before.replace(origin, f"{origin}x"))
    try:
        assert page(pages, house).outcome is not Outcome.PASS
    finally:
        key.write_text(before)
    said(page(pages, house), Outcome.PASS)


def test_a_law_of_a_country_we_sell_to_that_is_not_listed_is_seen(pages: Served, house: House) -> None:
    said(laws(pages, house), Outcome.PASS, "5 laws are listed")
    put_in_force(house, {"quillmarsh.toml": HEAD + (
        '[laws.uk_more]\nname = "The other law of the United Kingdom"\nwhere = ["GB"]\nauthority = "x"\n'
        'says = [{ to = "an end", we = "Gone {remove_pii_after:within}.", clauses = ["RR-2"] }]\n'
    )})  # fmt: skip
    said(laws(pages, house), Outcome.FAIL, "does not list The other law of the United Kingdom")
    publish(house)
    said(laws(pages, house), Outcome.PASS)


def test_a_country_we_say_we_sell_to_without_any_law_is_seen(pages: Served, house: House) -> None:
    publish(house, replace(QUILLMARSH, sells_to=("GB", "DE", "FR", "JP", "AE", "TR", "BR")))
    said(laws(pages, house), Outcome.FAIL, "No law is listed for BR")


def test_orders_to_a_country_without_a_law_leave_it_unknown(pages: Served, house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        row = shop.order(order.order_id)
        with unguarded(house) as sql:
            sql.execute(
                "UPDATE amazon_order SET country = 'BR' WHERE account_id = %s AND ref = %s", [shop.account, row.ref]
            )
            try:
                said(laws(pages, house), Outcome.UNKNOWN, "Orders went to BR, for which no law is listed")
            finally:
                sql.execute(
                    "UPDATE amazon_order SET country = 'GB' WHERE account_id = %s AND ref = %s", [shop.account, row.ref]
                )
    said(laws(pages, house), Outcome.PASS)


def version() -> Verdict:
    from strongroom.policy.data_governance import checks

    return checks.what_runs_was_approved(None)  # type: ignore[arg-type]  # it looks at rows alone


def test_a_version_put_there_past_its_approval_is_seen(house: House) -> None:
    said(version(), Outcome.PASS, "is the one that the journal has")
    with unguarded(house) as sql:
        (number, digest) = newest(sql)
        sql.execute("UPDATE policy_version SET digest = %s WHERE number = %s", [hashlib.sha256(b"x").digest(), number])
        try:
            said(version(), Outcome.FAIL, f"Version {number} of the policy in the database is not the one")
        finally:
            sql.execute("UPDATE policy_version SET digest = %s WHERE number = %s", [digest, number])
        sql.execute(
            "INSERT INTO policy_version (number, content, digest, since) VALUES (%s, %s, %s, now())",
            [number + 1, json.dumps({}), hashlib.sha256(b"{}").digest()],
        )
        try:
            said(version(), Outcome.FAIL)
        finally:
            sql.execute("DELETE FROM policy_version WHERE number = %s", [number + 1])
    said(version(), Outcome.PASS)


def newest(sql: psycopg.Connection[Any]) -> tuple[int, bytes]:
    row = sql.execute("SELECT number, digest FROM policy_version ORDER BY number DESC LIMIT 1").fetchone()
    assert row is not None
    return int(row[0]), bytes(row[1])
