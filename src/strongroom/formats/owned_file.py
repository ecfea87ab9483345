"""Files that tell something because of who owns them: read without following links, judged by descriptor.

docs/formats/verdict.md, "Who wrote it". A name can be replaced between two looks at it, a descriptor cannot.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

_HOLD: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""To judge a folder and pass through it, which needs no right to list it."""
_MOST_PARENTS: Final = 64


class NotTheirs(Exception):
    """Somebody else than the wanted user wrote this file, or could have; the message says why."""


def read(folder: Path, name: str, *, uid: int, most: int) -> bytes:
    """The bytes of a file that only `uid` (and root) can have written.

    Raises `FileNotFoundError` where folder or file is missing, `NotTheirs` where another could have written it or it
    has more than `most` bytes.
    """
    held = _open(folder, _HOLD)
    try:
        _theirs(os.fstat(held), uid, f"the folder {folder.name}")
        _parents_hold(held, uid)
        file = _open(name, os.O_RDONLY | os.O_NONBLOCK, within=held)
    finally:
        os.close(held)
    try:
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode):
            raise NotTheirs(f"{name} is no regular file")
        _theirs(state, uid, name)
        if state.st_nlink > 1:  # 0 where it was replaced just now, which only its owner could do
            raise NotTheirs(f"{name} has another name elsewhere")
        data = b""
        while len(data) <= most and (piece := os.read(file, most + 1 - len(data))):
            data += piece
    finally:
        os.close(file)
    if len(data) > most:
        raise NotTheirs(f"{name} has more than {most} bytes")
    return data


def _open(path: Path | str, flags: int, *, within: int | None = None) -> int:
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    except FileNotFoundError:
        raise
    except OSError as why:
        if why.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotTheirs(f"{Path(path).name} is a link, or no folder") from None
        raise NotTheirs(f"{Path(path).name} cannot be read: {why.strerror}") from None


def _theirs(state: os.stat_result, uid: int, what: str) -> None:
    if state.st_uid != uid:
        raise NotTheirs(f"{what} belongs to uid {state.st_uid}, not to {uid}")
    if state.st_mode & 0o022:
        raise NotTheirs(f"others may write {what} (mode {stat.S_IMODE(state.st_mode):04o})")


def _parents_hold(held: int, uid: int) -> None:
    """Nobody but root and `uid` can put another folder in this one's place. By `..`, so that no link leads astray."""
    here = os.dup(held)
    try:
        for _ in range(_MOST_PARENTS):
            above = os.open("..", _HOLD, dir_fd=here)
            before, after = os.fstat(here), os.fstat(above)
            os.close(here)
            here = above
            if os.path.samestat(before, after):
                return
            if after.st_uid not in (0, uid) or (after.st_mode & 0o022 and not after.st_mode & stat.S_ISVTX):
                raise NotTheirs("a folder above it can be replaced by somebody else")
    finally:
        os.close(here)
    raise NotTheirs("it lies too deep")
