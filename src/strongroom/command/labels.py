"""`strongroom labels queue`: what waits at the printers, by reference. `strongroom stock import`: bins and customs."""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any, Final

from strongroom.command.installed import act_as_web, folders, read_as, show, tell

COLUMNS: Final = ("sku", "title", "warehouse", "bin", "weight_g", "value", "currency", "hs_code", "origin")


def add(commands: Any) -> None:
    parser = commands.add_parser("labels", help="queue")
    verbs = parser.add_subparsers(dest="verb", required=True)
    queue = verbs.add_parser(
        "queue", help="labels that wait, are under way or undecided; exit 3 where one is undecided"
    )
    queue.add_argument("--json", action="store_true")
    queue.set_defaults(run=_queue)
    stock = commands.add_parser("stock", help="import")
    verbs = stock.add_subparsers(dest="verb", required=True)
    read = verbs.add_parser("import", help=f"a CSV file with the columns {', '.join(COLUMNS)}")
    read.add_argument("file", type=Path)
    read.add_argument("--account", type=int, default=1)
    read.set_defaults(run=_import)


def _queue(options: argparse.Namespace) -> int:
    read_as("web", folders(options))
    from strongroom.application.despatch.rules import code_of, spaced  # noqa: PLC0415 - Django is set up now
    from strongroom.policy.encryption_and_storage.models import LabelPrint, Printer, PrintState  # noqa: PLC0415
    from strongroom.policy.retention_and_recovery.actions import selling_accounts  # noqa: PLC0415

    open_states = [PrintState.QUEUED, PrintState.SENT, PrintState.UNKNOWN]
    labels = LabelPrint.objects.filter(account_id__in=selling_accounts(), state__in=open_states).order_by("queued_at")
    names = dict(Printer.objects.values_list("pk", "name"))
    rows: list[dict[str, Any]] = [
        {
            "order": spaced(code_of(label.order_ref)), "parcel": label.parcel, "state": label.state,
            "printer": names.get(label.printer), "since": label.since.isoformat(), "problem": label.problem,
        }
        for label in labels
    ]  # fmt: skip
    lines = [
        f"{row['order']}  {row['state']:8} {row['printer'] or '':10} {row['since']}  {row['problem'] or ''}"
        for row in rows
    ]
    show(rows, "\n".join(lines) or "Nothing waits.", as_json=options.json)
    return 3 if any(row["state"] == PrintState.UNKNOWN for row in rows) else 0


def _import(options: argparse.Namespace) -> int:
    """All rows or none: a wrong one is named by its line."""
    act_as_web(folders(options))
    try:
        with options.file.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as problem:
        tell(f"{options.file} cannot be read: {problem}.")
        return 1
    if not rows or set(rows[0]) != set(COLUMNS):
        tell(f"The first line names the columns {', '.join(COLUMNS)}, and nothing else.")
        return 2
    from django.db import transaction  # noqa: PLC0415

    from strongroom.policy.retention_and_recovery.models import Stock  # noqa: PLC0415

    wrong = [f"line {n}: {why}" for n, row in enumerate(rows, 2) if (why := _wrong(row))]
    if wrong:
        sys.stderr.write("\n".join(wrong[:20]) + "\nNothing was imported.\n")
        return 1
    with transaction.atomic():
        for row in rows:
            Stock.objects.update_or_create(account_id=options.account, sku=row["sku"], defaults=_values(row))
    tell(f"{len(rows)} SKUs are known now.")
    return 0


def _wrong(row: dict[str, str]) -> str | None:
    if not row["sku"] or len(row["sku"]) > 80:
        return "a SKU has 1 to 80 characters"
    if row["weight_g"] and not row["weight_g"].isdigit():
        return "weight_g is a whole number of grams"
    whole, _, parts = row["value"].partition(".")
    if row["value"] and not (whole.isdigit() and (not parts or (parts.isdigit() and len(parts) <= 2))):
        return "value looks like 12.50"
    if len(row["currency"]) not in (0, 3) or len(row["origin"]) not in (0, 2):
        return "currency has three letters, origin two"
    return None


def _values(row: dict[str, str]) -> dict[str, Any]:
    return {
        "title": row["title"][:80], "warehouse": row["warehouse"][:20], "bin": row["bin"][:20],
        "weight": int(row["weight_g"]) if row["weight_g"] else None,
        "value": round(float(row["value"]) * 100) if row["value"] else None,
        "currency": row["currency"].upper(), "hs_code": row["hs_code"][:12], "origin": row["origin"].upper(),
    }  # fmt: skip
