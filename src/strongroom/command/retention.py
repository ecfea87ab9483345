"""`strongroom retention`: what will be forgotten when, and doing what is due."""

import argparse
from typing import Any

from strongroom.command.installed import folders, read_as, show, tell
from strongroom.command.orders import ask_worker


def add(commands: Any) -> None:
    parser = commands.add_parser("retention", help="due, run")
    verbs = parser.add_subparsers(dest="verb", required=True)
    due = verbs.add_parser("due", help="open deadlines, soonest first; exit 3 where one passed")
    due.add_argument("--json", action="store_true")
    due.set_defaults(run=_due)
    verbs.add_parser("run", help="do what is due now (the worker does it hourly by itself)").set_defaults(run=_run)


def _due(options: argparse.Namespace) -> int:
    read_as("web", folders(options))
    from strongroom.policy import definitions  # noqa: PLC0415 - Django is set up now
    from strongroom.policy.obligations.models import Obligation  # noqa: PLC0415
    from strongroom.policy.retention_and_recovery.actions import overdue, selling_accounts  # noqa: PLC0415

    found = Obligation.objects.filter(account_id__in=selling_accounts(), satisfied_at__isnull=True).order_by("due_at")
    rows: list[dict[str, Any]] = [
        {"account": o.account_id, "kind": o.kind, "clause": o.clause, "due_at": o.due_at.isoformat()} for o in found
    ]
    late = overdue()
    lines = [f"{late} overdue at {definitions.now():%Y-%m-%d %H:%M} UTC (believed time)"]
    lines += [f"{r['due_at'][:16]}  {r['clause']}  {r['kind']}" for r in rows]
    show({"overdue": late, "obligations": rows}, "\n".join(lines), as_json=options.json)
    return 3 if late else 0


def _run(options: argparse.Namespace) -> int:
    """A whole round of the worker now. Keys need none of it: they die by the broker's own clock."""
    asked = ask_worker(options)
    if asked is None:
        return 1
    if not asked.is_done:
        tell("The worker is still at it; look again with `strongroom retention due`.")
        return 1
    from strongroom.policy.retention_and_recovery.actions import overdue  # noqa: PLC0415 - Django is set up now

    late = overdue()
    tell(f"Done. {late} overdue.")
    return 3 if late else 0
