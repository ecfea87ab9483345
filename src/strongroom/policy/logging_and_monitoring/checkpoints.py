"""Checkpoints elsewhere: each hour's signed head of the tree in a folder that is not ours alone, read back (LM-2)."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from strongroom.formats import note as notes
from strongroom.formats.malformed import Malformed
from strongroom.formats.note import Checkpoint, VerifierKey
from strongroom.policy.logging_and_monitoring.tree import read_key

NAME: Final = "%Y%m%dT%H%M%SZ"
ENDS: Final = ".checkpoint"


class PlaceLost(Exception):
    """The second place cannot be written or read, or holds nothing of what was put there: is it mounted?"""


@dataclass(frozen=True)
class Outside:
    """A checkpoint that lies elsewhere. at: when it was put there, policy time. checkpoint: `None` for a forged one."""

    at: datetime
    note: str
    checkpoint: Checkpoint | None


def newest(journal: Path) -> str:
    """The text of the newest signed note in the journal's folder. Raises `Malformed` or `OSError`."""
    text = (journal / "checkpoint").read_text(encoding="utf-8")
    notes.verify_checkpoint(text, read_key(journal))
    return text


def copy_out(journal: Path, place: Path, now: datetime, *, is_first: bool) -> Outside:
    """Put the newest checkpoint there and read it back. Raises `PlaceLost`, or `Malformed` where ours is not sound.

    is_first: nothing was ever put there; otherwise an empty place is one that is not mounted, and is not written to.
    """
    text = newest(journal)
    key = read_key(journal)
    try:
        if not is_first and not any(place.glob(f"*{ENDS}")):
            raise PlaceLost
        _keep_key(place, key)
        path = place / f"{now.astimezone(UTC).strftime(NAME)}{ENDS}"
        _write(path, text)
        if path.read_text(encoding="utf-8") != text:
            raise PlaceLost
    except OSError:
        raise PlaceLost from None
    return Outside(now, text, notes.verify_checkpoint(text, key))


def outside_checkpoints(place: Path, key: VerifierKey, *, most: int = 48) -> list[Outside]:
    """What lies there, newest first, as it is read now: each verified with the key, a forged one without checkpoint.

    Raises `PlaceLost` where the place cannot be read. What the tree is now must extend each of them (LM-2).
    """
    if not place.is_dir():
        raise PlaceLost
    try:
        paths = sorted(place.glob(f"*{ENDS}"), reverse=True)[:most]
        return [found for path in paths if (found := _read(path, key)) is not None]
    except OSError:
        raise PlaceLost from None


def _read(path: Path, key: VerifierKey) -> Outside | None:
    try:
        at = datetime.strptime(path.name.removesuffix(ENDS), NAME).replace(tzinfo=UTC)
    except ValueError:
        return None  # not one of ours
    text = path.read_bytes()[: notes.MAX_NOTE].decode("utf-8", "replace")
    try:
        return Outside(at, text, notes.verify_checkpoint(text, key))
    except Malformed:
        return Outside(at, text, None)


def _keep_key(place: Path, key: VerifierKey) -> None:
    """The public key beside them, once: whoever has this place alone can verify. Never overwritten."""
    path = place / f"{key.id().hex()}.vkey"
    if not path.exists():
        _write(path, f"{key.line()}\n")


def _write(path: Path, text: str) -> None:
    """As a whole: half a checkpoint proves nothing."""
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
