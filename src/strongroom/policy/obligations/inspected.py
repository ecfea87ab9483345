"""Verdicts of the inspector as verdicts of checks: believed only where another uid wrote them, and only while fresh.

The inspector looks at what this process may not see (files, flags, listeners, mounts) and writes what it saw into a
folder that only its uid may write. Here the owner and mode are looked at again, on the open file. Where one user runs
everything the file is no proof, so a clause that needs it is unknown until `strongroom init`.
"""

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
    found = _newest(look, which, known.uids.get(Role.INSPECTOR, os.geteuid()))
    match found:
        case Forged(why):
            with transaction.atomic():
                raise_alarm(account=definitions.INSTALLATION, kind=FORGED, subject=_named(which), count=1)
            return unknown(f"{why} An alarm was raised.")
        case Missing(why):
            return unknown(why if known.is_service else NEEDS_INIT)
        case Unauthenticated(verdict):
            said = _said(look, verdict)
            return said if verdict.state is State.FAIL else unknown(NEEDS_INIT, **dict(said.seen))
        case Looked():
            return _said(look, found)


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


def _said(look: Look, verdict: Looked) -> Verdict:
    """What it saw, in its own words: the first thing that is wrong, and how many more."""
    at = definitions.moment(verdict.at)
    facts = {name: fact for name, fact in verdict.saw.items() if isinstance(fact, int | str)}
    facts.pop(verdict_file.ASKED, None)
    seen = {**dict(list(facts.items())[:20]), "seen at": at.isoformat(timespec="seconds")}
    if not look.now - FRESH <= at <= definitions.now() + FRESH:
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
