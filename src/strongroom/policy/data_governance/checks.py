"""What shows that the public pages are what runs: fetched over TLS as a stranger would, read, and compared (DG-4)."""

import hashlib
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx

from strongroom.formats import leaf
from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.malformed import Malformed
from strongroom.policy.clauses import asking, terms, values
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown
from strongroom.policy.clauses.terms import Term
from strongroom.policy.data_governance import document, places, publication, reading
from strongroom.policy.data_governance.reading import Page, Said
from strongroom.policy.logging_and_monitoring.tree import PublishedTree, read_key

PATHS: Final = {
    "policy.html": "/policy", "policy.pdf": "/policy.pdf", "privacy.html": "/privacy", "privacy.pdf": "/privacy.pdf",
    publication.FACTS: "/policy.json", publication.SUMS: "/policy.sums",
}  # fmt: skip
"""Where a stranger finds each file."""
PLACED_WITHIN: Final = 5.0
"""Seconds in which a publication gets its place under a signed head."""
MOST: Final = 4 * 1024 * 1024
NEWEST: Final = """
SELECT e.payload, l.index FROM entry e LEFT JOIN leaf l ON l.account_id = e.account_id AND l.entry = e.id
WHERE e.account_id = 0 AND e.kind = %s ORDER BY e.at DESC LIMIT 1
"""
UNCOVERED: Final = """
SELECT DISTINCT country FROM amazon_order WHERE account_id > 0 AND country IS NOT NULL AND country <> ALL (%s::text[])
ORDER BY country LIMIT 10
"""

Files = Mapping[str, bytes]


class _Differs(Exception):
    """The page is not what runs; the message says how, in plain words."""


class _CannotSay(Exception):
    """It could not be looked at; the message says why."""


def the_public_pages_are_what_runs(look: Look) -> Verdict:
    """Each file fetched, its sum compared with the journal's leaf, each stated term with the terms in force."""
    try:
        files = _fetch(look)
        number = _are_as_journalled(files, look)
        policy, privacy = reading.read(files["policy.html"]), reading.read(files["privacy.html"])
        stated = _states_what_runs(policy, whole=True) + _states_what_runs(privacy, whole=False)
        _is_of_today(json.loads(files[publication.FACTS]), policy, privacy, look)
    except _Differs as why:
        return failed(str(why))
    except _CannotSay as why:
        return unknown(str(why))
    version = terms.in_force().number
    words = f"Edition {number} states {stated} terms, all as they run (version {version}); its sums are in the journal."
    return passed(words, edition=number, version=version, stated=stated)


def every_law_that_applies_is_listed(look: Look) -> Verdict:
    """The laws on the privacy page against those of the company's countries, and of the countries orders went to."""
    try:
        files = _fetch(look, "privacy.html", publication.FACTS)
    except _Differs as why:
        return failed(str(why))
    except _CannotSay as why:
        return unknown(str(why))
    countries = json.loads(files[publication.FACTS]).get("countries", [])
    listed = reading.read(files["privacy.html"]).laws
    wanted = [law for law in terms.in_force().laws() if set(law.where) & set(countries)]
    missing = [law.name for law in wanted if law.id not in listed]
    if missing or not listed:
        return failed(f"The privacy page does not list {missing[0] if missing else 'any law'}.", listed=len(listed))
    covered = [country for law in wanted for country in law.where]
    without = [row[0] for row in asking.rows(UNCOVERED, covered)]
    home = [country for country in countries if country not in covered]
    if home:
        return failed(
            f"No law is listed for {', '.join(home)}, which the company says it sells in.", listed=len(listed)
        )
    if without:
        words = f"Orders went to {', '.join(without)}, for which no law is listed: add it to a profile, or to sells_to."
        return unknown(words, listed=len(listed), without=len(without))
    return passed(f"{len(listed)} laws are listed; orders went to no country without one.", listed=len(listed))


def what_runs_was_approved(_look: Look) -> Verdict:
    """The policy's version in the database against its entry in the journal: the terms are those that were decided."""
    row = asking.first(
        "SELECT v.number, v.digest, e.payload FROM policy_version v LEFT JOIN entry e ON e.account_id = 0"
        " AND e.id = v.entry ORDER BY v.number DESC LIMIT 1"
    )
    if row is None:
        return unknown("The policy has no version yet: the worker notes the first one when it starts.")
    number, digest, payload = row
    facts = leaf.decode_entry(bytes(payload)).facts if payload is not None else {}
    if (facts.get(Fact.VERSION), facts.get(Fact.HASH)) != (number, bytes(digest)):
        return failed(f"Version {number} of the policy in the database is not the one that the journal has.")
    return passed(f"Version {number} of the policy is the one that the journal has.", version=number)


def _fetch(look: Look, *names: str) -> Files:
    """Files as a stranger gets them: TLS by the installation's own authority, no cookie, no redirect, nothing sent."""
    context = ssl.create_default_context(cafile=str(look.ca))
    found = {}
    try:
        with httpx.Client(base_url=look.address, verify=context, timeout=10, trust_env=False) as stranger:
            for name in names or tuple(PATHS):
                answer = stranger.get(PATHS[name])
                if answer.status_code == 404:
                    raise _Differs(f"Nothing is published at {PATHS[name]}.")
                if answer.status_code != 200 or len(answer.content) > MOST:
                    raise _Differs(f"{PATHS[name]} is not open to everybody: it answers {answer.status_code}.")
                if "set-cookie" in answer.headers:
                    raise _Differs(f"{PATHS[name]} sets a cookie, and the privacy page says that it sets none.")
                found[name] = answer.content
    except httpx.HTTPError as why:
        raise _CannotSay(f"The website did not answer: {type(why).__name__}.") from None
    return found


def _are_as_journalled(files: Files, look: Look) -> int:
    """Each file against the sums, the sums against the leaf of the newest publication; the edition's number."""
    facts = _newest_leaf(look)
    if hashlib.sha256(files[publication.SUMS]).digest() != facts.get(Fact.HASH):
        raise _Differs("The list of sums that is served is not the one that was published.")
    try:
        sums = publication.read_sums(files[publication.SUMS])
    except ValueError:
        raise _Differs("The list of sums that is served is none.") from None
    for name in publication.FILES:
        if hashlib.sha256(files[name]).hexdigest() != sums.get(name):
            raise _Differs(f"{PATHS[name]} is not what was published: its SHA-256 is another.")
    return int(facts.get(Fact.COUNT, 0))


def _newest_leaf(look: Look) -> leaf.Facts:
    """What the tree itself says of the newest publication. One made a moment ago is waited for: its head is signed
    within a second, and to be unknown until the next run would say less than can be known.
    """
    until = time.monotonic() + PLACED_WITHIN
    while True:
        row = asking.first(NEWEST, int(Kind.POLICY_PUBLISHED))
        if row is None:
            raise _Differs("The journal knows of no publication.")
        payload, index = row
        tree = _tree(look)
        if index is not None and index < tree.size:
            facts = tree.leaf(index).entry.facts
            if facts.get(Fact.HASH) != leaf.decode_entry(bytes(payload)).facts.get(Fact.HASH):
                raise _Differs("The publication's entry and its leaf in the journal differ.")
            return facts
        if time.monotonic() > until:
            raise _CannotSay("The publication has no place in the journal's tree yet.")
        time.sleep(0.1)


def _tree(look: Look) -> PublishedTree:
    try:
        return PublishedTree(look.data / "journal")
    except (Malformed, OSError) as why:
        raise _CannotSay(f"The journal's tree could not be read: {type(why).__name__}.") from None


def _states_what_runs(page: Page, *, whole: bool) -> int:
    """Every term that a page states against the one in force; `whole`: and none in force is left unsaid. How many."""
    running = {(term.name, term.scope_words): term for term in terms.in_force().all()}
    for said in page.terms:
        term = running.get((said.name, said.scope))
        if term is None:
            raise _Differs(f"The page promises {document.title(said.name)}: {said.words}; no such term is in force.")
        _is_the_same(said, term)
    left = set(running) - {(said.name, said.scope) for said in page.terms}
    if whole and left:
        raise _Differs(f"The page is older than what runs: it does not say {document.title(min(left)[0])}.")
    if not page.terms:
        raise _Differs("The page states no term at all.")
    return len(page.terms)


def _is_the_same(said: Said, term: Term) -> None:
    """Both what machines and what people read of it."""
    wanted = json.dumps(values.plain(term.value), sort_keys=True, ensure_ascii=False)
    if said.value != wanted or said.words not in document.ways(term):
        name = document.title(said.name)
        raise _Differs(
            f"The page says {name}: {said.words}; {document.stated(term).words} is in force. Publish it anew."
        )


def _is_of_today(facts: Any, policy: Page, privacy: Page, look: Look) -> None:
    """Version, company and the journal's key are those of now."""
    version = str(terms.in_force().number)
    if {policy.version, privacy.version, str(facts.get("version"))} != {version}:
        raise _Differs(f"The pages are of version {policy.version}; version {version} is in force. Publish them anew.")
    company = asking.value("SELECT company FROM installation WHERE id = 1")
    if {policy.company, privacy.company, facts.get("company")} != {company}:
        raise _Differs("The pages name another company than this installation does. Publish them anew.")
    try:
        read_key(look.data / "journal")
        key = next((look.data / "journal").glob("*.vkey")).read_text(encoding="utf-8").strip()
    except (Malformed, OSError):
        raise _CannotSay("The journal's public key could not be read.") from None
    if facts.get("journal", {}).get("key") != key:
        raise _Differs("The pages name another key of the journal than it has now. Publish them anew.")


CHECKS: Final = (
    *places.CHECKS,
    Check(
        "DG-4.page",
        "The public pages, fetched as a stranger, state every term as it runs, and are what the journal says.",
        "The public pages are missing, edited, or older than what runs.",
        the_public_pages_are_what_runs,
    ),
    Check(
        "DG-4.laws",
        "Every data-protection law of the countries we sit in and sell to is listed.",
        "A law that applies is not on the privacy page.",
        every_law_that_applies_is_listed,
    ),
    Check(
        "DG-4.version",
        "The terms that run are the version that was approved.",
        "The policy's version in the database was altered.",
        what_runs_was_approved,
    ),
)
