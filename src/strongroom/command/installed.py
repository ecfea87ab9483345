"""What several commands need: the folder, a Django process of a role, and printing as words or JSON."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from strongroom.formats.clock import SystemClock
from strongroom.installation.folders import Folders, default_data_folder
from strongroom.installation.problems import CannotStart
from strongroom.policy.encryption_and_storage import broker, connection


def folders(options: argparse.Namespace) -> Folders:
    """The installation named by --data, which must exist."""
    found = Folders(options.data or default_data_folder())
    if not (found.keys / "ring").exists():
        beside = rehearsal_folder(options)
        raise CannotStart(
            f"There is no installation in {found.data}.",
            f"The rehearsal of `make up` is named with --data {beside}."
            if options.data is None and (beside / "keys" / "ring").exists()
            else "Start one with `strongroom up`, or name its folder with --data.",
        )
    return found


def rehearsal_folder(options: argparse.Namespace) -> Path:
    """Where `up --demo` lives: the named folder, or one beside the default."""
    chosen = options.data or default_data_folder().with_name("strongroom-rehearsal")
    return Path(chosen)


def talk_to_broker(found: Folders) -> None:
    """Use the terminal's socket, from here on."""
    connection.use_path(str(found.terminal_socket))


def read_as(role: str, found: Folders) -> None:
    """Make this process a reader with a role's database rights; policy time comes over the terminal's socket."""
    os.environ.update(
        {
            "STRONGROOM_DATA": str(found.data),
            "STRONGROOM_ROLE": role,
            "DJANGO_SETTINGS_MODULE": "strongroom.website.settings",
        }
    )
    if not (found.data / "database.json").exists():
        raise CannotStart("The database was never started in this folder.", "Start it with `strongroom up`.")
    talk_to_broker(found)
    broker.time()  # an installation that does not run is said at once, not after a database's patience
    from strongroom.website.process import begin  # noqa: PLC0415 - only commands that read need Django

    begin(clock_of(found))


def act_as_web(found: Folders) -> None:
    """Make this process write what pages may write. Its entries get their place in the tree from the worker."""
    read_as("web", found)
    from strongroom.policy.logging_and_monitoring import journal  # noqa: PLC0415 - Django is set up now

    journal.use_sequencer(lambda _: [])


def wait_for_the_journal() -> None:
    """Until every entry has its place in the tree, as a verb promises; at most some seconds."""
    from strongroom.policy.logging_and_monitoring.journal import accounts_with_pending  # noqa: PLC0415

    deadline = time.monotonic() + 5
    while accounts_with_pending() and time.monotonic() < deadline:
        time.sleep(0.05)


def clock_of(found: Folders) -> Any:
    """The machine's clock, or a rehearsal's in a rehearsal's folder."""
    if not (found.data / "clock").exists():
        return SystemClock()
    from strongroom.rehearsal.clock import RehearsalClock  # noqa: PLC0415 - never loaded for a live folder

    return RehearsalClock(found.data / "clock")


def show(data: Any, words: str, *, as_json: bool) -> None:
    """Data on standard output: for machines or for people."""
    sys.stdout.write((json.dumps(data, indent=1, ensure_ascii=False) if as_json else words) + "\n")


def tell(words: str) -> None:
    """Talk and progress, on standard error."""
    sys.stderr.write(words + "\n")
    sys.stderr.flush()
