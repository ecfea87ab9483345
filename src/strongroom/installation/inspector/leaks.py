"""Looks `leaks` and `leaks-in-logs`: no word of the probe, a customer who does not exist, in any file (RR-4, LM-3).

The search is a process of its own with our right to read; it is told references, and makes the words itself.
"""

import json
import os
import subprocess
import sys
from typing import Any, Final

from strongroom.formats.grade import Role
from strongroom.formats.verdict import Look as Named
from strongroom.formats.verdict_file import FOLDER
from strongroom.installation.inspector.asked import asked
from strongroom.installation.inspector.seen import Seen, Surroundings, shown

SEARCH: Final = "strongroom.policy.retention_and_recovery.leaks.night"
MANAGED_BY_UNITS: Final = "units"
ROLES: Final = (Role.WEB, Role.WORKER, Role.BROKER, Role.INSPECTOR, Role.DATABASE)
REMEDY: Final = "Look which program wrote it, mend it, then destroy the file; what it held is an incident."


def look(around: Surroundings, seen: Seen) -> None:
    _search(around, seen, Named.LEAKS)


def look_at_logs(around: Surroundings, seen: Seen) -> None:
    _search(around, seen, Named.LEAKS_IN_LOGS)


def _search(around: Surroundings, seen: Seen, which: Named) -> None:
    data = around.folders.data
    try:
        told = json.loads(asked(around, seen, which))
        night = {
            "refs": told["refs"], "control": told["control"], "marks": told["marks"], "data": str(data),
            "scratch": str(data / FOLDER), "temporary": [str(path) for path in around.shared],
            "uids": _uids(around), "backups": list(around.description.backups), "processes": [around.supervisor],
            "logs_only": which is Named.LEAKS_IN_LOGS,
            "system_journal": around.description.managed_by == MANAGED_BY_UNITS,
        }  # fmt: skip
    except (ValueError, KeyError, TypeError):
        seen.cannot("Nobody told what to look for yet.")
        return
    done = subprocess.run(
        [sys.executable, "-m", SEARCH], input=json.dumps(night).encode(), capture_output=True, check=False, cwd="/",
        env={"PATH": os.defpath},
    )  # fmt: skip
    if done.returncode != 0:
        seen.cannot("The search did not come to an end, so that nothing is known.")
        return
    _tell(json.loads(done.stdout), seen)


def _uids(around: Surroundings) -> list[int]:
    """Whose files count where others write too: our processes', where nobody else has their uids."""
    if not around.is_service:
        return []
    uids = around.description.grade.uids
    return [uids[role] for role in ROLES if role not in around.description.shared]


def _tell(report: dict[str, Any], seen: Seen) -> None:
    figures = report["leaks"]
    for name in ("files_scanned", "bytes_scanned", "needles", "found", "positive_control_planted",
                 "positive_control_found", "vanished"):  # fmt: skip
        seen.saw(name, figures[name])
    for missed in report["missed"]:
        seen.cannot(f"The search missed what was put there to be found: {missed['canary']}; so it proves nothing.")
    if report["missed"]:
        return
    for path in dict.fromkeys(sink["path"] for sink in report["sinks"]):
        seen.problem(f"A customer's word stands in {shown(path)}.", REMEDY)
    for gap in report["unknown"]:
        seen.cannot(f"{shown(gap['path'])}: {gap['reason']}.")
