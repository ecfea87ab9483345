"""Publishing: a person gives the public what runs; the files, their sums, the journal, and who is refused (DG-4)."""

import hashlib
import html
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from django.test import override_settings

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy.clauses.clauses import all_clauses
from tests.house.running import House
from tests.policy.people import Somebody, as_website, browser, get, post, words
from tests.policy.publishing import HEAD, QUILLMARSH, STRICTER, current, data, publish, put_in_force
from tests.policy.test_sign_in_people import journalled


@pytest.fixture(autouse=True)
def as_it_was(house: House) -> Iterator[None]:
    """Afterwards the terms are those that came with Strongroom."""
    from strongroom.policy.obligations.versions import InForce

    yield
    if any(profile.id == "quillmarsh" for profile in InForce()().profiles):
        put_in_force(house, {})


def test_an_edition_is_whole_and_its_sums_are_in_the_journal(house: House) -> None:
    made = publish(house)
    checked = subprocess.run(
        ["sha256sum", "-c", "policy.sums"], cwd=current(house), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout.count(": OK")) == (0, 5), checked.stderr
    entry = journalled(Kind.POLICY_PUBLISHED)[-1]
    sums = hashlib.sha256((current(house) / "policy.sums").read_bytes()).digest()
    assert entry.facts == {Fact.VERSION: made.version, Fact.COUNT: made.number, Fact.HASH: sums}
    assert made.sha256 == sums


def test_a_stranger_gets_exactly_those_bytes_and_nothing_else(house: House) -> None:
    publish(house)
    types = {
        "policy.html": "text/html; charset=utf-8", "privacy.html": "text/html; charset=utf-8",
        "policy.pdf": "application/pdf", "privacy.pdf": "application/pdf", "policy.json": "application/json",
        "policy.sums": "text/plain; charset=us-ascii",
    }  # fmt: skip
    with as_website(house):
        for name, type_ in types.items():
            answer = get(browser(), "/" + name.removesuffix(".html"))
            assert answer.content == (current(house) / name).read_bytes(), name
            assert answer["Content-Type"] == type_
            assert not answer.cookies, "a stranger is not marked"
            assert answer["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; img-src 'self';")
            assert "script-src" not in answer["Content-Security-Policy"]


def test_no_page_of_the_office_loosens_its_own_policy(house: House) -> None:
    with as_website(house):
        answer = get(browser(), "/sign-in")
        assert re.search(r"script-src 'self' 'nonce-[\w-]+'", answer["Content-Security-Policy"])


def test_before_anything_is_published_the_page_says_so(house: House, tmp_path: Path) -> None:
    with as_website(house), override_settings(DATA=tmp_path):
        answer = get(browser(), "/policy")
    assert answer.status_code == 404
    assert "No policy is published here yet" in words(answer)


def test_every_clause_and_every_number_stands_on_the_page(house: House) -> None:
    from strongroom.policy.clauses import terms

    publish(house)
    page = (current(house) / "policy.html").read_text()
    said = {id_ for found in re.findall(r'class="clause-no">([^<]+)<', page) for id_ in found.split(", ")}
    assert said == set(all_clauses())
    in_table = dict(re.findall(r'<tr id="n-([\w-]+)">.*?<data[^>]*>([^<]*)</data>', page))
    assert set(in_table) == {term.name for term in terms.in_force().all()}
    assert in_table["remove_pii_after"] == "30 days"


def test_a_term_is_underlined_and_leads_to_its_number(house: House) -> None:
    publish(house)
    for name, begins in (("policy", "#"), ("privacy", "/policy#")):
        page = (current(house) / f"{name}.html").read_text()
        assert f'<a class="term" href="{begins}n-remove_pii_after"><data value="&quot;30 days&quot;"' in page


def test_the_page_needs_nothing_but_our_style_sheet(house: House) -> None:
    publish(house)
    for name in ("policy.html", "privacy.html"):
        page = (current(house) / name).read_text()
        assert re.findall(r'<(?:link|script|img|iframe|form)[^>]*?(?:href|src|action)="([^"]+)"', page) == [
            "/static/mark.svg", "/static/site.css",
        ]  # fmt: skip
        assert "<script" not in page
        assert 'style="' not in page


def test_the_pdf_says_the_same_words_with_its_pages_numbered(house: House) -> None:
    publish(house)
    for name in ("policy", "privacy"):
        pdf = pypdfium2.PdfDocument((current(house) / f"{name}.pdf").read_bytes())
        text = [page.get_textpage().get_text_range() for page in pdf]
        for number, each in enumerate(text, 1):
            assert f"Page {number} of {len(text)}" in each
            assert "rehearsal: everything here is invented" in each
        (article,) = re.findall("<article>.*</article>", (current(house) / f"{name}.html").read_text(), re.DOTALL)
        said = [said for _, said in re.findall(r"<(p|h1|h2|dt|dd|li|td)\b[^>]*>(.*?)</\1>", article, re.DOTALL)]
        assert len(said) > 50
        printed = bare("".join(re.sub(r"Quillmarsh Toys · version.*|Page \d+ of \d+", "", each) for each in text))
        for block in said:
            assert bare(html.unescape(re.sub(r"<[^>]+>", "", block))) in printed, block
        about = pdf.get_metadata_dict()
        assert about["Author"] == "Quillmarsh Toys"
        assert about["Title"].endswith(" - Quillmarsh Toys")
        assert "Version " in about["Subject"]
        assert about["CreationDate"].startswith(f"D:{house.now():%Y%m%d}")
        assert len(list(pdf.get_toc())) > 6, "an outline to find one's way"


def bare(text: str) -> str:
    """Letters and digits alone: how lines are broken is paper's affair."""
    return re.sub(r"[^A-Za-z0-9]+", "", text)


def test_the_same_document_is_the_same_file(house: House) -> None:
    from strongroom.policy.clauses import terms
    from strongroom.policy.data_governance import actions, publication

    with as_website(house):
        edition, files = actions.render(publisher=QUILLMARSH, data=data(house), terms=terms.in_force())
        assert (
            publication.render(QUILLMARSH, edition, terms.in_force(), publication.before(data(house), edition.version))
            == files
        )


def test_what_a_company_promises_besides_is_on_the_page(house: House) -> None:
    text = HEAD + (
        '[terms.cameras_kept]\nclause = "GS-1"\nkind = "duration"\nvalue = "9 days"\nwords = "pictures of our cameras go after"\n'
        '[terms.explain_opening]\nvalue = "2 days"\n'
        'except = [{ scope = { role = "security" }, value = "12 hours", because = "they are on call" }]\n'
    )
    put_in_force(house, {"quillmarsh.toml": text})
    publish(house)
    page = bare(html.unescape(re.sub(r"<[^>]+>", "", (current(house) / "policy.html").read_text())))
    for sentence in (
        "Pictures of our cameras go after: 9 days.", "(for role security): 12 hours; they are on call.",
        "explains it within 2 days",
    ):  # fmt: skip
        assert bare(sentence) in page, sentence


def test_a_new_version_says_what_changed_since_the_last(house: House) -> None:
    publish(house)
    put_in_force(house, STRICTER)
    made = publish(house)
    page = re.sub(r"<[^>]+>", "", (current(house) / "policy.html").read_text())
    assert f"Against version {made.version - 1}:" in page
    assert "Lock after failures AM-8: was 5, is now 4." in page
    assert "Lock after failures AM-8: was 5, is now 4." in re.sub(
        r"<[^>]+>", "", (publish(house), current(house) / "policy.html")[1].read_text()
    ), "published again, it still says so"


def test_publishing_does_the_duty_that_a_change_started(house: House) -> None:
    from strongroom.policy.obligations.models import Evidence, Obligation

    put_in_force(house, STRICTER)
    open_now = Obligation.objects.open().filter(account_id=0, duty="publish_policy")
    assert open_now.count() == 1
    made = publish(house)
    assert open_now.count() == 0
    shown = Evidence.objects.filter(account_id=0, duty="publish_policy").order_by("-received_at").first()
    assert shown is not None
    assert bytes(shown.document_sha256 or b"") == made.sha256


def test_editions_are_kept_and_never_half_there(house: House) -> None:
    from strongroom.policy.data_governance import publication

    made = publish(house)
    before = (current(house) / "policy.html").read_bytes()
    with pytest.raises(FileExistsError):
        publication.write(data(house), made.number, {"policy.html": b"another"})
    assert (current(house) / "policy.html").read_bytes() == before
    publication.write(data(house), made.number + 50, {"policy.html": b"not served yet"})
    assert (current(house) / "policy.html").read_bytes() == before, "written is not served"
    assert not list((data(house) / "published").glob(".new-*"))
    assert publish(house).number == made.number + 51


def test_what_a_crash_left_between_journal_and_service_is_seen_as_older(house: House) -> None:
    """The journal first: an edition that was journalled and never served is told apart by its sums (see test_dg4)."""
    made = publish(house)
    assert journalled(Kind.POLICY_PUBLISHED)[-1].facts[Fact.COUNT] == made.number
    assert json.loads((current(house) / "policy.json").read_text())["edition"] == made.number


@pytest.mark.parametrize("spoilt", [{"name": "Strongroom"}, {"name": ""}, {"contacts": ()}])
def test_a_page_of_nobody_is_not_published(house: House, spoilt: dict[str, Any]) -> None:
    before = len(journalled(Kind.POLICY_PUBLISHED))
    with pytest.raises(Refused, match=r"set name and contacts in \[company\]"):
        publish(house, replace(QUILLMARSH, **spoilt))
    assert len(journalled(Kind.POLICY_PUBLISHED)) == before


def test_letters_that_the_pdf_has_not_are_refused_aloud(house: House) -> None:
    with pytest.raises(Refused, match=r"no letters for U\+5BB6"):
        publish(house, replace(QUILLMARSH, name="家 Toys"))


def test_a_name_that_would_be_markup_is_text(house: House) -> None:
    from strongroom.policy.clauses import terms
    from strongroom.policy.data_governance import actions

    with as_website(house):
        bad = replace(QUILLMARSH, name='<script>alert("x")</script> & Sons', contacts=('"><img src=x>@x.invalid',))
        _, files = actions.render(publisher=bad, data=data(house), terms=terms.in_force())
    for name in ("policy.html", "privacy.html"):
        assert b"<script" not in files[name]
        assert b"<img" not in files[name]
        assert b"&lt;script&gt;" in files[name]


def test_somebody_without_the_right_publishes_nothing(house: House) -> None:
    from strongroom.policy.data_governance import actions

    before = len(journalled(Kind.POLICY_PUBLISHED))
    with as_website(house):
        for role in ("packer", "support", "auditor", "manager"):
            with pytest.raises(Refused, match="Your role does not include this"):
                actions.publish(publisher=QUILLMARSH, data=data(house), by=Somebody(role).now())
    assert len(journalled(Kind.POLICY_PUBLISHED)) == before


def test_the_office_publishes_by_a_button_after_a_recent_factor(house: House) -> None:
    publish(house)
    made = put_in_force(house, STRICTER)
    with as_website(house):
        security = Somebody("security")
        security.sign_in()
        office = words(get(security.browser, "/policy/office"))
        assert "The public pages are older than what runs" in office
        assert "Lock after failures" in office
        assert f"Publish version {made.number} as edition" in office
        looked = get(security.browser, "/policy/preview/policy")
        assert "was 5, is now 4" in re.sub(r"<[^>]+>", "", words(looked))
        assert looked["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        stale = post(security.browser, "/policy/publish", version=str(made.number - 1))
        assert (stale.status_code, "Another version came into force" in words(stale)) == (403, True)
        assert post(security.browser, "/policy/publish", version=str(made.number)).status_code == 302
        after = words(get(security.browser, "/policy/office"))
        assert f"Version {made.number} is public as edition" in after
        assert "The public reads what runs" in after


def test_without_a_recent_factor_the_button_asks_for_one(house: House) -> None:
    from strongroom.policy.access_management import sessions

    before = len(journalled(Kind.POLICY_PUBLISHED))
    with as_website(house):
        security = Somebody("security")
        security.sign_in()
        session = security.browser.session
        session[sessions.FACTOR_AT] = 0
        session.save()
        answer = post(security.browser, "/policy/publish", version="1")
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/step-up")
    assert len(journalled(Kind.POLICY_PUBLISHED)) == before


def test_whoever_may_not_publish_sees_no_button(house: House) -> None:
    publish(house)
    with as_website(house):
        manager = Somebody("manager")
        manager.sign_in()
        page = words(get(manager.browser, "/policy/office"))
        assert "The public reads what runs" in page
        assert "Publish version" not in page
        assert post(manager.browser, "/policy/publish", version="1").status_code == 403
        packer = Somebody("packer")
        packer.sign_in()
        assert get(packer.browser, "/policy/office").status_code == 403
        assert get(packer.browser, "/policy/answers").status_code == 403
