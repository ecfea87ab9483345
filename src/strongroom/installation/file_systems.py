"""What kind of file system a folder lies on, and what may be claimed of a cell overwritten there (NIST SP 800-88)."""

from pathlib import Path
from typing import Final

COPY_ON_WRITE: Final = frozenset({"btrfs", "zfs", "bcachefs", "overlay", "f2fs", "nilfs2"})


def kind_of(folder: Path) -> str:
    """The file system's type; `unknown` where the system does not say."""
    where, best, kind = folder.resolve(), -1, "unknown"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return kind
    for line in lines:
        left, _, right = line.partition(" - ")
        point = Path(left.split(" ")[4].replace("\\040", " "))
        if where.is_relative_to(point) and len(point.parts) > best:
            best, kind = len(point.parts), right.split(" ")[0]
    return kind


def claim(folder: Path) -> str:
    """What destroying a cell in this folder amounts to, in words."""
    kind = kind_of(folder)
    if kind in COPY_ON_WRITE or kind == "unknown":
        return f"deleted, not cleared: {kind} may keep overwritten blocks; keep the keys folder on ext4 or xfs"
    return f"cleared (NIST SP 800-88): overwritten in place on {kind}; snapshots of the host are a residual"
