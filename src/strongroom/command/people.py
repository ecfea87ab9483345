"""`strongroom people code`: the present code of a rehearsal's sample person. A live folder has none."""

import argparse
import base64
import json
import time
from typing import Any

from strongroom.command.installed import rehearsal_folder, show, tell
from strongroom.formats.secret import Secret
from strongroom.policy.access_management import totp
from strongroom.rehearsal.sample_people import FILE, NAMES


def add(commands: Any) -> None:
    parser = commands.add_parser("people", help="code (rehearsals only)")
    verbs = parser.add_subparsers(dest="verb", required=True)
    code = verbs.add_parser("code", help="the present sign-in code of a sample person")
    code.add_argument("role", choices=tuple(NAMES))
    code.set_defaults(run=_code)


def _code(options: argparse.Namespace) -> int:
    path = rehearsal_folder(options) / FILE
    if not path.exists():
        tell("There are no sample people here; they exist in rehearsals (`strongroom up --demo`) only.")
        return 1
    person = json.loads(path.read_text(encoding="utf-8"))[options.role]
    secret = Secret(base64.b32decode(person["secret"]))
    show(None, totp.code(secret, int(time.time() // totp.STEP)), as_json=False)
    return 0
