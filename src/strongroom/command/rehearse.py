"""`strongroom rehearse`: years of business in a rehearsal of its own, with faults, judged after every step."""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from strongroom.command import progress
from strongroom.command.installed import show, tell
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.ports import free_port
from strongroom.rehearsal.rehearse import story

ORDERS_PER_DAY: Final = 2.0
"""The shop's own, with lives of their own; as many again come by season."""


def add(commands: Any) -> None:
    rehearse = commands.add_parser(
        "rehearse", help="years of business from a seed, with faults, every invariant judged after each step"
    )
    rehearse.add_argument("--days", type=int, default=365, help="days of business (default 365)")
    rehearse.add_argument("--seed", type=int, default=1, help="another seed, another business")
    rehearse.add_argument("--faults", action="store_true", help="outages, kills, reboots, clocks, printers, leavers")
    rehearse.add_argument("--orders-per-day", type=float, default=ORDERS_PER_DAY, help=argparse.SUPPRESS)
    rehearse.add_argument("--keep", action="store_true", help="keep the folder for inspection")
    rehearse.add_argument("--json", action="store_true", help="the report as JSON")
    rehearse.add_argument("--pg-bindir", type=Path, help="bin folder of another PostgreSQL, 15 to 18")
    rehearse.set_defaults(run=_rehearse)


def _rehearse(options: argparse.Namespace) -> int:
    """Exit code 1 where anything was broken; the report ends with the command that does the same again."""
    folder = options.data or Path(tempfile.mkdtemp(prefix="strongroom-rehearse-"))
    if (folder / "keys").exists():
        raise CannotStart(f"{folder} is not empty.", "It starts from an empty folder; name another with --data.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (
            Folders(folder).only_one(),
            Rehearsal(
                folder, port=free_port(), days=options.days, seed=options.seed, pg_bindir=options.pg_bindir,
                orders_per_day=options.orders_per_day,
            ) as rehearsal,
        ):  # fmt: skip
            report = story.run(
                rehearsal, days=options.days, seed=options.seed, orders_per_day=options.orders_per_day,
                faults=options.faults, say=progress.tell,
                through=lambda steps: progress.through(steps, "steps"),
            )  # fmt: skip
    finally:
        if options.keep or options.data:
            tell(f"kept for inspection: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    show(report.as_json(), report.words(), as_json=options.json)
    return 0 if report.held else 1
