"""The key ring as its file tells it, without the unlock secret; and what the key broker says of itself."""

from collections import Counter
from pathlib import Path
from typing import Final

from strongroom.formats import ring
from strongroom.formats.ring import CELL_BYTES, KeyKind, Mode, Ring, Row, Unlocks
from strongroom.installation.doctor.findings import Examination, Found, advice, ok, problem
from strongroom.installation.doctor.patient import Patient

GRACE: Final = 10 * 60_000
"""Milliseconds that a running broker has for what is due."""


def _ring(patient: Patient) -> Found:
    found = _read(patient)
    wanted = Mode.REHEARSAL if patient.is_rehearsal else Mode.LIVE
    if found.mode is not wanted:
        return problem(
            f"This key ring is of mode {found.mode.name.lower()}, this folder of mode {wanted.name.lower()}.",
            "Bring the folder's own keys back; nothing converts.",
        )
    kinds = Counter(row.kind for row in found.rows)
    return ok(f"The key ring is whole: {kinds[KeyKind.DAY]} keys of days, {kinds[KeyKind.HOUSE]} of the house.")


def _cells(patient: Patient) -> Found:
    rows = _read(patient).rows
    lost = [row for row in rows if row.kind is KeyKind.HOUSE and not _is_alive(patient, row)]
    if lost:
        return problem(
            "A key of the house is gone: sign-in codes and Amazon's credentials do not open.",
            "Restore the folder of keys if you moved it; else install anew (docs/run-books/restore.md)",
        )
    dead = [
        row for row in rows if row.kind is KeyKind.DAY and not _is_alive(patient, row) and not _is_due(patient, row)
    ]
    if dead:
        return problem(
            f"{len(dead)} keys of days are gone before their day; their orders do not open.",
            "Start Strongroom: it says so in the journal, and fetches again what is still to ship",
        )
    return ok("Every key's cell holds what it held at its birth.")


def _overdue(patient: Patient) -> Found:
    """By the running broker's time, else by the clock: down for days means keys that die at the next start."""
    grace = GRACE if patient.told is not None else 0
    late = [row for row in _read(patient).rows if _is_due(patient, row, grace) and _is_alive(patient, row)]
    if not late:
        return ok("No key outlived its day.")
    if patient.told is None:
        return problem(f"{len(late)} keys should be dead; they die when the key broker starts.", "strongroom up")
    return problem(f"{len(late)} keys should be dead, and the key broker runs.", "Restart Strongroom", "tell us")


def _unlocks(patient: Patient) -> Found:
    kinds = {envelope.kind for envelope in _read(patient).envelopes}
    folders = patient.folders
    has_file = folders.has_credential("unlock") or (folders.data / "rehearsal-unlock").exists()
    if kinds == {Unlocks.FILE} and not has_file:
        return problem(
            "The key ring opens with a file alone, and the file is gone.",
            f"Put it back: {folders.credentials / 'unlock'}, mode 0600",
        )
    if Unlocks.FILE in kinds and has_file:
        return ok("A credential file unlocks the ring at each start.")
    if has_file:
        return advice("There is a file to unlock with; this ring opens with a passphrase.", "strongroom keys unlock")
    return ok("A person unlocks the ring with a passphrase after each start.")


def _broker(patient: Patient) -> Found:
    patient.installed()
    patient.running()
    if patient.told is None:
        log = patient.folders.logs / "keybroker.log"
        return problem("The key broker does not answer, or not to you.", f"tail {log}", "Restart Strongroom")
    if patient.told.locked:
        return problem("The key broker is locked: nothing is received or opened.", "strongroom keys unlock")
    return ok("The key broker answers, unlocked.")


def _time(patient: Patient) -> Found:
    patient.installed()
    patient.running()
    if patient.told is not None and patient.told.in_doubt:
        return problem("The clock jumped, and nobody has confirmed it: nothing opens.", "date", "strongroom keys agree")
    return ok("The time is believed.")


def _read(patient: Patient) -> Ring:
    """Raises `Malformed` for a torn one."""
    patient.installed()
    return ring.decode((patient.folders.keys / "ring").read_bytes())


def _is_due(patient: Patient, row: Row, grace: int = 0) -> bool:
    dies = ring.dies_at(row)
    return dies != ring.NEVER and dies + grace <= patient.now


def _is_alive(patient: Patient, row: Row) -> bool:
    cell = _cell(patient.folders.keys / "cells" / row.cell.hex())
    return len(cell) == CELL_BYTES and ring.cell_check(cell) == row.cell_check


def _cell(path: Path) -> bytes:
    try:
        return path.read_bytes()[: CELL_BYTES + 1]
    except FileNotFoundError:
        return b""


EXAMINATIONS: Final = (
    Examination("keys.ring", "ES-3", "the key ring's file", _ring),
    Examination("keys.cells", "ES-3", "each living key's cell", _cells),
    Examination("keys.overdue", "RR-2", "keys that should be dead", _overdue),
    Examination("keys.unlock", "ES-3", "what unlocks the ring", _unlocks),
    Examination("keys.broker", "ES-3", "whether the key broker answers, unlocked", _broker),
    Examination("keys.time", "RR-2", "whether the time is believed", _time),
)
