"""Look `file-modes`: owner, mode and links of everything in the data folder, against the table (ES-3, AM-6)."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.installation.inspector.seen import Seen, Surroundings, shown
from strongroom.installation.layout import Rule, rule_for

MOST: Final = 500_000
SKIPPED: Final = ("postgres", "postgres.new", "engine", "run")
"""The database's own, which another look reads; programs; sockets, which are listed by the process that holds them."""


def look(around: Surroundings, seen: Seen) -> None:
    data = around.folders.data
    owner = 0 if around.is_service else data.stat().st_uid
    _check(seen, data, data.lstat(), owner, 0o711, ".")
    count = 0
    for path, state in _everything(data, seen):
        count += 1
        if count > MOST:
            seen.cannot(f"There are more than {MOST} files; the rest was not looked at.")
            break
        name = str(path.relative_to(data))
        rule = rule_for(name)
        if stat.S_ISLNK(state.st_mode):
            seen.problem(f"{shown(path)} is a link.", "Look where it leads, remove it, and put the file itself there.")
        elif not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
            seen.problem(f"{shown(path)} is neither a file nor a folder.", f"Look what made it: ls -l {shown(path)}")
        elif state.st_nlink > 1 and stat.S_ISREG(state.st_mode):
            seen.problem(f"{shown(path)} has another name elsewhere.", f"Find it: find / -xdev -samefile {shown(path)}")
        _check(seen, path, state, _uid(around, rule, owner), widest(rule, state), name)
    seen.saw("files", count)
    if not around.is_service:
        seen.cannot("Everything belongs to one user, who may change all of it; own uids need `strongroom init`.")


def _everything(data: Path, seen: Seen) -> Iterator[tuple[Path, os.stat_result]]:
    def unreadable(why: OSError) -> None:
        seen.cannot(f"{shown(Path(str(why.filename)))} cannot be read: {why.strerror}.")

    for here, folders, files in os.walk(data, onerror=unreadable):
        if Path(here) == data:
            folders[:] = [name for name in folders if name not in SKIPPED]
        for name in (*folders, *files):
            try:
                yield Path(here) / name, (Path(here) / name).lstat()
            except FileNotFoundError:  # replaced while we looked
                continue


def _uid(around: Surroundings, rule: Rule | None, owner: int) -> int:
    if rule is None or rule.role is None or not around.is_service:
        return owner
    return around.description.grade.uids[rule.role]


def widest(rule: Rule | None, state: os.stat_result) -> int:
    """The widest mode that the table gives a path."""
    if rule is None:
        return 0o700 if stat.S_ISDIR(state.st_mode) else 0o644
    if not rule.whole:
        return rule.mode
    return rule.mode if stat.S_ISDIR(state.st_mode) else rule.mode & 0o666


def _check(seen: Seen, path: Path, state: os.stat_result, uid: int, mode: int, name: str) -> None:
    if state.st_uid != uid and not _may_be_roots(name, state):
        seen.problem(f"{shown(path)} belongs to uid {state.st_uid}, not to {uid}.", f"Run: chown {uid} {shown(path)}")
    beyond = stat.S_IMODE(state.st_mode) & ~mode
    if beyond and not stat.S_ISLNK(state.st_mode):
        who = "Others" if beyond & 0o007 else "Its group" if beyond & 0o070 else "Its owner"
        what = "write" if beyond & 0o222 else "read" if beyond & 0o444 else "run or enter"
        seen.problem(
            f"{who} may {what} {shown(path)} (mode {stat.S_IMODE(state.st_mode):04o}).",
            f"Run: chmod {mode:04o} {shown(path)}",
        )


def _may_be_roots(name: str, state: os.stat_result) -> bool:
    """A credential that root holds and the service manager hands out (LoadCredential)."""
    return name.startswith("credentials/") and state.st_uid == 0
