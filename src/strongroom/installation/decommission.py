"""`strongroom init --decommission`: keys first, then units and users; what is left is said, not hidden."""

import os
import shutil
import subprocess
from pathlib import Path

from strongroom.formats.grade import FILE
from strongroom.installation import firewall, layout, service, units
from strongroom.installation.folders import Folders, flush
from strongroom.installation.identities import GROUP, NAMED, Identity
from strongroom.installation.problems import CannotStart
from strongroom.installation.service import Report, systemctl

PIECE = 1 << 20


def origin(folders: Folders) -> str:
    """The journal's name, which whoever ends an installation must type."""
    path = folders.keys / "origin"
    if not path.exists():
        raise CannotStart(f"There is no installation in {folders.data}.", "Name its folder with --data.")
    return path.read_text(encoding="utf-8").strip()


def end(folders: Folders, typed: str) -> Report:
    """Destroy the keys and take the service away. Nothing that was sealed can be opened afterwards, by anybody."""
    service.need_root()
    if typed.strip() != origin(folders):
        raise CannotStart("That is not this installation's origin; nothing was changed.", "Type it as it is shown.")
    report = Report()
    if systemctl("disable", "--now", units.TARGET):
        report.done.append("The service was stopped.")
    with folders.only_one():
        count = overwrite(folders.keys) + overwrite(folders.credentials)
        report.done.append(f"{count} files of keys and credentials were overwritten, read back, and removed.")
        _take_back(folders)
        (folders.data / FILE).unlink(missing_ok=True)
    _remove_units(report)
    _remove_users(report)
    report.left += [
        f"{folders.journal}: the journal, which anybody can verify; keep it as long as records must be kept.",
        f"{folders.postgres}: the database; what was sealed in it cannot be opened. Remove it when it is of no use.",
        f"{folders.logs} and {folders.data / 'strongroom.toml'}: no keys, no personal data.",
        "Backups elsewhere hold no keys, and what was sealed in them cannot be opened either.",
        "Revoke the application's authorisation and its client secret at Amazon.",
        "Disks that are given away are cleansed as NIST SP 800-88 says; overwriting a file does not do that.",
    ]
    return report


def overwrite(folder: Path) -> int:
    """Overwrite every file below with zeros, in place, on the medium, read back; then remove them. How many."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    # Cells first: without them the rest opens nothing, wherever a kill or a power cut falls.
    for path in sorted(files, key=lambda path: path.parent.name != "cells"):
        _zero(path)
    for path in files:
        path.unlink()
    for folder_ in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        folder_.rmdir()
    flush(folder)
    return len(files)


def _zero(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        at = 0
        while at < size:
            at += os.pwrite(descriptor, bytes(min(PIECE, size - at)), at)
        os.fsync(descriptor)
        if any(os.pread(descriptor, PIECE, at).strip(b"\0") for at in range(0, size, PIECE)):
            raise CannotStart(f"{path} does not read back as overwritten.", "Destroy the disk.")
    finally:
        os.close(descriptor)


def _take_back(folders: Folders) -> None:
    """Everything is root's: the numbers of removed users may be given to others."""
    layout.hand_over(folders.data, Identity(0, 0))
    if not folders.postgres.is_relative_to(folders.data) and folders.postgres.exists():
        layout.hand_over(folders.postgres, Identity(0, 0))


def _remove_units(report: Report) -> None:
    for name in service.unit_names():
        systemctl("disable", "--now", name)
        (service.UNITS / name).unlink()
    systemctl("daemon-reload")
    for path in (service.SYSUSERS, service.RULES):
        path.unlink(missing_ok=True)
    program = shutil.which("nft", path=service.SYSTEM)
    if program is not None:
        subprocess.run([program, "delete", "table", "inet", firewall.TABLE], capture_output=True, check=False)
    report.done.append("Units and firewall rules were removed.")


def _remove_users(report: Report) -> None:
    """Also where a process of that number lives: it is none of ours any more, they were stopped."""
    for name in NAMED.values():
        subprocess.run(["userdel", "--force", name], capture_output=True, check=False)
    subprocess.run(["groupdel", GROUP], capture_output=True, check=False)
    left = [name for name in NAMED.values() if service.exists(name)]
    if left:
        report.left.append(f"Users that could not be removed: {', '.join(left)}; remove them with userdel.")
    report.done.append(f"Users were removed: {', '.join(name for name in NAMED.values() if name not in left)}.")
