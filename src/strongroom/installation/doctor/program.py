"""The program itself: its Python, its packages, whether other users could run it."""

import importlib.metadata
import os
import re
from pathlib import Path
from typing import Final

from strongroom.installation import identities
from strongroom.installation.binaries import find_binaries
from strongroom.installation.doctor.findings import Examination, Found, advice, not_here, ok, problem, unknown
from strongroom.installation.doctor.patient import Patient

OLDEST: Final = (3, 11)
PINNED: Final = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)[ ]*(;)?")
INSTALL: Final = "{} -m pip install --require-hashes -r {}"


def _python(patient: Patient) -> Found:
    version = ".".join(map(str, patient.machine.python))
    if patient.machine.python < OLDEST:
        return problem(f"This is Python {version}.", "make clean", "make PYTHON=python3.12 up")
    return ok(f"Python {version}.")


def _system(patient: Patient) -> Found:
    if patient.machine.system == "Linux":
        return ok("This is Linux.")
    if patient.is_rehearsal:
        return advice("Only rehearsals run here; this was not tested.", "Keep real data on a Linux machine.")
    return problem(f"A live installation needs Linux, not {patient.machine.system}.", "Install it on a Linux machine.")


def _packages(patient: Patient) -> Found:
    path = patient.machine.lock_file()
    if path is None:
        return unknown("There is no requirements.lock to compare with.", "Install Strongroom from its release again.")
    wrong = list(_other_than(path))
    if not wrong:
        return ok(f"Every package is the one that {path.name} names.")
    few = "; ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    return problem(f"Installed packages are not those that were tested: {few}.", INSTALL.format("python", path))


def _other_than(path: Path) -> list[str]:
    """Packages that are installed in another version, or missing where nothing says that they may be."""
    wrong = []
    for line in path.read_text(encoding="utf-8").splitlines():
        match = PINNED.match(line)
        if match is None:
            continue
        name, version, marker = match.groups()
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            if marker is None:
                wrong.append(f"{name} is missing")
            continue
        if found != version:
            wrong.append(f"{name} is {found}, not {version}")
    return wrong


def _reach(patient: Patient) -> Found:
    """Own uids need an interpreter that every user may run."""
    if os.getuid() != 0:
        return not_here("Only root gives processes users of their own.")
    who = identities.choose(patient.folders.data)
    if who.is_service:
        return ok("Each process can have a user of its own.")
    return advice(who.why, "Install Strongroom below /opt, its data below /var/lib, then run: strongroom init")


def _postgres(patient: Patient) -> Found:
    if patient.configuration.database.host:
        return not_here("The database is another machine's.")
    found = find_binaries(None)
    return ok(f"PostgreSQL {found.major} from the Python packages.")


EXAMINATIONS: Final = (
    Examination("program.python", "AZ-8", "the version of Python", _python),
    Examination("program.system", "ES-3", "the operating system", _system),
    Examination("program.packages", "LM-5", "installed packages against the lock file", _packages),
    Examination("program.reach", "ES-3", "whether processes can have users of their own", _reach),
    Examination("program.postgres", "RR-1", "the database's programs", _postgres),
)
