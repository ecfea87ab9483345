"""What shows that doors shut: after wrong answers, at the word of one who may, and without a second factor."""

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from strongroom.formats.leaf import Actor, Kind
from strongroom.policy import definitions
from strongroom.policy.access_management import visiting
from strongroom.policy.access_management.lockout import LOCKED
from strongroom.policy.access_management.visiting import NoProbe
from strongroom.policy.clauses import asking, pages, terms
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown, unused
from strongroom.policy.clauses.pages import NoAnswer, Visitor
from strongroom.policy.least_privilege.actions import wall_now
from strongroom.policy.logging_and_monitoring import journal

OPEN_PAGE: Final = "/orders/"
"""A page that the probe's role reaches."""
GRACE: Final = timedelta(minutes=15)
"""How long somebody who chose a password has to add their factor."""
FACTORS: Final = {1: "passkey", 2: "password and code", 3: "password and code"}
"""What each number in a session's row means in the words of the term; a recovery code stands for the app's."""
ONE_FACTOR: Final = """
SELECT count(*), count(*) FILTER (WHERE coalesce(p.password_set_at, p.created_at) < %s AND NOT EXISTS (
                                  SELECT 1 FROM mfa_authenticator f WHERE f.user_id = p.id
                                  AND f.type IN ('webauthn', 'totp')))
FROM person p WHERE p.is_active AND p.password NOT LIKE '!%%'
"""
"""People with a password, and those whose password alone lets them in."""
UNLOCKED: Final = "SELECT count(*) FROM person WHERE failures >= %s AND locked_at IS NULL AND is_active"


def wrong_answers_lock(look: Look) -> Verdict:
    """Wrong answers over HTTPS for an address of nobody: as many as the term says are looked at, the next is not."""
    most = terms.count("lock_after_failures")
    uncounted = asking.value(UNLOCKED, most) or 0
    if uncounted:
        return failed(f"{uncounted:,} people gave {most} wrong answers and are not locked.", unlocked=uncounted)
    said: list[bool] = []
    try:
        with Visitor(look.address, look.ca, comes_from=_from_nowhere(look)) as visitor:
            email, page = f"{secrets.token_hex(12)}@reserved.invalid", visitor.get("/sign-in")
            for _ in range(most + 1):
                answer = visitor.post("/sign-in", page, email=email, password=secrets.token_urlsafe(12))
                if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                    return unknown("The website takes no more tries from this machine for a while.", tries=len(said))
                said.append(LOCKED in answer.text)
    except NoAnswer as why:
        return unknown(f"The sign-in page does not answer: {why}.")
    seen = {"tries": len(said), "locked": sum(said), "most": most}
    if not said[-1]:
        return failed(f"The account is not locked after {most} wrong answers.", **seen)
    if any(said[:-1]):
        return failed(f"The account is locked before {most} wrong answers.", **seen)
    return passed(f"After {most} wrong answers the account is locked.", **seen)


@dataclass(frozen=True)
class _Ending:
    """What became of access that was taken: after how many seconds it was shut, if it was."""

    rested: float | None
    came_back: bool
    is_written: bool
    ended: float | None = None
    doors: int = 0


def access_ends_at_a_word(look: Look) -> Verdict:
    """The probe's role rests, then its session ends: by its cookie every page must be shut within the term."""
    within = terms.span("revoke_within").total_seconds()
    asking.value("SELECT rest_probe(NULL)")  # where a look before this one was killed
    try:
        with visiting.as_probe(look) as visitor:
            if visitor.get(OPEN_PAGE).status_code != HTTPStatus.OK:
                return unknown("The probe does not reach its own page, so nothing can be taken from it.")
            found = _take_away(look, visitor, within)
    except (NoAnswer, NoProbe) as why:
        return unknown(f"The website keeps no session for the checks, or does not answer: {type(why).__name__}.")
    return _judged(found, within)


def _take_away(look: Look, visitor: Visitor, within: float) -> _Ending:
    with _resting(look):
        rested = _refused_after(visitor, within, HTTPStatus.FORBIDDEN)
    came_back = visitor.get(OPEN_PAGE).status_code == HTTPStatus.OK
    if not asking.value("SELECT end_probe_session(%s)", wall_now()):
        return _Ending(rested, came_back, is_written=False)
    ended = _refused_after(visitor, within, HTTPStatus.FOUND)
    doors = 0 if ended is None else _doors_still_open(look, visitor)
    return _Ending(rested, came_back, is_written=True, ended=ended, doors=doors)


def _judged(found: _Ending, within: float) -> Verdict:
    seen = {"rested": _in_words(found.rested), "ended": _in_words(found.ended), "doors": str(found.doors)}
    if found.rested is None:
        return failed(f"A role that was taken away is still worth something after {within:.0f} s.", **seen)
    if not found.is_written:
        return failed("A session was ended, and its row lives on.", **seen)
    if found.ended is None:
        return failed(f"A session that was ended still opens a page after {within:.0f} s.", **seen)
    if found.doors:
        return failed(f"{found.doors:,} pages still open to a session that was ended.", **seen)
    if not found.came_back:
        return unknown("The probe's role did not come back to it.", **seen)
    longest = max(found.rested, found.ended)
    return passed(f"A role and a session ended within {longest:.1f} s, for every page.", **seen)


def everybody_has_two_factors(look: Look) -> Verdict:  # noqa: ARG001 - sessions are in wall time
    """People whom a password alone would let in, and living sessions that began otherwise than the term allows."""
    people, alone = asking.first(ONE_FACTOR, wall_now() - GRACE) or (0, 0)
    allowed = [number for number, words in FACTORS.items() if words in terms.in_force().listed("factors_allowed")]
    living, odd = asking.first(
        "SELECT count(*), count(*) FILTER (WHERE s.factor <> ALL (%s)) FROM signed_in s"
        " JOIN person p ON p.id = s.person_id WHERE s.ended_at IS NULL AND NOT p.is_synthetic",
        allowed,
    ) or (0, 0)  # fmt: skip
    way_in = asking.value(
        "SELECT count(*) FROM mfa_authenticator f JOIN person p ON p.id = f.user_id WHERE p.is_synthetic"
    )
    seen = {"passwords": people, "alone": alone, "sessions": living, "odd": odd}
    if alone:
        return failed(f"{alone:,} people have a password and no second factor.", **seen)
    if odd or way_in:
        return failed(f"{odd + (way_in or 0):,} sessions or logins came about without two factors.", **seen)
    if not people and not living:
        return unused("Nobody is here yet.", **seen)
    return passed(
        f"{people:,} people with a password have a second factor; {living:,} sessions began with two.", **seen
    )


def passwords_are_as_asked(look: Look) -> Verdict:  # noqa: ARG001 - a password's age is in wall time
    """How old passwords are, how they are kept, and that the database remembers those before."""
    oldest = wall_now() - terms.span("password_lives")
    row = asking.first(
        "SELECT count(*), count(*) FILTER (WHERE coalesce(password_set_at, created_at) < %s),"
        " count(*) FILTER (WHERE password NOT LIKE 'argon2$argon2id$%%') FROM person"
        " WHERE is_active AND password NOT LIKE '!%%'", oldest,
    )  # fmt: skip
    people, old, weak = row or (0, 0, 0)
    remembers = asking.value(
        "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'person'::regclass AND tgname = 'password_is_remembered'"
        " AND tgenabled IN ('O', 'A')"
    )
    seen = {"passwords": people, "old": old, "weak": weak, "remembers": remembers or 0}
    if not remembers:
        return failed("The database does not remember the passwords before, so one may be taken again.", **seen)
    if old or weak:
        return failed(f"{old:,} passwords are older than their term, {weak:,} are not kept as argon2id.", **seen)
    if not people:
        return unused("Nobody has a password.", **seen)
    return passed(f"{people:,} passwords, none older than its term; the ones before are remembered.", **seen)


def _from_nowhere(look: Look) -> str:
    """An address of this machine that nobody else asks from, so that the tries count against nobody's place."""
    if not pages.is_here(look.address):
        return ""
    a, b, c = secrets.token_bytes(3)
    return f"127.{1 + a % 254}.{b}.{1 + c % 254}"


@contextlib.contextmanager
def _resting(look: Look) -> Iterator[None]:
    """Within this the probe's role rests; each is journalled like anybody's."""
    _rest(look.now)
    try:
        yield
    finally:
        _rest(None)


def _rest(at: datetime | None) -> None:
    kind = Kind.GRANT_RESTORED if at is None else Kind.GRANT_SUSPENDED
    asking.value("SELECT rest_probe(%s)", at)
    journal.record_committed(kind, by=Actor.WATCH.reference, account=definitions.PROBES)


def _refused_after(visitor: Visitor, within: float, wanted: HTTPStatus) -> float | None:
    """After how many seconds the page is shut; nothing where it is not within the term."""
    began = time.monotonic()
    while True:
        answer = visitor.get(OPEN_PAGE)
        is_shut = answer.status_code == wanted and (wanted != HTTPStatus.FOUND or pages.leads_to(answer) == "/sign-in")
        if is_shut:
            return time.monotonic() - began
        if time.monotonic() - began > within:
            return None
        time.sleep(0.5)


def _doors_still_open(look: Look, visitor: Visitor) -> int:
    """Routes that ask who is there and let the ended session in all the same."""
    asks = [route for route in look.routes if route.permission not in ("public", "")]
    return sum(pages.leads_to(visitor.get(pages.path_of(route.pattern))) != "/sign-in" for route in asks)


def _in_words(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


CHECKS: Final = (
    Check(
        "AM-8.lockout",
        passes="Wrong answers lock an account at the number that the policy says.",
        fails="An account takes more wrong answers than the policy says.",
        run=wrong_answers_lock,
    ),
    Check(
        "AM-10.revoked",
        passes="A role and a session that end are worth nothing within the time that the policy says.",
        fails="Access that was taken away still opens a page.",
        run=access_ends_at_a_word,
        patience=timedelta(minutes=3),
    ),
    Check(
        "AZ-1.factors",
        passes="Nobody is let in by one factor.",
        fails="Somebody has, or came in by, one factor.",
        run=everybody_has_two_factors,
    ),
    Check(
        "AZ-2.passwords",
        passes="No password is older than its term, and none before it is taken again.",
        fails="A password is older than its term, or the ones before are not remembered.",
        run=passwords_are_as_asked,
    ),
)  # fmt: skip
