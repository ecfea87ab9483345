"""The data folder: whose it is, what is missing or left over, what it lies on, and how much room there is."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.installation import file_systems, leftovers
from strongroom.installation.doctor.findings import Examination, Found, advice, not_here, ok, problem
from strongroom.installation.doctor.patient import GIB, NotHere, Patient
from strongroom.installation.file_systems import COPY_ON_WRITE
from strongroom.installation.folders import Folders
from strongroom.installation.inspector import file_modes
from strongroom.installation.layout import LAYOUT, rule_for

SECRETS: Final = ("credentials/", "keys/", "tls/server.key", "tls/ca.key", "rehearsal-unlock")
"""What somebody may have read while it was open to them."""
LEAST_NODES: Final = 10_000


def _here(patient: Patient) -> Found:
    data = patient.folders.data
    if not data.exists():
        return problem(f"There is no folder {data}.", "strongroom up", "or name another: strongroom --data DIR doctor")
    if not patient.has_keys:
        return problem(f"Nothing is installed in {data}: it has no key ring.", f"strongroom --data {data} up")
    kind = "rehearsal" if patient.is_rehearsal else "live installation"
    return ok(f"A {kind} lies in {data}.")


def _owner(patient: Patient) -> Found:
    _present(patient)
    data = patient.folders.data
    state = data.lstat()
    if not stat.S_ISDIR(state.st_mode):
        return problem(f"{data} is a link or no folder.", "Name the folder itself with --data.")
    if os.getuid() not in (0, state.st_uid):
        return problem(f"{data} belongs to uid {state.st_uid}.", f"Run as that user: strongroom --data {data} doctor")
    if state.st_mode & 0o022:
        return problem(f"Others may write in {data}; what lies in it may be theirs.", f"chmod go-w {data}")
    return ok(f"{data} belongs to uid {state.st_uid}, and nobody else may write in it.")


def _close(patient: Patient) -> list[str]:
    data = patient.folders.data
    mode = stat.S_IMODE(data.lstat().st_mode)
    if not mode & 0o022 or not data.is_dir():
        return []
    data.chmod(mode & ~0o022)
    return [f"Nobody else may write in {data} now; look whether all that lies in it is yours."]


def _missing(patient: Patient) -> Found:
    patient.installed()
    found = list(_absent(patient))
    if not found:
        return ok("Every folder is there.")
    return problem(
        f"Missing: {', '.join(str(path.relative_to(patient.folders.data)) for path in found)}.",
        "strongroom doctor --fix folder.missing", "or start Strongroom, which makes them",
    )  # fmt: skip


def _absent(patient: Patient) -> Iterator[Path]:
    """Folders that each start makes: those of the table, and some beside it. Keys and journal are never made anew."""
    names = [rule.path for rule in LAYOUT if rule.made and rule.path not in ("keys", "journal")]
    for name in ("logs", "credentials", "tls", *names):
        if not (patient.folders.data / name).exists():
            yield patient.folders.data / name


def _make(patient: Patient) -> list[str]:
    """Whose each is, the next start settles where processes have users of their own."""
    made = []
    for path in _absent(patient):
        rule = rule_for(path.name)
        path.mkdir(mode=rule.mode if rule is not None else 0o700)
        made.append(f"{path} made.")
    return made


def narrow(patient: Patient) -> list[str]:
    """Take from others what the table does not give them; never follows a link."""
    done = []
    data = patient.folders.data
    for here, folders, files in os.walk(data):
        if Path(here) == data:
            folders[:] = [name for name in folders if name not in file_modes.SKIPPED]
        for name in (*folders, *files):
            done += _narrow(data, Path(here) / name)
    return done


def _narrow(data: Path, path: Path) -> list[str]:
    state = path.lstat()
    name = str(path.relative_to(data))
    wanted = file_modes.widest(rule_for(name), state)
    mode = stat.S_IMODE(state.st_mode)
    if stat.S_ISLNK(state.st_mode) or not mode & ~wanted:
        return []
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, mode & wanted)
    finally:
        os.close(descriptor)
    words = f"{path}: mode {mode:04o} is {mode & wanted:04o} now."
    seen = mode & 0o044 and name.startswith(SECRETS)
    return [f"{words} Others could read this secret until now: replace it." if seen else words]


def _credentials(patient: Patient) -> Found:
    """Empty, linked or open credential files; what each is for, settings say."""
    _present(patient)
    folder = patient.folders.credentials
    if not folder.is_dir():
        raise NotHere("There is no folder for credentials.")
    for path in sorted(folder.iterdir()):
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode):
            return problem(f"The credential {path.name} is no file.", f"rm {path}", f"put the file itself at {path}")
        if state.st_mode & 0o077:
            again = f"chmod 600 {path}", f"Replace the secret in {path}: others could read it."
            return problem(f"Others may read the credential {path.name}.", *again)
        if state.st_size == 0:
            return problem(f"The credential {path.name} is empty.", f"Write the secret into {path}")
    return ok("Every credential is a file with something in it that only its owner reads.")


def _left_over(patient: Patient) -> Found:
    _present(patient)
    if patient.is_up:
        return ok("Strongroom runs; what its processes use is theirs.")
    strays = leftovers.living(patient.folders.run / "children")
    if strays:
        return problem(f"Processes of a supervisor that was killed still live: {', '.join(strays)}.", "strongroom up")
    left = list(_stale(patient.folders))
    if not left:
        return ok("Nothing is left over from a process that was killed.")
    names = ", ".join(str(path) for path in left[:8])
    return advice(f"Left over from processes that ended: {names}.", "strongroom doctor --fix folder.leftovers")


def _stale(folders: Folders) -> Iterator[Path]:
    """What nobody holds while nothing runs: half-written files, sockets, the list of children, a lost short folder."""
    for folder in (folders.data, folders.credentials, folders.tls):
        yield from sorted(path for path in folder.glob("*.new") if path.is_file() and not path.is_symlink())
    pointer = folders.data / "run.path"
    if pointer.exists() and not folders.run.exists():
        yield pointer
        return
    yield from sorted(path for path in folders.run.glob("broker/*.sock") if path.is_socket())
    yield from sorted(path for path in folders.run.glob("children*") if path.is_file())


def _tidy(patient: Patient) -> list[str]:
    if patient.is_up or leftovers.living(patient.folders.run / "children"):
        return []
    removed = []
    for path in _stale(patient.folders):
        path.unlink()
        removed.append(f"{path} removed.")
    return removed


def _space(patient: Patient) -> Found:
    _present(patient)
    machine, data = patient.machine, patient.folders.data
    free, nodes = shutil.disk_usage(data).free, os.statvfs(data)
    remedy = f"Free some space on the disk of {data}: df -h {data}"
    words = f"{free / GIB:.1f} GiB are free"
    if nodes.f_files and nodes.f_favail < LEAST_NODES:
        return problem(f"Only {nodes.f_favail:,} more files fit on this disk.", remedy)
    if free < machine.least_free:
        return problem(f"Only {words}; nothing is received once the disk is full.", remedy)
    if free < machine.advised_free:
        return advice(f"{words}.", remedy)
    return ok(f"{words}.")


def _cells(patient: Patient) -> Found:
    """What may be claimed of a destroyed key."""
    patient.installed()
    kind = file_systems.kind_of(patient.folders.keys)
    if kind in COPY_ON_WRITE or kind == "unknown":
        return advice(
            f"The keys lie on {kind}, which may keep overwritten blocks: a dead key is deleted, not cleared.",
            f"Move the folder to ext4 or xfs: {patient.folders.data}",
        )
    return ok(f"The keys lie on {kind}, where overwriting a cell clears it.")


def _medium(patient: Patient) -> Found:
    """What keeps a live installation from starting, said before it is tried."""
    if patient.is_rehearsal:
        return not_here("A rehearsal holds nothing real; it may lie anywhere.")
    targets = map(Path, patient.configuration.backup.targets)
    file_systems.refuse_outside_media([patient.folders.data, *targets])
    return ok("Everything lies on this machine's own disks.")


def _copies(patient: Patient) -> Found:
    targets = patient.configuration.backup.targets
    if not targets:
        return advice("No folder of copies is listed.", '[backup] targets = ["/mnt/copies"]')
    gone = [target for target in targets if not Path(target).is_dir()]
    if gone:
        return problem(f"Folders of copies are missing: {', '.join(gone)}.", *(f"mount {target}" for target in gone))
    return ok("Every listed folder of copies is there.")


def _present(patient: Patient) -> None:
    if not os.path.lexists(patient.folders.data):
        raise NotHere("There is no data folder.")


EXAMINATIONS: Final = (
    Examination("folder.here", "RR-1", "whether something is installed here", _here),
    Examination("folder.owner", "ES-3", "whose the data folder is", _owner, _close),
    Examination("folder.missing", "ES-3", "the folders that should be there", _missing, _make),
    Examination("folder.credentials", "ES-3", "credential files", _credentials, narrow),
    Examination("folder.leftovers", "RR-4", "what killed processes left", _left_over, _tidy),
    Examination("folder.space", "RR-5", "room on the disk", _space),
    Examination("folder.medium", "ES-2", "which disk the data lies on", _medium),
    Examination("folder.cells", "RR-2", "what destroying a key amounts to on this file system", _cells),
    Examination("folder.copies", "AZ-9", "folders of copies", _copies),
)
