"""Look `build`: the program's files against what was started and its package's list; who could change them (LM-5)."""

import base64
import csv
import hashlib
import importlib.metadata
import os
from pathlib import Path
from typing import Final

from strongroom.installation import description
from strongroom.installation.inspector.seen import Seen, Surroundings, shown

DISTRIBUTION: Final = "strongroom"
RESTART: Final = "If you upgraded, restart Strongroom; else install it anew and look who changed it."


def look(around: Surroundings, seen: Seen) -> None:
    package = description.PACKAGE
    now = description.build(package)
    seen.saw("files", now.files)
    seen.saw("sha256", now.sha256)
    if now != around.description.build:
        seen.problem("The program's files are not those that were started.", RESTART)
    _record(package, seen)
    _writers(package, around, seen)


def _record(package: Path, seen: Seen) -> None:
    """RECORD lists every file of an installed wheel with its hash (PEP 376); an editable installation has none."""
    try:
        told = importlib.metadata.distribution(DISTRIBUTION)
        text = told.read_text("RECORD") or ""
    except importlib.metadata.PackageNotFoundError:
        seen.cannot("The program was not installed as a package, so that there is no list of its files.")
        return
    seen.saw("version", told.version)
    rows = {row[0]: row[1] for row in csv.reader(text.splitlines()) if row and row[0].startswith("strongroom/")}
    if not rows:
        seen.saw("installed_as", "sources")
        return
    seen.saw("installed_as", "wheel")
    here = {str(path.relative_to(package.parent)): path for path in description.sources(package)}
    for name in sorted(set(here) - set(rows)):
        seen.problem(f"{shown(here[name])} is not in the package's list.", RESTART)
    for name, wanted in rows.items():
        if name not in here and "__pycache__" not in name:
            seen.problem(f"{shown(package.parent / name)} is missing.", RESTART)
        elif name in here and wanted and _hash(here[name]) != wanted:
            seen.problem(f"{shown(here[name])} is not as the package's list says.", RESTART)


def _hash(path: Path) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"


def _writers(package: Path, around: Surroundings, seen: Seen) -> None:
    """In service grade nobody but root may change what runs, compiled files included."""
    if not around.is_service:
        return
    for here, folders, files in os.walk(package):
        for path in (Path(here), *(Path(here) / name for name in (*folders, *files))):
            state = path.lstat()
            if state.st_uid != 0 or (state.st_mode & 0o022 and not path.is_symlink()):
                seen.problem(
                    f"Somebody besides root may change {shown(path)}.",
                    f"Run: chown -R root {shown(package)}; chmod -R go-w {shown(package)}",
                )
                return
