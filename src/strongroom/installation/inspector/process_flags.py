"""Look `process-flags`: what the kernel allows to happen to each of our processes (ES-3)."""

import time
from collections.abc import Mapping
from typing import Final

from strongroom.formats.grade import Role
from strongroom.installation.inspector import processes
from strongroom.installation.inspector.broker import Silent
from strongroom.installation.inspector.processes import Process
from strongroom.installation.inspector.seen import Seen, Surroundings
from strongroom.installation.process_flags import Capability

HOLD_SECRETS: Final = frozenset({Role.WEB, Role.WORKER, Role.BROKER, Role.INSPECTOR})
ALLOWED: Final = {
    Role.INSPECTOR: 1 << Capability.DAC_READ_SEARCH | 1 << Capability.SYS_PTRACE,
    Role.WEB: 1 << Capability.NET_BIND_SERVICE,
}
AGAIN_AFTER: Final = 2.0
"""A process that has just begun, or was born again, asks for its flags within a second."""


def look(around: Surroundings, seen: Seen) -> None:
    first = processes.living()
    suspects = _findings(around, first)
    if suspects:
        time.sleep(AGAIN_AFTER)
        again = _findings(around, processes.living())
        suspects = {key: words for key, words in again.items() if key in suspects}
    for sentence, remedy in suspects.values():
        seen.problem(sentence, remedy)
    everybody = processes.living()
    roles = processes.ours(around, everybody)
    seen.saw("processes", sorted(f"{roles[pid] or 'other'} uid {everybody[pid].uid}" for pid in roles))
    seen.saw("count", len(roles))
    for role in Role:
        count = sum(found is role for found in roles.values())
        if count:
            seen.saw(f"{role}_processes", count)
    _broker(around, seen, everybody, roles)
    if any(everybody[pid].dumpable is None for pid, role in roles.items() if role in HOLD_SECRETS):
        seen.cannot("Whether they can be dumped is not shown for processes of root; run them under uids of their own.")
    _strangers(around, seen)


def _findings(around: Surroundings, everybody: Mapping[int, Process]) -> dict[tuple[int, str, str], tuple[str, str]]:
    """What is wrong with each process, by pid, birth and kind, so that a second look can tell whether it stayed."""
    found: dict[tuple[int, str, str], tuple[str, str]] = {}
    roles = processes.ours(around, everybody)
    for pid, role in roles.items():
        process = everybody[pid]
        for kind, words in _wrong(around, process, role).items():
            found[pid, process.born, kind] = words
    for pid, process in everybody.items():
        if pid not in roles and (role := around.role_of(process.uid)) is not None:
            found[pid, process.born, "stray"] = (
                f"Process {pid} runs as the {role}'s uid {process.uid}, and Strongroom did not start it.",
                f"Look what it is (ps -fp {pid}), and end it.",
            )
    return found


def _wrong(around: Surroundings, process: Process, role: Role | None) -> dict[str, tuple[str, str]]:
    who = f"The {role or 'unknown'} process {process.pid}"
    again = "Restart it; if that does not help, look who started it."
    found: dict[str, tuple[str, str]] = {}
    if role in HOLD_SECRETS and process.dumpable:
        found["dumpable"] = (f"{who} can be dumped and attached to by its own user.", again)
    if process.tracer:
        found["traced"] = (f"{who} is being traced by process {process.tracer}.", f"End process {process.tracer}.")
    if not process.core_limit.startswith("0/"):
        found["core"] = (f"{who} may write core dumps (limit {process.core_limit}).", again)
    if not process.no_new_privileges:
        found["rights"] = (f"{who} may gain new rights.", again)
    if around.is_service:
        found |= _beyond(around, process, role, who)
    return found


def _beyond(around: Surroundings, process: Process, role: Role | None, who: str) -> dict[str, tuple[str, str]]:
    """What only own uids let one say."""
    found: dict[str, tuple[str, str]] = {}
    wanted = around.description.grade.uids.get(role) if role is not None else None
    if wanted is None or process.uid != wanted:
        found["uid"] = (f"{who} runs as uid {process.uid}, not as {wanted}.", "Restart Strongroom.")
    extra = process.capabilities & ~ALLOWED.get(role or Role.AMAZON, 0)
    if extra:
        numbers = ", ".join(str(bit) for bit in range(64) if extra >> bit & 1)
        found["capabilities"] = (f"{who} has capabilities that it should not have ({numbers}).", "Restart Strongroom.")
    return found


def _broker(
    around: Surroundings, seen: Seen, everybody: Mapping[int, Process], roles: Mapping[int, Role | None]
) -> None:
    """Where the keys are: what of its memory is locked or was swapped, and whether it has a network."""
    found = [pid for pid, role in roles.items() if role is Role.BROKER]
    if not found:
        seen.cannot("No key broker runs.")
        return
    seen.saw("broker_locked_kib", min(everybody[pid].locked_kib for pid in found))
    seen.saw("broker_swapped_kib", max(everybody[pid].swapped_kib for pid in found))
    mine, its = processes.network_of(around.supervisor), {processes.network_of(pid) for pid in found}
    seen.saw("broker_network", "unknown" if None in its or mine is None else "shared" if mine in its else "none")


def _strangers(around: Surroundings, seen: Seen) -> None:
    """A user who connected to the broker and is nobody of ours: told once, by the look that finds the count grown."""
    try:
        told, locked = around.broker.strangers(), around.broker.locked()
    except Silent:
        seen.cannot("The key broker does not tell whom it refused.")
        return
    before = around.memory.get("strangers", 0)
    seen.saw("refused_strangers", told)
    seen.saw("broker_locked", int(locked))
    seen.memory["strangers"] = told
    if told > before or told < before:  # less: it was started anew, and has already refused somebody or forgot them
        fresh = told - before if told > before else told
        if fresh:
            seen.problem(
                f"Another user of this machine connected to the key broker and was refused ({fresh} times).",
                "Look in logs/keybroker.log which uid it was, and ask who that is.",
            )
