"""What tests of the scan share: a scanner for some texts, and what it finds in a file of bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strongroom.formats.secret import Secret
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary
from strongroom.policy.retention_and_recovery.leaks.engine import Engine
from strongroom.policy.retention_and_recovery.leaks.forms import needles
from strongroom.policy.retention_and_recovery.leaks.looking import Limits, Scanner

TEXT = "Kvaxéd'& Wrozhtim"
"""Different in every form: a letter with a mark, an apostrophe, an ampersand, a space."""


def scanner(*texts: str, **limits: Any) -> Scanner:
    canaries = [Canary(f"t{n}", (Secret(text),)) for n, text in enumerate(texts or (TEXT,))]
    return Scanner(Engine(needles(canaries)), Limits(**limits))


def trails(folder: Path, data: bytes, *texts: str, name: str = "file", **limits: Any) -> set[tuple[str, str]]:
    """(trail, form) of what is found in a file with these bytes; the trail begins after the file's name."""
    return {(trail, form) for trail, form, _ in hits(folder, data, texts, name, **limits)}


def hits(
    folder: Path, data: bytes, texts: Sequence[str] = (), name: str = "file", **limits: Any
) -> set[tuple[str, str, str]]:  # fmt: skip
    path = folder / name
    path.write_bytes(data)
    looking = scanner(*texts, **limits)
    looking.file(path)
    assert not looking.seen.unknown, looking.seen.unknown
    return {(hit.path.removeprefix(str(path)), hit.form, hit.canary) for hit in looking.seen.hits}
