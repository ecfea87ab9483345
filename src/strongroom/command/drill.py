"""`strongroom drill`: break what is promised on purpose, in a rehearsal, and see that it is noticed."""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from strongroom.command import drill_leak, progress
from strongroom.command.installed import show, tell
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart
from strongroom.rehearsal import own_machine
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.ports import free_port
from strongroom.rehearsal.sabotage import drill
from strongroom.rehearsal.watchman import Watchman

DAYS: Final = 3


def add(commands: Any) -> None:
    parser = commands.add_parser("drill", help="sabotage, leak")
    verbs = parser.add_subparsers(dest="verb", required=True)
    sabotage = verbs.add_parser(
        "sabotage", help="break each clause in a rehearsal of its own and see its tile turn; exit 1 where one does not"
    )
    sabotage.add_argument("clauses", nargs="*", help="clauses, such as RR-2 (default: all that have a sabotage)")
    sabotage.add_argument("--json", action="store_true")
    sabotage.set_defaults(run=_sabotage)
    drill_leak.add(verbs)


def _sabotage(options: argparse.Namespace) -> int:
    """In a new rehearsal; a live installation is never sabotaged."""
    chosen = [each for each in drill.all_sabotage() if not options.clauses or each.clause in options.clauses]
    if not chosen:
        known = sorted({each.clause for each in drill.all_sabotage()})
        raise CannotStart("There is no sabotage of these clauses.", f"Known are {', '.join(known)}.")
    apart = own_machine.enter()
    with a_rehearsal(options) as rehearsal:
        if apart:
            own_machine.put_up_the_firewall(rehearsal)
        with Watchman(rehearsal) as watchman:
            results = drill.run(rehearsal, watchman, progress.through(chosen, "sabotages"), progress.tell)
    rows = [result.row() for result in results]
    bad = [result for result in results if not result.skipped and not (result.turned and result.mended)]
    lines = [
        f"{'ok' if r.turned and r.mended else r.skipped or 'NOT NOTICED':12} {r.clause:6} {r.breaks}: {r.reason}"
        for r in results
    ]
    show({"sabotages": rows}, "\n".join(lines), as_json=options.json)
    if bad:
        tell(json.dumps([{"clause": r.clause, "before": r.before, "tile": r.tile, "after": r.after} for r in bad]))
    return 1 if bad else 0


@contextmanager
def a_rehearsal(options: argparse.Namespace) -> Iterator[Rehearsal]:
    """A rehearsal with a few days of business and an office that did its duties."""
    folder = options.data or Path(tempfile.mkdtemp(prefix="strongroom-rehearsal-"))
    if (folder / "keys").exists():
        raise CannotStart(f"{folder} is not empty.", "A drill starts from an empty folder; name another with --data.")
    folder.mkdir(parents=True, exist_ok=True)
    with Folders(folder).only_one(), Rehearsal(folder, port=free_port(), days=DAYS) as rehearsal:
        rehearsal.start()
        for _ in range(4 * DAYS):
            rehearsal.step(6 * 3600)
        rehearsal.keep_office()
        yield rehearsal
    if options.data is None:
        shutil.rmtree(folder, ignore_errors=True)
