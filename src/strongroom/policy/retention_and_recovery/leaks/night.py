"""`python -m strongroom.policy.retention_and_recovery.leaks.night`: the nightly scan in its process (RR-4, LM-3).

It is told references of customers who do not exist, and makes their words itself. The worker starts it where one user
runs everything; in service grade the inspector does, which may read every file. It answers with paths, never a word.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

from strongroom.formats import probe_words
from strongroom.formats.parts import Part
from strongroom.formats.secret import Secret
from strongroom.policy.retention_and_recovery.leaks import plants
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary
from strongroom.policy.retention_and_recovery.leaks.engine import NoEngine
from strongroom.policy.retention_and_recovery.leaks.places import Place, of_installation
from strongroom.policy.retention_and_recovery.leaks.plants import Control, Plant
from strongroom.policy.retention_and_recovery.leaks.report import LeakReport
from strongroom.policy.retention_and_recovery.leaks.scan import Request, ScanFailed, scan_installation

LOGS: Final = frozenset({"logs", "journal", "system journal"})
"""Places that a scan of logs alone looks at."""
SPOOLS: Final = (Path("/var/spool/cups"),)
SYSTEM_JOURNAL: Final = (Path("/var/log/journal"), Path("/run/log/journal"))
FAILED: Final = 5
POLITE: Final = 5


@dataclass(frozen=True)
class Night:
    """What is asked. refs: whose words are looked for. control: whose words must be found, by their place.

    scratch: a folder to plant in. temporary: folders that others use too. uids: whose files count there, everybody's
    where none is named. backups: folders of copies. processes: roots of those to be looked at.
    """

    data: str
    refs: tuple[str, ...]
    scratch: str
    temporary: tuple[str, ...]
    control: str = ""
    marks: Mapping[str, str] | None = None
    uids: tuple[int, ...] = ()
    backups: tuple[str, ...] = ()
    processes: tuple[int, ...] = ()
    logs_only: bool = False
    system_journal: bool = False

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """Raises `ValueError` or `TypeError` for what is none."""
        told: dict[str, Any] = json.loads(data)
        fields: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in told.items()}
        return cls(**fields)


def mark_words(control: UUID) -> dict[str, Secret]:
    """Words of nobody that whoever asks leaves in places which only a working scan reads, by the place's name."""
    words = list(probe_words.fields(control)[Part.RECIPIENT].items())
    names = [name for name, _ in words if name not in ("phone", "postcode")]
    return {place: dict(words)[name] for place, name in zip(MARKED, names, strict=False)}


MARKED: Final = ("log", "changes")
"""A process's own log, and the database's log of changes."""


def scan(night: Night) -> LeakReport:
    """The whole of it. Raises `NoEngine` and `ScanFailed`: both are unknown."""
    pids, control = list(night.processes), Control()
    with tempfile.TemporaryDirectory(prefix=f"{plants.NAME}-", dir=night.scratch) as scratch:
        where = (*_places(night), Place("control", Path(scratch)))
        sinks: list[Plant] = [plants.in_files(Path(scratch)), plants.in_places(_writable(where)), _left(night)]
        if not night.logs_only:
            sinks.append(plants.in_a_process(pids))
        with plants.all_of(control, sinks):
            request = Request((*canaries(night.refs), *control.canaries), where, (), tuple(pids))
            return scan_installation(request, planted=control.planted)


def canaries(refs: Iterable[str]) -> Iterator[Canary]:
    """The words of these customers, by field."""
    for ref in refs:
        for name, word in probe_words.rare(UUID(ref)).items():
            yield Canary(name, (word,))


def _left(night: Night) -> Plant:
    """What the asker left where it alone writes: found there, or the scan proves nothing."""
    words = mark_words(UUID(night.control)) if night.control else {}
    return plants.left_by_others({(name, words[name]): path for name, path in (night.marks or {}).items()})


def _places(night: Night) -> Iterator[Place]:
    data = Path(night.data)
    began = _began(data)
    temporary = [Path(path) for path in night.temporary]
    own = [place for place in of_installation(data, since=began, temporary=temporary[0]) if place.id != "temporary"]
    yield from (place for place in own if not night.logs_only or place.id in LOGS)
    if night.system_journal:
        yield from (Place("system journal", path, began) for path in SYSTEM_JOURNAL if path.exists())
    if not night.logs_only:
        for path in temporary:
            if path.exists():
                yield Place(f"temporary {path}", path, began, shared=True, uids=night.uids)
        yield from (Place("spool", path, began) for path in SPOOLS if path.exists())
        yield from (Place(f"backup {path}", Path(path)) for path in night.backups)


def _writable(where: Sequence[Place]) -> list[Place]:
    """Where a plant can be put; the inspector may read everywhere and write in its own folder only."""
    return [place for place in where if os.access(place.path, os.W_OK)]


def _began(data: Path) -> float:
    """When the installation was last started: what is older in the temporary folder is not its."""
    lock = data / "lock"
    return (lock if lock.exists() else data / "installation.json").stat().st_mtime


def main() -> int:
    """Read what is asked, scan, answer; those who serve people come first."""
    os.nice(max(0, POLITE - os.nice(0)))
    try:
        report = scan(Night.unpacked(sys.stdin.buffer.read()))
    except (NoEngine, ScanFailed) as why:
        sys.stderr.write(f"{why}\n")
        return FAILED
    sys.stdout.write(json.dumps(report.as_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
