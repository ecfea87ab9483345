"""Children of a supervisor that was killed: written down while they live, ended before the next ones start.

On Linux they get a signal when their supervisor dies, but they need a moment to end, and meanwhile hold their ports and
locks; elsewhere nothing tells them at all. A pid is believed only together with when it was born.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from strongroom.installation import neighbours

END_WITHIN: Final = 15.0


@dataclass(frozen=True)
class Child:
    """A child as it is written down: pid and birth tell it from whoever has that pid later."""

    pid: int
    born: str
    stop_with: int


def write_down(path: Path, children: Mapping[str, Child]) -> None:
    """The living children, as a whole file or the former one."""
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({name: asdict(child) for name, child in children.items()}, file)
    aside.rename(path)


def end_all(path: Path) -> list[str]:
    """End every child in the list that still lives: asked, then killed with its group. Returns their names."""
    living = _living(path)
    if living is None:
        return []
    for child in living.values():
        _signal(child, child.stop_with)
    deadline = time.monotonic() + END_WITHIN
    while any(_lives(child) for child in living.values()) and time.monotonic() < deadline:
        time.sleep(0.02)
    for child in living.values():
        if _lives(child):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
    path.unlink(missing_ok=True)
    return list(living)


def living(path: Path) -> list[str]:
    """The names of the children in the list that still live."""
    return list(_living(path) or {})


def _living(path: Path) -> dict[str, Child] | None:
    """None where none was written, or a kill tore the list: then the signal of the system has to do."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        children = {name: Child(**child) for name, child in told.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return {name: child for name, child in children.items() if _lives(child)}


def _lives(child: Child) -> bool:
    return bool(child.born) and neighbours.born(child.pid) == child.born


def _signal(child: Child, name: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(child.pid, name)
