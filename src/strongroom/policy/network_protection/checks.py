"""What shows that the firewall stands, and that every door asks who is there (NP-1, NP-2)."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import httpx

from strongroom.formats.verdict import Look as Seen
from strongroom.policy.clauses import pages
from strongroom.policy.clauses.controls import Check, Look, Route, Verdict, failed, passed, unknown
from strongroom.policy.clauses.pages import NoAnswer, Visitor
from strongroom.policy.network_protection.doors import PUBLIC, SIGN_IN
from strongroom.policy.obligations.inspected import PATIENCE, look_at

NOTHING: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNAUTHORIZED})
"""Answers that give nothing to whoever asks."""
NOT_OURS: Final = ("/admin/", "/static/", "/.git/config", "/journal/checkpoint")
"""What people try that have no business here; each is nothing, or asks who is there."""


def the_kernel_holds_our_rules(look: Look) -> Verdict:
    """Our table in the kernel against the one that our allow-list makes, as the inspector compares them."""
    return look_at(look, Seen.FIREWALL)


def every_door_asks(look: Look) -> Verdict:
    """Every route by GET and, with a form's token, by POST, as nobody: sign-in, nothing, or one of the public pages."""
    if not look.routes:
        return unknown("No route is known, so no door was tried.")
    undeclared = [
        route.pattern for route in look.routes if route.permission == "public" and route.pattern not in PUBLIC
    ]
    try:
        with Visitor(look.address, look.ca) as visitor:
            tried = list(_try_every_door(look, visitor))
    except NoAnswer as why:
        return unknown(f"The website does not answer: {why}.")
    open_ = [path for path, answer in tried if not _asks(answer)]
    seen = {"routes": len(look.routes), "doors": len(tried), "open": len(open_), "undeclared": len(undeclared)}
    if open_:
        return failed(f"{len(open_):,} doors open to whoever comes, without asking who is there.", **seen)
    if undeclared:
        return failed(f"{len(undeclared):,} routes are public that are not meant to be.", **seen)
    return passed(f"{len(tried):,} doors tried as nobody: each asks who is there or gives nothing.", **seen)


def _try_every_door(look: Look, visitor: Visitor) -> Iterator[tuple[str, httpx.Response]]:
    page = visitor.get(SIGN_IN)
    if page.status_code != HTTPStatus.OK or pages.TOKEN.search(page.text) is None:
        raise NoAnswer("no sign-in page")
    for route in look.routes:
        if _is_meant_to_be_open(route):
            continue
        path = pages.path_of(route.pattern)
        yield f"GET {path}", visitor.get(path)
        yield f"POST {path}", visitor.post(path, page)
    for path in NOT_OURS:
        yield f"GET {path}", visitor.get(path)


def _is_meant_to_be_open(route: Route) -> bool:
    return route.permission == "public" and route.pattern in PUBLIC


def _asks(answer: httpx.Response) -> bool:
    return answer.status_code in NOTHING or pages.leads_to(answer) == SIGN_IN


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "NP-1.rules",
        passes="The kernel holds the firewall rules that the allow-list makes, and none among them that nobody made.",
        fails="The firewall's rules in the kernel are not those that the allow-list makes.",
        run=the_kernel_holds_our_rules,
        patience=PATIENCE,
        needs=Seen.FIREWALL,
    ),
    Check(
        "NP-2.crawl",
        passes="Nobody reaches anything without signing in but the public pages.",
        fails="A door opens without asking who is there.",
        run=every_door_asks,
    ),
)
