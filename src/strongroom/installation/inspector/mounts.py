"""Look `mounts`: what kind of medium the data lies on, and what is mounted into the data folder (AM-6, ES-2)."""

from pathlib import Path
from typing import Final

from strongroom.installation.file_systems import (
    COPY_ON_WRITE,
    Mount,
    covering,
    is_foreign,
    mounts,
    removable_below,
)
from strongroom.installation.inspector import processes
from strongroom.installation.inspector.seen import Seen, Surroundings, shown
from strongroom.installation.neighbours import PROC

MEMORY: Final = frozenset({"tmpfs", "ramfs"})
NOTHING: Final = "/systemd/inaccessible/"
"""What a service manager mounts over what a unit may not see."""


def look(around: Surroundings, seen: Seen) -> None:
    here = list(mounts(PROC / "self" / "mountinfo"))
    places = {"data": around.folders.data, "keys": around.folders.keys, "journal": around.folders.journal,
              "database": around.folders.postgres}  # fmt: skip
    for number, target in enumerate(around.description.backups, 1):
        places[f"backup_{number}"] = Path(target)
    for name, folder in places.items():
        _judge(name, folder, here, seen)
    _below(around, here, seen)
    for pid, role in processes.ours(around, processes.living()).items():
        # Each process may have mounts of its own, as units and containers have; what it sees is what it uses.
        try:
            its = list(mounts(PROC / str(pid) / "mountinfo"))
        except OSError:
            continue
        if its != here:
            _below(around, its, seen, f" in the {role or 'other'} process's view")


def _judge(name: str, folder: Path, here: list[Mount], seen: Seen) -> None:
    where = folder.resolve()
    if not where.exists():
        return
    mount = covering(where, here)
    if mount is None:
        seen.cannot(f"What the folder {shown(folder)} lies on is not shown.")
        return
    seen.saw(f"{name}_kind", mount.kind)
    if is_foreign(mount.kind):
        seen.problem(
            f"{shown(folder)} lies on {mount.kind}, which is not this machine's own medium.",
            "Move it to a local disk (ext4 or xfs), then restart Strongroom.",
        )
    elif mount.kind in MEMORY and name != "data":
        seen.saw(f"{name}_in_memory", 1)
    removable = removable_below(mount.device)
    if removable:
        seen.problem(
            f"{shown(folder)} lies on a removable device ({removable}).",
            "Move it to a disk that stays in the machine, then cleanse the device.",
        )
    elif removable is None and mount.kind not in MEMORY and not mount.device.startswith("0:"):
        seen.cannot(f"Whether the device of {shown(folder)} is removable is not shown.")
    if name == "keys":  # a residual that SECURITY.md states, and `keys list` says what it means for a destroyed key
        seen.saw("keys_copy_on_write", int(mount.kind in COPY_ON_WRITE))


def _below(around: Surroundings, here: list[Mount], seen: Seen, view: str = "") -> None:
    """Mounts inside the data folder. One that shows the very place it covers, as service managers make, is none."""
    data = around.folders.data.resolve()
    foreign = []
    for at, mount in enumerate(here):
        if mount.point == data or not mount.point.is_relative_to(data) or NOTHING in str(mount.root):
            continue
        under = covering(mount.point.parent, here[:at]) or covering(mount.point.parent, here)
        if under is not None and mount.device == under.device:
            usual = under.root / mount.point.relative_to(under.point)
            if mount.root == usual:
                continue
        foreign.append(mount)
    if not view:
        seen.saw("mounts_below_data", [f"{mount.point} ({mount.kind})" for mount in foreign])
    for mount in foreign:
        seen.problem(
            f"Another place is mounted into the data folder{view}: {shown(mount.point)} ({mount.kind}).",
            f"Look what it is (findmnt {shown(mount.point)}), unmount it, and cleanse it if data was written there.",
        )
