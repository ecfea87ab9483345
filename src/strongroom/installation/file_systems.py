"""What a folder lies on: file system and medium, and what may be claimed of a cell overwritten there (NIST 800-88)."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.installation.problems import CannotStart

COPY_ON_WRITE: Final = frozenset({"btrfs", "zfs", "bcachefs", "overlay", "f2fs", "nilfs2"})
NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "coda", "ocfs2", "gfs2",
     "davfs", "ncpfs", "virtiofs", "beegfs", "orangefs"}
)  # fmt: skip
MOUNTED: Final = Path("/proc/self/mountinfo")
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


def mounts(path: Path = MOUNTED) -> Iterator[Mount]:
    """What is mounted, as a process sees it. Raises `OSError` where the system does not tell."""
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        words, kinds = left.split(" "), right.split(" ")
        yield Mount(words[2], Path(_plain(words[3])), Path(_plain(words[4])), kinds[0], _plain(kinds[1]))


def covering(folder: Path, here: Iterable[Mount]) -> Mount | None:
    """The mount that a folder lies on: the deepest point above it, the latest where several are stacked."""
    found = None
    for mount in here:
        if folder.is_relative_to(mount.point) and (found is None or len(mount.point.parts) >= len(found.point.parts)):
            found = mount
    return found


def is_foreign(kind: str) -> bool:
    """Whether a file system of this kind is another machine's, or a program's that may take it anywhere."""
    return kind in NETWORK or kind.startswith("fuse")


def removable_below(device: str) -> str | None:
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


def refuse_outside_media(folders: Sequence[Path], mounted: Path = MOUNTED) -> None:
    """Nothing live starts on what leaves the machine or is another's (ES-2, AM-6). Raises `CannotStart`."""
    try:
        here = list(mounts(mounted))
    except OSError:
        return  # not Linux: for rehearsals only
    for folder in folders:
        mount = covering(folder.resolve(), here)
        if mount is not None and is_foreign(mount.kind):
            raise CannotStart(f"{folder} lies on {mount.kind}, which is not this machine's own medium.", MOVE)
        if mount is not None and (name := removable_below(mount.device)):
            raise CannotStart(f"{folder} lies on a removable device ({name}).", MOVE)


MOVE: Final = "Keep it on a disk that stays in the machine (ext4 or xfs), and cleanse what it was copied to."


def kind_of(folder: Path) -> str:
    """The file system's type; `unknown` where the system does not say."""
    try:
        mount = covering(folder.resolve(), mounts())
    except OSError:
        return "unknown"
    return mount.kind if mount is not None else "unknown"


def claim(folder: Path) -> str:
    """What destroying a cell in this folder amounts to, in words."""
    kind = kind_of(folder)
    if kind in COPY_ON_WRITE or kind == "unknown":
        return f"deleted, not cleared: {kind} may keep overwritten blocks; keep the keys folder on ext4 or xfs"
    return f"cleared (NIST SP 800-88): overwritten in place on {kind}; snapshots of the host are a residual"


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
