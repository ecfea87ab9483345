"""Verdicts of the inspector as verdicts of checks: believed only where another uid wrote them, and only while fresh.

The inspector looks at what this process may not see (files, flags, listeners, mounts) and writes what it saw into a
folder that only its uid may write. Here the owner and mode are looked at again, on the open file. Where one user runs
everything the file is no proof, so a clause that needs it is unknown until `strongroom init`.
"""

import hashlib
import os
import time
import uuid
from datetime import timedelta
from typing import Final

from strongroom.formats import verdict_file
from strongroom.formats.grade import Role, grade
from strongroom.formats.verdict import Look as Seen
from strongroom.formats.verdict import State
from strongroom.formats.verdict import Verdict as Looked
from strongroom.formats.verdict_file import FOLDER, WANTED, Forged, Missing, Unauthenticated
from strongroom.policy import definitions
from strongroom.policy.clauses.controls import Look, Verdict, failed, passed, unknown
from strongroom.policy.obligations.sweeper import raise_alarm

FRESH: Final = timedelta(minutes=30)
"""How old a verdict may be when a check reads it."""
WAIT: Final = 20.0
"""Seconds to wait for the inspector where its verdict is older."""
NEEDS_INIT: Final = "Needs `strongroom init`: here one user runs everything and would vouch for itself."


def look_at(look: Look, which: Seen) -> Verdict:
    """What the inspector says of this look now. A forged file is unknown and an alarm, one too old is unknown."""
    return _word_of(look, which, _fresh(look, which))


def search(look: Look, which: Seen, what: bytes, *, within: float) -> Verdict:
    """The inspector's word on a look that hears what it is asked: only the answer to this very question counts.

    within: seconds to wait. An answer that comes later is the next call's.
    """
    late = _late.pop(which, None)
    if late is not None and (found := _answer(look, which, late)) is not None:
        return _word_of(look, which, found)
    asked = hashlib.sha256(what).hexdigest()
    try:
        verdict_file.want(look.data / WANTED, which, what)
    except OSError as why:
        return unknown(f"The inspector cannot be asked: {why.strerror}.")
    deadline = time.monotonic() + within
    while (found := _answer(look, which, asked)) is None:
        if time.monotonic() > deadline:
            _late[which] = asked
            return unknown("The inspector has not answered yet; its answer is looked for again soon.")
        time.sleep(0.1)
    return _word_of(look, which, found, aged=False)


_late: Final[dict[Seen, str]] = {}


def _answer(look: Look, which: Seen, asked: str) -> Looked | Unauthenticated | Forged | None:
    """The verdict that answers this question, or a forged one; nothing while there is none."""
    uid = grade(look.data).uids.get(Role.INSPECTOR, os.geteuid())
    found = verdict_file.read(look.data / FOLDER, which, uid)
    if isinstance(found, Missing):
        return None
    verdict = _verdict(found)
    return found if verdict is None or verdict.saw.get("asked") == asked else None


def _word_of(
    look: Look, which: Seen, found: Looked | Unauthenticated | Missing | Forged, *, aged: bool = True
) -> Verdict:  # fmt: skip
    match found:
        case Missing(why):
            return unknown(why)
        case Forged(why):
            raise_alarm(account=definitions.INSTALLATION, kind="forged verdict", subject=_named(which), count=1)
            return unknown(f"{why} An alarm was raised.")
        case Unauthenticated(verdict):
            said = _said(look, verdict, aged=aged)
            return unknown(NEEDS_INIT, **dict(said.seen)) if said.outcome == "pass" else said
        case Looked():
            return _said(look, found, aged=aged)


def _fresh(look: Look, which: Seen) -> Looked | Unauthenticated | Missing | Forged:
    """The verdict as it stands, or the one that the inspector writes when asked, where that is older."""
    folder = look.data / FOLDER
    uid = grade(look.data).uids.get(Role.INSPECTOR, os.geteuid())
    found = verdict_file.read(folder, which, uid)
    if _is_fresh(look, found):
        return found
    try:
        verdict_file.want(look.data / WANTED, which)
    except OSError:
        return found
    deadline = time.monotonic() + WAIT
    while not _is_fresh(look, found) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = verdict_file.read(folder, which, uid)
    return found


def _is_fresh(look: Look, found: Looked | Unauthenticated | Missing | Forged) -> bool:
    if isinstance(found, Forged):
        return True
    verdict = _verdict(found)
    return verdict is not None and abs(look.now - definitions.moment(verdict.at)) <= FRESH


def _verdict(found: Looked | Unauthenticated | Missing | Forged) -> Looked | None:
    return found.verdict if isinstance(found, Unauthenticated) else found if isinstance(found, Looked) else None


def _said(look: Look, verdict: Looked, *, aged: bool) -> Verdict:
    """What it saw, in its own words: the first thing that is wrong, and how many more. aged: where it may be old."""
    at = definitions.moment(verdict.at)
    facts = {name: fact for name, fact in verdict.saw.items() if isinstance(fact, int | str)}
    seen = {**dict(list(facts.items())[:20]), "seen at": at.isoformat(timespec="seconds")}
    if aged and abs(look.now - at) > FRESH:
        return unknown(f"The inspector last looked at {at:%H:%M} UTC; that is too old.", **seen)
    if verdict.state is State.FAIL:
        return failed(_first(verdict.problems), **seen)
    if verdict.state is State.UNKNOWN:
        return unknown(_first(verdict.unseen), **seen)
    return passed(f"The inspector looked at {at:%H:%M} UTC and found nothing wrong.", **seen)


def _first(sentences: tuple[str, ...]) -> str:
    more = len(sentences) - 1
    return f"{sentences[0]} ({more} more)" if more else sentences[0]


def _named(which: Seen) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"verdict {which}")
