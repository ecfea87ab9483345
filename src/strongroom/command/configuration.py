"""`strongroom config`: what is set, and where each value came from."""

import argparse
from dataclasses import asdict
from typing import Any

from strongroom.command.installed import show
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders, default_data_folder


def add(commands: Any) -> None:
    parser = commands.add_parser("config", help="show")
    verbs = parser.add_subparsers(dest="verb", required=True)
    shown = verbs.add_parser("show", help="every setting; secrets are credential files and never stand here")
    shown.add_argument("--origin", action="store_true", help="say where each value came from")
    shown.add_argument("--json", action="store_true")
    shown.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    found = load(Folders(options.data or default_data_folder()).configuration)
    data = asdict(found)
    origins = data.pop("origins")
    rows = {
        f"{section}.{name.removesuffix('_')}": value for section, table in data.items() for name, value in table.items()
    }
    lines = [
        f"{name} = {value!r}" + (f"    # {origins[name]}" if options.origin else "") for name, value in rows.items()
    ]
    with_origin = {name: {"value": value, "origin": origins[name]} for name, value in rows.items()}
    show(with_origin if options.origin else rows, "\n".join(lines), as_json=options.json)
    return 0
