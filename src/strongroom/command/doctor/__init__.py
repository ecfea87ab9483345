"""`strongroom doctor`: everything that can be looked at without a secret, each with what to do about it."""

import argparse
from collections import Counter
from typing import Any, Final

from strongroom.command.doctor import house, journal
from strongroom.command.installed import clock_of, show, tell
from strongroom.installation import doctor
from strongroom.installation.doctor import findings
from strongroom.installation.doctor.findings import Examination, Result, State
from strongroom.installation.doctor.patient import Patient
from strongroom.installation.folders import Folders, default_data_folder
from strongroom.installation.problems import CannotStart
from strongroom.policy.clauses.clauses import clause

EXAMINATIONS: Final = (*doctor.EXAMINATIONS, *journal.EXAMINATIONS, *house.EXAMINATIONS)


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="what is wrong here, why it matters, what to do; exit 3 for a problem, 4 for unknown",
        description="Look at everything that can be looked at without a secret. Changes nothing unless --fix is given.",
    )
    parser.add_argument("which", nargs="*", help="examinations or groups, such as tls or keys.ring (default: all)")
    parser.add_argument("--fix", action="store_true", help="do what is safe: close modes, make folders, tidy leftovers")
    parser.add_argument("--all", action="store_true", help="show what is well, too")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    """Works down, half-installed, locked and running; an ordinary user sees less than root, and it says so."""
    found = Folders(options.data or default_data_folder())
    chosen = _chosen(options.which)
    with house.quietly():
        results = findings.examine(Patient(found, clock_of(found)), chosen, fix=options.fix)
    for result in results:
        for done in result.done:
            tell(f"done  {result.examination.id}: {done}")
    show({"counts": _counts(results), "checks": list(map(_row, results))}, _words(results, every=options.all),
         as_json=options.json)  # fmt: skip
    return findings.exit_code(results)


def _chosen(which: list[str]) -> list[Examination]:
    known = {each.id for each in EXAMINATIONS} | {each.id.partition(".")[0] for each in EXAMINATIONS}
    strange = [word for word in which if word not in known]
    if strange:
        groups = ", ".join(dict.fromkeys(each.id.partition(".")[0] for each in EXAMINATIONS))
        raise CannotStart(f"There is no examination {', '.join(strange)}.", f"Groups are {groups}.")
    return [each for each in EXAMINATIONS if not which or each.id in which or each.id.partition(".")[0] in which]


def _counts(results: list[Result]) -> dict[str, int]:
    counted = Counter(result.found.state for result in results)
    return {state.value.replace(" ", "_"): counted[state] for state in State}


def _row(result: Result) -> dict[str, Any]:
    examination, found = result.examination, result.found
    return {
        "id": examination.id, "state": found.state, "looks_at": examination.looks_at, "found": found.words,
        "clause": examination.clause, "why": clause(examination.clause).promise, "remedies": list(found.remedies),
        "done": list(result.done),
    }  # fmt: skip


def _words(results: list[Result], *, every: bool) -> str:
    quiet = () if every else (State.OK, State.NOT_HERE)
    lines = []
    for result in results:
        if result.found.state in quiet:
            continue
        lines.append(f"{result.found.state:9} {result.examination.id:24} {result.found.words}")
        if result.found.state in (State.OK, State.NOT_HERE):
            continue
        lines.append(f"    why: {result.examination.clause}, {clause(result.examination.clause).promise}.")
        lines += [f"    do:  {remedy}" for remedy in result.found.remedies]
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in _counts(results).items())
    return "\n".join([*lines, f"{len(results)} examined: {counts}."])
