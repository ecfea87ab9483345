"""Look `swap`: whether memory with keys could be written to a disk (ES-3)."""

from pathlib import Path

from strongroom.formats.grade import Role
from strongroom.installation.inspector import processes
from strongroom.installation.inspector.seen import Seen, Surroundings
from strongroom.installation.neighbours import PROC

CGROUPS = Path("/sys/fs/cgroup")
HOLD_KEYS_OR_DATA = (Role.BROKER, Role.WEB, Role.WORKER)


def look(around: Surroundings, seen: Seen) -> None:
    swaps = [line.split()[0] for line in (PROC / "swaps").read_text(encoding="utf-8").splitlines()[1:]]
    in_memory = [name for name in swaps if "zram" in name]
    on_disk = [name for name in swaps if "zram" not in name]
    seen.saw("swaps", len(swaps))
    seen.saw("swaps_in_memory", len(in_memory))
    everybody = processes.living()
    roles = processes.ours(around, everybody)
    for pid, role in roles.items():
        if role not in HOLD_KEYS_OR_DATA:
            continue
        process = everybody[pid]
        if process.swapped_kib:
            seen.problem(
                f"{process.swapped_kib} KiB of the {role} process {pid} are in swap.",
                "Turn swap off (swapoff -a), restart Strongroom, and make the swap space anew.",
            )
        elif on_disk and role is Role.BROKER and not _is_kept(process.locked_kib, process.unit):
            seen.problem(
                "This machine swaps to a disk, and the key broker's memory is not locked as a whole.",
                "Turn swap off (swapoff -a), or run the service units, which keep the broker out of swap.",
            )
    if Role.BROKER not in roles.values():
        seen.cannot("No key broker runs.")


def _is_kept(locked_kib: int, cgroups: str) -> bool:
    """All of it is locked (more than single pages), or its control group may not swap."""
    if locked_kib > 8_192:
        return True
    group = next((line[3:] for line in cgroups.splitlines() if line.startswith("0::")), "")
    try:
        return (CGROUPS / group.lstrip("/") / "memory.swap.max").read_text(encoding="ascii").strip() == "0"
    except OSError:
        return False
