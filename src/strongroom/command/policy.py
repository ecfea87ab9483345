"""`strongroom policy`: the clauses and the terms in force."""

import argparse
from typing import Any

from strongroom.command.installed import show
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.terms import all_terms


def add(commands: Any) -> None:
    parser = commands.add_parser("policy", help="show")
    verbs = parser.add_subparsers(dest="verb", required=True)
    shown = verbs.add_parser("show", help="every promise and its terms; what is not built yet is null")
    shown.add_argument("--json", action="store_true")
    shown.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    terms: dict[str, dict[str, Any]] = {}
    for term in all_terms().values():
        terms.setdefault(term.clause, {})[term.name] = {"value": term.value, "unit": term.unit}
    rows = [
        {
            "id": clause.id, "promise": clause.promise, "grade": None, "terms": terms.get(clause.id, {}),
            "guard": None, "check": None, "evidence": None, "sabotage": None, "state": "unknown",
        }
        for clause in all_clauses().values()
    ]  # fmt: skip
    lines = [f"{row['id']:6} {row['promise']}" for row in rows]
    show({"clauses": rows}, "\n".join(lines), as_json=options.json)
    return 0
