"""`strongroom keys`: what lives until when; unlock, seal up, and agree with the clock."""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from strongroom.command.installed import folders, show, talk_to_broker, tell
from strongroom.formats.secret import Secret
from strongroom.installation.file_systems import claim
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import broker


def add(commands: Any) -> None:
    parser = commands.add_parser("keys", help="list, unlock, seal, agree")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listed = verbs.add_parser("list", help="living keys: account, day, when each dies")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=_list)
    unlock = verbs.add_parser("unlock", help="open the key ring with its passphrase or secret file")
    unlock.add_argument("--file", type=Path, help="0600 file that unlocks")
    unlock.set_defaults(run=_unlock)
    verbs.add_parser("seal", help="lock the key broker; keys still die on time").set_defaults(run=_seal)
    verbs.add_parser("agree", help="confirm the machine's clock after it jumped").set_defaults(run=_agree)


def _list(options: argparse.Namespace) -> int:
    found = folders(options)
    talk_to_broker(found)
    state = broker.status()
    keys = [
        {
            "account": key.account,
            "day": definitions.day_of_number(key.day).isoformat(),
            "generation": key.generation,
            "dies_at": definitions.moment(key.dies_at).isoformat(),
            "id": key.key_id.hex(),
        }
        for key in state.living
        if not key.house
    ]
    data = {
        "locked": state.told.locked, "time_in_doubt": state.told.in_doubt,
        "believed_time": definitions.moment(state.told.at).isoformat(), "origin": state.origin,
        "destroying_means": claim(found.keys), "keys": keys,
    }  # fmt: skip
    lines = [f"{'Locked' if state.told.locked else 'Unlocked'}. Believed time {data['believed_time']}."]
    lines.append(f"A destroyed key is {data['destroying_means']}.")
    lines += [f"account {k['account']}  key of {k['day']}  dies {k['dies_at']}" for k in keys]
    show(data, "\n".join(lines), as_json=options.json)
    return 0


def _unlock(options: argparse.Namespace) -> int:
    talk_to_broker(folders(options))
    if options.file is not None:
        broker.unlock(2, Secret(options.file.read_bytes()))
    elif sys.stdin.isatty():
        broker.unlock(1, Secret(getpass.getpass("Passphrase: ")))
    else:
        broker.unlock(1, Secret(sys.stdin.buffer.readline().rstrip(b"\n")))
    tell("Unlocked.")
    return 0


def _seal(options: argparse.Namespace) -> int:
    talk_to_broker(folders(options))
    broker.lock()
    tell("Locked. Nothing opens until it is unlocked; keys still die on time.")
    return 0


def _agree(options: argparse.Namespace) -> int:
    talk_to_broker(folders(options))
    if not broker.time().in_doubt:
        tell("The time is not in doubt; nothing was changed.")
        return 0
    broker.agree()
    tell("The machine's clock is believed; keys whose day had come are dead.")
    return 0
