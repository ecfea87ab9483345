"""`strongroom init`: the service installation, made, upgraded or ended, as root (DESIGN 2)."""

import argparse
import sys
from pathlib import Path
from typing import Any

from strongroom.command.installed import tell
from strongroom.command.start import create_with_passphrase
from strongroom.installation import decommission, service
from strongroom.installation.folders import Folders, default_data_folder
from strongroom.installation.problems import CannotStart
from strongroom.installation.running import Running
from strongroom.installation.service import Report


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "init", help="service installation (root): users, units, folders, firewall; again to upgrade",
        description="Make a service of this machine, or upgrade it in place.",
    )  # fmt: skip
    parser.add_argument("--destdir", type=Path, help="write the files below this folder only, for a package")
    parser.add_argument("--pg-bindir", type=Path, help="bin folder of another PostgreSQL, 15 to 18")
    parser.add_argument("--decommission", action="store_true", help="destroy the keys, remove units and users")
    parser.set_defaults(run=_init)


def _init(options: argparse.Namespace) -> int:
    data = options.data or default_data_folder()
    if options.decommission:
        return _end(Folders(data))
    if options.destdir is not None:
        # The folder on the machine that the package will be for, whoever builds it.
        where = options.data or Path("/var/lib/strongroom")
        return _say(service.stage(where, options.destdir.absolute(), pg_bindir=options.pg_bindir))
    return _say(service.install(data, create_keys=_create_keys, pg_bindir=options.pg_bindir))


def _create_keys(running: Running) -> str:
    """A key ring, unlocked by the credential `unlock` where there is one, else by a passphrase that is asked for."""
    if (running.folders.keys / "ring").exists():
        return ""
    if running.folders.has_credential("unlock"):
        return running.create_keys("--unlock-file", str(running.folders.credentials / "unlock"))
    return create_with_passphrase(running)


def _end(folders: Folders) -> int:
    service.need_root()
    origin = decommission.origin(folders)
    tell(f"This destroys every key of {origin} in {folders.data}. Nothing sealed can be opened afterwards, by anybody.")
    tell(f"Type the origin to go on ({origin}):")
    typed = sys.stdin.readline()
    if not typed:
        raise CannotStart("Nothing was typed; nothing was changed.", "Type the origin, or leave it as it is.")
    return _say(decommission.end(folders, typed))


def _say(report: Report) -> int:
    for line in report.done:
        tell(f"done  {line}")
    for line in report.left:
        tell(f"left  {line}")
    return 0
