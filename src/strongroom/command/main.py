"""`strongroom`: everything an administrator or auditor does from a terminal (DESIGN 9). Reads are `--json` too.

Exit codes: 0 ok, 1 failed, 2 usage, 3 non-compliant, 4 unknown, 5 locked, 7 refused.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import OperationalError

from strongroom.command import (
    bench,
    bill,
    configuration,
    describing,
    doctor,
    drill,
    examples,
    journal,
    keys,
    labels,
    orders,
    people,
    policy,
    rehearse,
    retention,
    service,
    start,
)
from strongroom.formats.refused import Refused
from strongroom.installation.folders import default_data_folder
from strongroom.installation.problems import CannotStart
from strongroom.policy.definitions import TimeUnknown
from strongroom.policy.encryption_and_storage.connection import Locked, Unavailable

SECTIONS = (start, service, keys, orders, labels, retention, journal, policy, configuration, people, doctor, drill,
            bench, rehearse, bill, describing)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one return an exit code
    """The command line's entry point; an exit code."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except CannotStart as problem:
        _say(f"{problem.sentence}\n{problem.remedy}")
        return 1
    except Refused as refused:
        _say(f"Refused: {refused.sentence} ({refused.clause})")
        return 7
    except Locked:
        _say("The key broker is locked. Unlock it with `strongroom keys unlock`.")
        return 5
    except OperationalError:
        _say("The database does not answer. Look at the logs folder; `strongroom up` starts it.")
        return 1
    except (Unavailable, TimeUnknown):
        _say("The key broker does not answer. Is Strongroom running in this folder? Start it with `strongroom up`.")
        return 1
    except BrokenPipeError:
        return 1
    except OSError as problem:
        return _without(problem)
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Every command with its options and examples; help, completion, man page and reference are made from it."""
    root = argparse.ArgumentParser(
        prog="strongroom", description="The policy you publish is the policy you run.", allow_abbrev=False
    )
    where = f"the installation's folder (default: {default_data_folder()})"
    root.add_argument("--data", type=Path, metavar="DIR", help=where)
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for section in SECTIONS:
        section.add(commands)
    _name_the_folder_anywhere(commands, where)
    examples.attach(root)
    root.set_defaults(root=root)
    return root


def _name_the_folder_anywhere(commands: Any, where: str) -> None:
    """`--data DIR` before a command or after it: each parser below knows it, without a default that would undo it."""
    for parser in set(commands.choices.values()):
        parser.add_argument("--data", type=Path, metavar="DIR", default=argparse.SUPPRESS, help=where)
        for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to a parser's own commands
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
                _name_the_folder_anywhere(action, where)


def _without(problem: OSError) -> int:
    """A file that somebody named is told by its name; anything else is a fault of ours, and shown whole."""
    if problem.filename is None:
        raise problem
    _say(f"{problem.filename} cannot be used: {problem.strerror}.\nName another, or start as another user.")
    return 1


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")


if __name__ == "__main__":
    sys.exit(main())
