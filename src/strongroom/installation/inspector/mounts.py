"""Look `mounts`: what kind of medium the data lies on, and what is mounted into the data folder (AM-6, ES-2)."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.installation.file_systems import COPY_ON_WRITE
from strongroom.installation.inspector import processes
from strongroom.installation.inspector.seen import Seen, Surroundings, shown
from strongroom.installation.neighbours import PROC

NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "coda", "ocfs2", "gfs2",
     "davfs", "ncpfs", "virtiofs", "beegfs", "orangefs"}
)  # fmt: skip
MEMORY: Final = frozenset({"tmpfs", "ramfs"})
NOTHING: Final = "/systemd/inaccessible/"
"""What a service manager mounts over what a unit may not see."""
SYS: Final = Path("/sys/dev/block")
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo: the device, what of its file system is mounted, and where."""

    device: str
    root: Path
    point: Path
    kind: str
    source: str


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


def mounts(path: Path) -> Iterator[Mount]:
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        words, kinds = left.split(" "), right.split(" ")
        yield Mount(words[2], Path(_plain(words[3])), Path(_plain(words[4])), kinds[0], _plain(kinds[1]))


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def _covering(folder: Path, here: list[Mount]) -> Mount | None:
    """The mount that a folder lies on: the deepest point above it, the latest where several are stacked."""
    found = None
    for mount in here:
        if folder.is_relative_to(mount.point) and (found is None or len(mount.point.parts) >= len(found.point.parts)):
            found = mount
    return found


def _judge(name: str, folder: Path, here: list[Mount], seen: Seen) -> None:
    where = folder.resolve()
    if not where.exists():
        return
    mount = _covering(where, here)
    if mount is None:
        seen.cannot(f"What the folder {shown(folder)} lies on is not shown.")
        return
    seen.saw(f"{name}_kind", mount.kind)
    if mount.kind in NETWORK or mount.kind.startswith("fuse"):
        seen.problem(
            f"{shown(folder)} lies on {mount.kind}, which is not this machine's own medium.",
            "Move it to a local disk (ext4 or xfs), then restart Strongroom.",
        )
    elif mount.kind in MEMORY and name != "data":
        seen.saw(f"{name}_in_memory", 1)
    removable = _removable(mount.device)
    if removable:
        seen.problem(
            f"{shown(folder)} lies on a removable device ({removable}).",
            "Move it to a disk that stays in the machine, then cleanse the device.",
        )
    elif removable is None and mount.kind not in MEMORY and not mount.device.startswith("0:"):
        seen.cannot(f"Whether the device of {shown(folder)} is removable is not shown.")
    if name == "keys":  # a residual that SECURITY.md states, and `keys list` says what it means for a destroyed key
        seen.saw("keys_copy_on_write", int(mount.kind in COPY_ON_WRITE))


def _removable(device: str) -> str | None:
    """The name of a removable disk below this device, empty where there is none; None where it is not shown.

    A partition's disk is the folder above it; of what is stacked (encryption, volumes, loops), each disk below counts.
    """
    if not (SYS / device).exists():
        return None
    place = (SYS / device).resolve()
    below = [path.resolve() for path in (place / "slaves").glob("*")] if (place / "slaves").is_dir() else []
    for one in [place, *below]:
        disk = one.parent if (one / "partition").exists() else one
        with contextlib.suppress(OSError):
            if (disk / "removable").read_text(encoding="ascii").strip() == "1" or "/usb" in str(disk):
                return disk.name
    return ""


def _below(around: Surroundings, here: list[Mount], seen: Seen, view: str = "") -> None:
    """Mounts inside the data folder. One that shows the very place it covers, as service managers make, is none."""
    data = around.folders.data.resolve()
    foreign = []
    for at, mount in enumerate(here):
        if mount.point == data or not mount.point.is_relative_to(data) or NOTHING in str(mount.root):
            continue
        under = _covering(mount.point.parent, here[:at]) or _covering(mount.point.parent, here)
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
