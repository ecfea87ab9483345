"""What shows that data lies on no outside medium, and keys are our processes' alone (ES-2, ES-3).

The inspector looks: this process may see neither the keys' folder nor the flags of the others.
"""

import json
from typing import Final

from strongroom.formats.verdict import Look as Seen
from strongroom.policy.clauses.controls import Check, Look, Outcome, Verdict, failed
from strongroom.policy.obligations import runs
from strongroom.policy.obligations.inspected import PATIENCE, look_at

PROCESSES: Final = "ES-3.processes"
STRANGERS: Final = "refused_strangers"
BACK: Final = 50
"""Runs among which the last figure is looked for: those without the inspector's word have none."""


def no_outside_medium(look: Look) -> Verdict:
    """What data, keys, journal, database and each place of copies lie on, and what is mounted among them."""
    return look_at(look, Seen.MOUNTS)


def processes_are_closed(look: Look) -> Verdict:
    """Users, rights and flags of our processes; whoever else came to the key broker since the last run.

    The inspector says once that somebody came, at whatever time it looks. So the count is compared here too.
    """
    said = look_at(look, Seen.PROCESS_FLAGS)
    count, before = said.seen.get(STRANGERS), _strangers_before()
    if said.outcome is not Outcome.PASS or not isinstance(count, int):
        return said
    fresh = count - before if count >= before else count
    if not fresh:
        return said
    came = f"Another user came to the key broker and was refused, {fresh:,} times since the last run."
    return failed(came, **dict(said.seen))


def files_are_closed(look: Look) -> Verdict:
    """Owner, mode and links of every file in the data folder, keys and credentials among them."""
    return look_at(look, Seen.FILE_MODES)


def keys_stay_in_memory(look: Look) -> Verdict:
    """Whether memory that holds keys was, or could be, written to a disk."""
    return look_at(look, Seen.SWAP)


def no_copies_elsewhere(look: Look) -> Verdict:
    """Copies of keys or data in the machine's shared folders, and keys in places of copies."""
    return look_at(look, Seen.OTHER_FOLDERS)


def _strangers_before() -> int:
    """The count of the last run that had one."""
    for run in runs.last_of(PROCESSES, BACK):
        if run.ended_at is not None and isinstance(count := json.loads(run.seen or "{}").get(STRANGERS), int):
            return count
    return 0


CHECKS: Final = (
    Check(
        "ES-2.mounts",
        "Data, keys, database and copies lie on this machine's own disks, and nothing else is mounted among them.",
        "Data lies on an outside medium or another machine's disk, or something is mounted among it.",
        no_outside_medium,
        patience=PATIENCE,
        needs=Seen.MOUNTS,
    ),
    Check(
        PROCESSES,
        "Each process runs as its own user, gives nothing away to others, and nobody else came to the key broker.",
        "A process of ours is open to others, or another user came to the key broker.",
        processes_are_closed,
        patience=PATIENCE,
        needs=Seen.PROCESS_FLAGS,
    ),
    Check(
        "ES-3.files",
        "Keys, credentials and everything beside them belong to whom they should and are closed to others.",
        "Somebody else may read or change what is kept.",
        files_are_closed,
        patience=PATIENCE,
        needs=Seen.FILE_MODES,
    ),
    Check(
        "ES-3.swap",
        "No memory with keys is in swap, or could come there.",
        "Memory with keys is, or may be, written to a disk.",
        keys_stay_in_memory,
        patience=PATIENCE,
        needs=Seen.SWAP,
    ),
    Check(
        "ES-3.copies",
        "No copy of a key or of the data lies elsewhere on this machine, and no key in a copy.",
        "A copy of a key or of the data lies where it should not.",
        no_copies_elsewhere,
        patience=PATIENCE,
        needs=Seen.OTHER_FOLDERS,
    ),
)
