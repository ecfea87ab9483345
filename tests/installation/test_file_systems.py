"""Nothing live starts on what leaves the machine: what a folder lies on is read from the kernel's own list (ES-2, AM-6)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.installation import file_systems
from strongroom.installation.file_systems import covering, kind_of, mounts, refuse_outside_media
from strongroom.installation.problems import CannotStart

LIVES = """
import sys
from pathlib import Path
from strongroom.installation.commands import LIVE
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from strongroom.installation.running import Running
folders = Folders(Path(sys.argv[1]))
folders.make()
Running(folders, load(folders.configuration), LIVE)
"""
REHEARSES = """
import sys
from pathlib import Path
from strongroom.rehearsal.installation import Rehearsal
Rehearsal(Path(sys.argv[1]), port=1, days=0)
"""
LINE = "{number} 1 {device} / {point} rw,relatime - {kind} source rw\n"


def mounted(folder: Path, *kinds: tuple[str, str]) -> Path:
    """A list of mounts as the kernel writes it: the machine's own disk, and on it what is given, by point."""
    path = folder / "mountinfo"
    lines = [LINE.format(number=1, device="0:99", point="/", kind="ext4")]
    lines += [LINE.format(number=2, device="0:99", point=point, kind=kind) for point, kind in kinds]
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs", "fuseblk"])
def test_a_folder_on_anothers_disk_is_refused_and_named(folder: Path, kind: str) -> None:
    here = mounted(folder, (str(folder.resolve()), kind))
    with pytest.raises(CannotStart, match=f"lies on {kind}"):
        refuse_outside_media([folder / "data"], here)
    refuse_outside_media([Path("/var/lib/strongroom")], here)


def test_a_place_of_copies_counts_too_and_what_lies_on_our_own_disk_is_taken(folder: Path) -> None:
    here = mounted(folder, ("/mnt/copies", "nfs4"), ("/srv", "xfs"), ("/srv/memory", "tmpfs"))
    refuse_outside_media([Path("/srv/data"), Path("/srv/memory/data"), Path("/home/data")], here)
    with pytest.raises(CannotStart, match="/mnt/copies/ours lies on nfs4"):
        refuse_outside_media([Path("/srv/data"), Path("/mnt/copies/ours")], here)


def test_the_deepest_and_latest_mount_is_what_a_folder_lies_on_also_with_blanks_in_its_name(folder: Path) -> None:
    here = list(mounts(mounted(folder, ("/a", "nfs4"), ("/a/b\\040c", "xfs"), ("/a", "ext4"))))
    kinds = {path: mount.kind for path in ("/a/x", "/a/b c/x", "/") if (mount := covering(Path(path), here))}
    assert kinds == {"/a/x": "ext4", "/a/b c/x": "xfs", "/": "ext4"}


def test_where_the_system_does_not_tell_nothing_is_refused(folder: Path) -> None:
    refuse_outside_media([folder], folder / "none")


def test_this_machine_tells_what_proc_is() -> None:
    if not file_systems.MOUNTED.exists():
        pytest.skip("only Linux lists its mounts")
    assert kind_of(Path("/proc")) == "proc"


def test_a_live_installation_on_anothers_disk_does_not_start_and_a_rehearsal_may(folder: Path) -> None:
    """Over the kernel's list of the process's own mounts another list is mounted, in mounts of its own."""
    if os.getuid() != 0:
        pytest.skip("only root mounts")
    here = mounted(folder, (str(folder.resolve()), "nfs4"))
    planted = f'mount --bind "{here}" /proc/$$/mountinfo; exec "$@"'
    data = folder / "data"
    for live in (True, False):
        code = LIVES if live else REHEARSES
        command = ["unshare", "--mount", "sh", "-ec", planted, "sh", sys.executable, "-c", code, str(data / str(live))]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert ("lies on nfs4" in ran.stderr) is live, ran.stderr
        assert (ran.returncode == 0) is not live, ran.stderr
