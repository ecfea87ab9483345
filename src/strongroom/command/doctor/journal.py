"""The journal's head and newest leaves, its name, and what lies of it in the second place; read as anybody could."""

from pathlib import Path
from typing import Final

from strongroom.formats import note
from strongroom.formats.malformed import Malformed
from strongroom.installation.doctor.findings import Examination, Found, advice, not_here, ok, problem
from strongroom.installation.doctor.patient import NotHere, Patient
from strongroom.policy.logging_and_monitoring.checkpoints import PlaceLost, outside_checkpoints
from strongroom.policy.logging_and_monitoring.tree import PublishedTree, read_key

SILENT: Final = 15 * 60
"""Seconds: the key broker writes a heartbeat each minute."""
VERIFY: Final = "strongroom journal verify"
RUN_BOOK: Final = "docs/run-books/journal-does-not-verify.md"


def _name(patient: Patient) -> Found:
    _there(patient)
    key = read_key(patient.folders.journal)
    origin = (patient.folders.keys / "origin").read_text(encoding="utf-8").strip()
    if key.name != origin:
        return problem(f"The journal is of {key.name}, the keys are of {origin}.", "Bring back the folder that belongs")
    return ok(f"The journal of {origin}, with its public key beside it.")


def _head(patient: Patient) -> Found:
    """The signature, every tile up to the root, and the newest leaves; `journal verify` reads all of them."""
    _there(patient)
    try:
        tree = PublishedTree(patient.folders.journal)
        tree.verify_head()
        if tree.bundles:
            tree.bundle(tree.bundles - 1)
    except (Malformed, FileNotFoundError) as why:
        return problem(f"The journal does not verify: {why}.", VERIFY, RUN_BOOK)
    return ok(f"The head of {tree.size:,} leaves is signed, and its newest leaves are those that were hashed.")


def _fresh(patient: Patient) -> Found:
    _there(patient)
    patient.running()
    if patient.told is None:
        raise NotHere("The key broker does not answer; see keys.broker.")
    tree = PublishedTree(patient.folders.journal)
    age = (patient.now - tree.leaf(tree.size - 1).entry.at) // 1000
    if age > SILENT and not patient.told.locked:
        return problem(f"The newest leaf is {age // 60} minutes old.", f"tail {patient.folders.logs / 'keybroker.log'}")
    return ok(f"The newest leaf under the signed head is {max(age, 0):,} seconds old.")


def _outside(patient: Patient) -> Found:
    """Every head that lies elsewhere is one of this tree's (LM-2)."""
    _there(patient)
    place = patient.configuration.journal.checkpoints_to
    if not place:
        return not_here("No second place is set; see settings.second-place.")
    tree = PublishedTree(patient.folders.journal)
    try:
        found = outside_checkpoints(Path(place), tree.key)
    except PlaceLost:
        return problem(f"The second place {place} cannot be read.", f"mount {place}")
    if not found:
        return advice("Nothing lies in the second place yet; the worker puts a head there each hour.", f"ls {place}")
    for one in found:
        if one.checkpoint is None:
            return problem(f"A head of {one.at:%Y-%m-%d %H:%M} in {place} is not signed by our key.", RUN_BOOK)
        if not _extends(tree, one.note):
            return problem(f"The journal does not extend the head of {one.at:%Y-%m-%d %H:%M}.", VERIFY, RUN_BOOK)
    return ok(f"The journal extends all {len(found)} heads that were looked at in {place}.")


def _extends(tree: PublishedTree, older: str) -> bool:
    try:
        tree.consistency(older)
    except (Malformed, FileNotFoundError):
        return False
    return note.verify_checkpoint(older, tree.key).size <= tree.size


def _there(patient: Patient) -> None:
    patient.installed()
    if not (patient.folders.journal / "checkpoint").exists():
        raise NotHere("There is no signed head yet; the key broker writes one once it was unlocked.")


EXAMINATIONS: Final = (
    Examination("journal.name", "LM-2", "the journal's name and key", _name),
    Examination("journal.head", "LM-2", "the journal's head and newest leaves", _head),
    Examination("journal.fresh", "LM-2", "whether the journal grows", _fresh),
    Examination("journal.outside", "LM-2", "heads in the second place", _outside),
)
