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
from pathlib import Path
from typing import Final

from django.db import transaction

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
"""How old a verdict may be where the inspector does not answer in time."""
WAIT: Final = 20.0
"""Seconds that the inspector has to answer."""
PATIENCE: Final = timedelta(seconds=45)
"""How long a check that waits for it may take."""
FORGED: Final = "forged verdict"
"""The alarm's kind."""
NEEDS_INIT: Final = "Needs `strongroom init`: here one user runs everything and would vouch for itself."

Found = Looked | Unauthenticated | Missing | Forged


def look_at(look: Look, which: Seen) -> Verdict:
    """What the inspector says of this look, taken now. A forged file is unknown and an alarm, one too old is unknown.

    Where one user runs everything nobody waits: what is wrong is said, and what seems right is unknown.
    """
    known = grade(look.data)
    return _word_of(look, which, _newest(look, which, known.uids.get(Role.INSPECTOR, os.geteuid())))


def search(look: Look, which: Seen, what: bytes, *, within: float) -> Verdict:
    """The inspector's word on a look that is told what to look for: only the answer to what was sought counts.

    within: seconds to wait. An answer that comes later is the next call's.
    """
    late = _late.pop(which, None)
    if late is not None and (found := _answer(look, which, late)) is not None:
        return _word_of(look, which, found)
    sought = hashlib.sha256(what).hexdigest()
    try:
        verdict_file.want(look.data / WANTED, which, what)
    except OSError as why:
        return unknown(f"The inspector cannot be asked: {why.strerror}.")
    deadline = time.monotonic() + within
    while (found := _answer(look, which, sought)) is None:
        if time.monotonic() > deadline:
            _late[which] = sought
            return unknown("The inspector has not answered yet; its answer is looked for again soon.")
        time.sleep(0.1)
    return _word_of(look, which, found, aged=False)


_late: Final[dict[Seen, str]] = {}


def _answer(look: Look, which: Seen, sought: str) -> Looked | Unauthenticated | Forged | None:
    """The verdict that answers this question, or a forged one; nothing while there is none."""
    uid = grade(look.data).uids.get(Role.INSPECTOR, os.geteuid())
    found = verdict_file.read(look.data / FOLDER, which, uid)
    if isinstance(found, Missing):
        return None
    verdict = found.verdict if isinstance(found, Unauthenticated) else found
    return found if isinstance(verdict, Forged) or verdict.saw.get(verdict_file.SOUGHT) == sought else None


def _word_of(look: Look, which: Seen, found: Found, *, aged: bool = True) -> Verdict:
    match found:
        case Forged(why):
            with transaction.atomic():
                raise_alarm(account=definitions.INSTALLATION, kind=FORGED, subject=_named(which), count=1)
            return unknown(f"{why} An alarm was raised.")
        case Missing(why):
            return unknown(why if grade(look.data).is_service else NEEDS_INIT)
        case Unauthenticated(verdict):
            said = _said(look, verdict, aged=aged)
            return said if verdict.state is State.FAIL else unknown(NEEDS_INIT, **dict(said.seen))
        case Looked():
            return _said(look, found, aged=aged)


def _newest(look: Look, which: Seen, uid: int) -> Found:
    """The verdict of a look that begins now; the last one, where the inspector does not answer in time.

    One of before would not show what was changed since. What is forged is told at once: a forger's file may be
    replaced by the answer, and then nobody would know that there was one.
    """
    folder = look.data / FOLDER
    found = verdict_file.read(folder, which, uid)
    if isinstance(found, Forged | Unauthenticated) or uid == os.geteuid():
        return found
    request = _ask(look.data / WANTED, which)
    deadline = time.monotonic() + WAIT
    while request and not _is_answer(found, request) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = verdict_file.read(folder, which, uid)
    return found


def _ask(folder: Path, which: Seen) -> int:
    try:
        return verdict_file.want(folder, which)
    except OSError:
        return 0


def _is_answer(found: Found, request: int) -> bool:
    return isinstance(found, Forged) or (isinstance(found, Looked) and verdict_file.answers(found, request))


def _said(look: Look, verdict: Looked, *, aged: bool) -> Verdict:
    """What it saw, in its own words: the first thing that is wrong, and how many more. aged: where it may be old."""
    at = definitions.moment(verdict.at)
    facts = {name: fact for name, fact in verdict.saw.items() if isinstance(fact, int | str)}
    for name in (verdict_file.ASKED, verdict_file.SOUGHT):
        facts.pop(name, None)
    seen = {**dict(list(facts.items())[:20]), "seen at": at.isoformat(timespec="seconds")}
    if aged and not look.now - FRESH <= at <= definitions.now() + FRESH:
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
