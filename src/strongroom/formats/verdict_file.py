"""Verdicts as files: read one and know whether the inspector wrote it, and ask for a look now."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.formats import owned_file, verdict
from strongroom.formats.malformed import Malformed
from strongroom.formats.owned_file import NotTheirs
from strongroom.formats.verdict import Look, Verdict

FOLDER: Final = "verdicts"
WANTED: Final = "wanted"
"""Folders of the data folder; the inspector's and the worker's."""
ASKED: Final = "asked"
"""The fact that says which request a verdict answers: its file's time (ctime) in microseconds; 0 where nobody asked."""
SOUGHT: Final = "sought"
"""The fact that says what was looked for, in looks that are told: SHA-256 over the request."""


@dataclass(frozen=True)
class Unauthenticated:
    """A verdict that this process, or anything of its user, could have written itself: single-user grade."""

    verdict: Verdict


@dataclass(frozen=True)
class Missing:
    """The inspector has not written it, or not here."""

    why: str


@dataclass(frozen=True)
class Forged:
    """Somebody else wrote it or could have, or it is none. Its words are not shown; `why` says what is wrong."""

    why: str


def read(folder: Path, look: Look, expected_uid: int) -> Verdict | Unauthenticated | Missing | Forged:
    """The verdict of a look from the folder of verdicts. Never raises for what stands there."""
    try:
        found = verdict.decode(owned_file.read(folder, name_of(look), uid=expected_uid, most=verdict.MOST_BYTES))
    except FileNotFoundError:
        return Missing("The inspector has not written this verdict yet.")
    except NotTheirs as why:
        return Forged(f"This verdict is not the inspector's: {why}.")
    except Malformed as why:
        return Forged(f"This verdict cannot be understood: {why}.")
    if found.look is not look:
        return Forged("This verdict is of another look than its name says.")
    return Unauthenticated(found) if expected_uid == os.geteuid() else found


def want(folder: Path, look: Look, what: bytes = b"") -> int:
    """Ask the inspector for this look now; what its verdict will say in `asked`.

    It reads the file's times; what to look for only in looks that are told. So asking is all one can do.
    """
    path = folder / str(look)
    if what:
        aside = folder / f"{look}.new"
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(what)
        aside.rename(path)
    else:
        path.touch(mode=0o644)
    return path.lstat().st_ctime_ns // 1000


def answers(found: Verdict | Unauthenticated, request: int) -> bool:
    """Whether that look began after the request was made, by the request's own time."""
    asked = (found.verdict if isinstance(found, Unauthenticated) else found).saw.get(ASKED)
    return isinstance(asked, int) and asked >= request


def name_of(look: Look) -> str:
    return f"{look}.json"
