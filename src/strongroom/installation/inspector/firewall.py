"""Look `firewall`: the kernel's rules against the wanted ones (NP-1)."""

import json
import os
import shutil
import subprocess
from typing import Any, Final

from strongroom.formats import owned_file
from strongroom.formats.clock import SystemClock
from strongroom.formats.owned_file import NotTheirs
from strongroom.installation import firewall
from strongroom.installation.inspector.seen import Seen, Surroundings

OLDEST: Final = 20 * 60
MOST: Final = 16 << 20


class _Hidden(Exception):
    """The rules are not shown; the message says why."""


def look(around: Surroundings, seen: Seen) -> None:
    if not around.is_service:
        seen.cannot("Firewall rules need `strongroom init`, which installs them.")
        return
    try:
        wanted = json.loads(owned_file.read(around.folders.data, firewall.WANTED, uid=0, most=MOST))
    except FileNotFoundError:
        seen.cannot("No firewall rules of ours are installed; `strongroom init` makes them from [network] allow.")
        return
    except (NotTheirs, ValueError) as why:
        seen.problem(f"The wanted rules cannot be believed: {why}.", "Run: strongroom init")
        return
    try:
        found = _in_the_kernel(around)
    except _Hidden as why:
        seen.cannot(str(why))
        return
    tables = sorted(f"{table['family']} {table['name']}" for table in _each(found, "table"))
    seen.saw("tables", tables)
    mine, theirs = firewall.of_ours(found), firewall.of_ours(wanted)
    seen.saw("wanted", len(theirs))
    seen.saw("found", len(mine))
    missing = [rule for rule in theirs if rule not in mine]
    extra = [rule for rule in mine if rule not in theirs]
    if missing:
        seen.problem(f"{len(missing)} of our firewall rules are not in the kernel.", firewall.LOAD)
    if extra:
        seen.problem(f"{len(extra)} rules stand among ours that we did not make.", firewall.LOAD)
    if not missing and not extra and mine != theirs:
        seen.problem("Our firewall rules stand in another order.", firewall.LOAD)


def _each(ruleset: Any, kind: str) -> list[Any]:
    return [item[kind] for item in ruleset.get("nftables", []) if kind in item]


def _in_the_kernel(around: Surroundings) -> Any:
    """Asked here where we may; else as root's own unit or supervisor wrote it down a short while ago."""
    program = shutil.which("nft", path=f"{os.defpath}:/usr/sbin:/sbin")
    if program is None:
        raise _Hidden("The program nft is not installed, so that the kernel's rules are not shown; install nftables.")
    ran = subprocess.run([program, "-j", "list", "ruleset"], capture_output=True, text=True, check=False, cwd="/")
    text: str | bytes = ran.stdout
    if ran.returncode != 0:
        text = _written_down(around)
    try:
        return json.loads(text)
    except ValueError:
        raise _Hidden("The kernel's rules were just being written down; the next look reads them.") from None


def _written_down(around: Surroundings) -> bytes:
    path = around.folders.run / firewall.FOLDER / firewall.DUMP
    try:
        found = owned_file.read(path.parent, path.name, uid=0, most=MOST)
        age = SystemClock().wall() - path.stat().st_mtime
    except (FileNotFoundError, NotTheirs) as why:
        raise _Hidden(f"The kernel shows its rules to root only, and root has not written them down ({why}).") from None
    if not -OLDEST < age < OLDEST:
        raise _Hidden("Root has not written the kernel's rules down for 20 minutes; look at the firewall's units.")
    return found
