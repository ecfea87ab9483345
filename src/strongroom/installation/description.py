"""`installation.json`: how this installation runs, written by whoever starts it and believed by who sees its owner.

Policy code reads the grade from it (formats/grade.py); the inspector also what should listen and what was started.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import strongroom
from strongroom.formats import owned_file
from strongroom.formats.grade import FILE, MOST, Grade, Role, parse
from strongroom.installation.configuration import Configuration
from strongroom.installation.folders import Folders, flush
from strongroom.installation.identities import Identities
from strongroom.installation.problems import in_words

VERSION: Final = 1
PACKAGE: Final = Path(strongroom.__file__).parent


@dataclass(frozen=True)
class Listener:
    """A socket that should listen. `kind`: tcp or unix; `address`: an IP address, or a Unix socket's path."""

    kind: str
    address: str
    port: int
    role: Role


@dataclass(frozen=True)
class Build:
    """The program's files as one number: how many, and SHA-256 over their names and hashes."""

    files: int
    sha256: str


@dataclass(frozen=True)
class Description:
    """What `installation.json` says. `shared`: roles whose uid others on this machine have too.

    `managed_by`: `supervisor` (strongroom up) or `units` (strongroom init). `others`: foreign listeners that the
    administrator listed; `backups`: folders of copies.
    """

    grade: Grade
    mode: str
    managed_by: str
    group: int
    numbers: int | None
    shared: frozenset[Role]
    listeners: tuple[Listener, ...]
    others: tuple[str, ...]
    backups: tuple[str, ...]
    build: Build


def write(
    folders: Folders, who: Identities, configuration: Configuration, *, mode: str, managed_by: str,
    listeners: Iterable[Listener],
) -> None:  # fmt: skip
    """Write it as a whole, readable by everybody: it holds no secret."""
    said = {
        "version": VERSION, "grade": str(who.kind), "uids": {str(role): one.uid for role, one in who.roles.items()},
        "why": who.why, "mode": mode, "managed_by": managed_by, "group": who.group, "numbers": who.numbers,
        "shared": sorted(map(str, who.shared)), "listeners": [asdict(one) for one in listeners],
        "others": list(configuration.network.other_listeners), "backups": list(configuration.backup.targets),
        "build": asdict(build(PACKAGE)),
    }  # fmt: skip
    path = folders.data / FILE
    aside = path.with_name(path.name + ".new")
    with in_words():
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(said, file, indent=1)
            file.flush()
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        aside.rename(path)
        flush(folders.data)


def read(data: Path, uid: int) -> Description:
    """What `uid` (root in service grade) wrote. Raises `FileNotFoundError`, `NotTheirs` or `ValueError`."""
    text = owned_file.read(data, FILE, uid=uid, most=MOST)
    told: Any = json.loads(text)
    try:
        return Description(
            grade=parse(text), mode=told["mode"], managed_by=told["managed_by"], group=told["group"],
            numbers=told["numbers"], shared=frozenset(map(Role, told["shared"])),
            listeners=tuple(
                Listener(one["kind"], one["address"], one["port"], Role(one["role"])) for one in told["listeners"]
            ),
            others=tuple(told["others"]), backups=tuple(told["backups"]), build=Build(**told["build"]),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError):
        raise ValueError("not an installation of version 1") from None


def build(package: Path) -> Build:
    """The program's files as they are now. What Python compiled is left out; who may write there is looked at apart."""
    digest = hashlib.sha256()
    paths = sources(package)
    for path in paths:
        digest.update(f"{path.relative_to(package)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return Build(len(paths), digest.hexdigest())


def sources(package: Path) -> Sequence[Path]:
    return sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
