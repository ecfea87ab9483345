"""Where a scan looks: folders with everything in them, and what is left out, by name and for a reason that is shown."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.policy.retention_and_recovery.leaks.looking import Scanner


@dataclass(frozen=True)
class Place:
    """A sink: a folder with all below it, or one file. since: only what changed after this moment, seconds since 1970.

    shared: others use it too; what is known to be theirs is passed over. uids: whose files count, all where none is
    named. Other sections add theirs (a mail tray, backups, a browser's profile) as plain tuples.
    """

    id: str
    path: Path
    since: float = 0.0
    shared: bool = False
    uids: tuple[int, ...] = ()

    def counts(self, state: os.stat_result) -> bool:
        """Whether a file is looked at here: it changed since, and somebody wrote it whose files count."""
        return max(state.st_mtime, state.st_ctime) >= self.since and (not self.uids or state.st_uid in self.uids)


@dataclass(frozen=True)
class LeftOut:
    """What is not looked at below a place, and why that is no hole."""

    path: Path
    reason: str


OTHERS: Final = ("strongroom.toml", "ring", ".git")
"""What an installation's folder, a key ring's, or checked-out sources hold."""


def of_installation(data: Path, *, since: float, temporary: Path) -> tuple[Place, ...]:
    """An installation's own sinks: its folder by parts, what lies elsewhere on its behalf, and what was left behind.

    since: when it began, for the system's temporary folder, which others use too.
    """
    parts = ("logs", "journal", "keys", "credentials", "tls", "postgres", "run")
    found = [Place(name, pointed(data, name)) for name in parts]
    return (
        *(place for place in found if place.path.exists()),
        Place("data", data),
        Place("temporary", temporary, since),
    )


def others_in(temporary: Path, data: Path) -> Iterator[LeftOut]:
    """What lies in the temporary folder and is known to be others': installations, and checked-out sources."""
    for path in sorted([*temporary.iterdir(), *temporary.glob("*/*")]):
        with contextlib.suppress(OSError):
            ours = path.is_relative_to(data) or data.is_relative_to(path)
            if path.is_dir() and not ours and any((path / sign).exists() for sign in OTHERS):
                yield LeftOut(path, "another installation's or a developer's folder")


def pointed(data: Path, name: str) -> Path:
    """A part of the folder, or where its pointer says that it lies instead."""
    pointer = data / f"{name}.path"
    return Path(pointer.read_text(encoding="utf-8")) if pointer.exists() else data / name


def look_at(scanner: Scanner, places: Sequence[Place], left_out: Sequence[LeftOut]) -> None:
    """Every regular file once, however many places lead to it; names, and what links say, like contents."""
    skip = {os.path.realpath(each.path) for each in left_out}
    done: set[tuple[int, int]] = set()
    for place in places:
        if not os.path.lexists(place.path):
            scanner.not_known(str(place.path), f"the place {place.id} is not there")
            continue
        names: list[bytes] = []
        _walk(scanner, place, skip, done, names)
        scanner.data(f"{place.path} (names)", b"\0".join(names))


def _walk(
    scanner: Scanner, place: Place, skip: set[str], done: set[tuple[int, int]], names: list[bytes]
) -> None:  # fmt: skip
    waiting = [Path(os.path.realpath(place.path))]  # no link is followed below, so every path is a real one
    while waiting:
        path = waiting.pop()
        try:
            state = path.lstat()
        except OSError as why:
            scanner.not_read(str(path), why)
            continue
        if (state.st_dev, state.st_ino) in done or str(path) in skip:
            continue
        names.append(os.fsencode(path.name))
        if stat.S_ISDIR(state.st_mode):
            done.add((state.st_dev, state.st_ino))
            waiting += _listed(scanner, path, shared=place.shared and path != Path(os.path.realpath(place.path)))
        elif stat.S_ISLNK(state.st_mode):
            names.append(_target(scanner, path))
        elif stat.S_ISREG(state.st_mode) and place.counts(state):
            done.add((state.st_dev, state.st_ino))
            scanner.file(path)


def _listed(scanner: Scanner, folder: Path, *, shared: bool) -> list[Path]:
    """What stands in a folder; in one that others use too nothing, where it is an installation's or a developer's."""
    try:
        found = sorted(folder.iterdir())
    except OSError as why:
        if not shared or why.errno != errno.EACCES:  # what is closed to us there, was not written by us
            scanner.not_read(str(folder), why)
        return []
    return [] if shared and any(path.name in OTHERS for path in found) else found


def _target(scanner: Scanner, link: Path) -> bytes:
    try:
        return os.fsencode(link.readlink())
    except OSError as why:
        scanner.not_read(str(link), why)
        return b""
