"""What shows by the probe, a customer who does not exist, that nobody sees more than they need (AM-1, AM-7).

What is on the probe's pages is compared with what was sealed of it: a word of it in a wrong place is a leak.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final
from uuid import UUID

import httpx

from strongroom.formats.parts import OPENS, Peer, Purpose
from strongroom.formats.refused import Refused
from strongroom.policy.access_management.visiting import NoProbe, as_probe
from strongroom.policy.clauses import pages
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown
from strongroom.policy.clauses.pages import NoAnswer, Visitor
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.definitions import PROBES
from strongroom.policy.encryption_and_storage import actions as storage
from strongroom.policy.encryption_and_storage.connection import Forgotten, Unavailable
from strongroom.policy.least_privilege.roles import ROLES, Role
from strongroom.policy.retention_and_recovery import probe
from strongroom.policy.retention_and_recovery.checks import visits

MAY: Final = ROLES[Role.PROBE].permissions
NOT_ON_THE_PAGE: Final = frozenset({"address_type"})
"""Opened with an address, and nothing that a person reads."""


def each_purpose_opens_its_fields(look: Look) -> Verdict:
    """The probe opened for each purpose by whoever may ask for it: its fields, all of them, and no others."""
    try:
        ref, known = visits.order()
        wrong = [purpose for purpose in Purpose if not _worker_is_kept_to(ref, purpose)]
        with as_probe(look) as visitor:
            pages_ = {p: visits.reveal(visitor, ref, p) for p in Purpose if Peer.WEB in OPENS[p].peers}
        wrong += [purpose for purpose, page in pages_.items() if not _shows_its_fields(page, known, purpose)]
    except (NoAnswer, NoProbe, visits.NoOrder, Forgotten, Unavailable) as why:
        return unknown(f"The probe could not be opened: {type(why).__name__}.")
    if wrong:
        words = OPENS[wrong[0]].words.lower()
        return failed(f"The purpose '{words}' opens other fields than it should, or to another.", purposes=len(wrong))
    return passed(f"Each of {len(Purpose)} purposes opens its own fields, for whoever may ask.", purposes=len(Purpose))


def the_role_reaches_its_pages_and_no_others(look: Look) -> Verdict:
    """Every route that the probe's role does not include, asked for by its session: refused, each of them."""
    closed = [r for r in look.routes if r.permission not in _open_to_the_probe()]
    try:
        with as_probe(look) as visitor:
            answers = [visitor.get(pages.path_of(route.pattern)) for route in closed]
            reached = visitor.get("/orders/").status_code == HTTPStatus.OK
    except (NoAnswer, NoProbe) as why:
        return unknown(f"The website could not be asked: {type(why).__name__}.")
    open_ = [route for route, answer in zip(closed, answers, strict=True) if answer.status_code != HTTPStatus.FORBIDDEN]
    seen = {"routes": len(closed), "open": len(open_)}
    if open_:
        return failed(f"{len(open_):,} routes open to a role that does not include them.", **seen)
    if not reached or not closed:
        return unknown("The role reaches nothing at all, so what is refused shows nothing.", **seen)
    return passed(f"{len(closed):,} routes are refused to a role that does not include them.", **seen)


def no_page_is_a_file(look: Look) -> Verdict:
    """Every route as the probe: nothing is handed out as a file or may be kept; its words stand in its opening only."""
    try:
        ref, known = visits.order()
        with as_probe(look) as visitor:
            answers = list(_every_page(look, visitor, ref))
            opened = visits.reveal(visitor, ref, Purpose.DELIVERY)
    except (NoAnswer, NoProbe, visits.NoOrder) as why:
        return unknown(f"The website could not be asked: {type(why).__name__}.")
    words = {word.casefold() for part in known.values() for word in part.values()}
    files = [path for path, answer in answers if "content-disposition" in answer.headers]
    kept = [path for path, answer in (*answers, ("reveal", opened)) if not _is_kept_nowhere(answer)]
    leaks = [path for path, answer in answers if any(word in answer.text.casefold() for word in words)]
    seen = {"pages": len(answers), "files": len(files), "kept": len(kept), "leaks": len(leaks)}
    if files:
        return failed(f"{len(files):,} pages are handed out as a file.", **seen)
    if leaks:
        return failed(f"{len(leaks):,} pages hold a customer without an opening.", **seen)
    if kept:
        return failed(f"{len(kept):,} pages may be kept by whoever reads them.", **seen)
    if not any(word in opened.text.casefold() for word in words):
        return unknown(f"The opening shows nothing: it answers {opened.status_code}.", **seen)
    return passed(f"{len(answers):,} pages: none is a file, none is kept, and none holds a customer.", **seen)


def _shows_its_fields(page: httpx.Response, known: visits.Known, purpose: Purpose) -> bool:
    """Whether a page shows this purpose's fields, and no word of any other field or part."""
    opens = OPENS[purpose]
    mine = {name for name in opens.fields if name not in NOT_ON_THE_PAGE}
    for part, fields in known.items():
        for name, word in fields.items():
            if (word in page.text) != (part is opens.part and name in mine):
                return False
    return page.status_code == HTTPStatus.OK


def _worker_is_kept_to(ref: UUID, purpose: Purpose) -> bool:
    """Whether this process, the worker, gets a purpose's very fields where it may ask, and a refusal where not."""
    opens = OPENS[purpose]
    if Peer.WORKER in opens.peers:
        told = storage.open_for(account=PROBES, order=ref, purpose=purpose, by=visits.BY).fields
        return set(told) == set(opens.fields) and probe.shows(told, ref, opens.part)
    return isinstance(visits.ask(ref, purpose, claims=purpose), Refused)


def _every_page(look: Look, visitor: Visitor, ref: UUID) -> Iterator[tuple[str, httpx.Response]]:
    """Every route, asked for once."""
    known = {"ref": str(ref), "id_": "AM-7", "name": "walk_sites"}
    for route in look.routes:
        path = pages.path_of(route.pattern, known)
        yield path, visitor.get(path)


def _is_kept_nowhere(answer: httpx.Response) -> bool:
    return "no-store" in answer.headers.get("cache-control", "") and "etag" not in answer.headers


def _open_to_the_probe() -> set[str]:
    return {Permission.PUBLIC, Permission.SIGNED_IN, Permission.MACHINE, *MAY}


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "AM-1.fields",
        passes="Every purpose opens its own fields, for the process that may ask, and no others.",
        fails="A purpose opens fields that it does not need, or opens for another process.",
        run=each_purpose_opens_its_fields,
    ),
    Check(
        "AM-1.pages",
        passes="A role reaches its own pages and is refused every other.",
        fails="A page opens to a role that does not include it.",
        run=the_role_reaches_its_pages_and_no_others,
    ),
    Check(
        "AM-7.crawl",
        passes="No page is a file, none may be kept, and no customer stands on any but an opening.",
        fails="A page hands out a file, may be kept, or shows a customer without an opening.",
        run=no_page_is_a_file,
    ),
)
