"""`strongroom up` and `strongroom demo`: everything on one machine."""

import argparse
import contextlib
import getpass
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from strongroom.command import progress
from strongroom.command.installed import rehearsal_folder, show, tell
from strongroom.formats.owned_file import NotTheirs
from strongroom.installation import certificates, description, service
from strongroom.installation.commands import LIVE
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders, default_data_folder
from strongroom.installation.problems import CannotStart
from strongroom.installation.running import Running
from strongroom.rehearsal import demo
from strongroom.rehearsal.installation import Rehearsal

ORDER_EVERY = 45.0
"""Seconds between the orders that a rehearsal's customers place while somebody watches."""


def add(commands: Any) -> None:
    up = commands.add_parser(
        "up", help="start everything on this machine", description="Start everything: HTTPS on 8443."
    )
    up.add_argument(
        "--demo", action="store_true", help="a rehearsal: simulated Amazon, sample people, a month of history"
    )
    up.add_argument("--port", type=int, help="HTTPS port (default 8443)")
    up.add_argument("--pg-bindir", type=Path, help="bin folder of another PostgreSQL, 15 to 18")
    up.set_defaults(run=_up)
    show_it = commands.add_parser("demo", help="the main job end to end on the simulated marketplace, then a report")
    show_it.add_argument("--headless", action="store_true", required=True, help="without hands; the only way for now")
    show_it.add_argument("--json", action="store_true", help="the report as JSON")
    show_it.add_argument("--days", type=int, default=demo.DAYS, help=argparse.SUPPRESS)
    show_it.add_argument("--seed", type=int, default=1, help="another seed, another month")
    show_it.add_argument("--pg-bindir", type=Path, help="bin folder of another PostgreSQL, 15 to 18")
    show_it.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    folder = options.data or Path(tempfile.mkdtemp(prefix="strongroom-demo-"))
    if (folder / "keys").exists():
        raise CannotStart(f"{folder} is not empty.", "A demo starts from an empty folder; name another with --data.")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        Folders(folder).only_one(),
        Rehearsal(
            folder,
            port=_free(0),
            days=options.days,
            seed=options.seed,
            pg_bindir=options.pg_bindir,
            orders_per_day=demo.ORDERS_PER_DAY,
            hands_off=options.days - demo.LEFT_TO_PACKERS,
        ) as rehearsal,
    ):
        _say_grade(rehearsal.running)
        report = demo.run(rehearsal, days=options.days, say=progress.tell, through=_steps)
    _, report["journal"] = demo.read_journal(Folders(folder).journal)  # as it lies there now, with the last head
    tell(f"kept for inspection: {folder}")
    show(report, _words(report), as_json=options.json)
    return 0 if report["journal"]["verified"] else 1


def _steps(steps: range) -> Iterable[int]:
    return progress.through(steps, "steps")


def _up(options: argparse.Namespace) -> int:
    return _up_rehearsal(options) if options.demo else _up_live(options)


def _up_rehearsal(options: argparse.Namespace) -> int:
    folder = rehearsal_folder(options)
    found = Folders(folder)
    found.make()
    with (
        found.only_one(),
        Rehearsal(
            folder,
            port=options.port or 8443,
            days=demo.DAYS,
            pg_bindir=options.pg_bindir,
            orders_per_day=demo.ORDERS_PER_DAY,
            hands_off=demo.DAYS - demo.LEFT_TO_PACKERS,
        ) as rehearsal,  # fmt: skip
    ):
        _say_grade(rehearsal.running)
        if rehearsal.is_new:
            tell("A new rehearsal: living through its first month, a minute or two.")
            demo.run(rehearsal, say=progress.tell, through=_steps)
        else:
            rehearsal.start()
        _print_people(rehearsal)
        _until_stopped(rehearsal.running, _customers(rehearsal))
    return 0


def _up_live(options: argparse.Namespace) -> int:
    found = Folders(options.data or default_data_folder())
    _refuse_second(found)
    found.make()
    if (found.data / "clock").exists():
        raise CannotStart("This folder is of a rehearsal.", "Use `strongroom up --demo` for it; nothing converts.")
    if options.port:
        os.environ["STRONGROOM_WEB_PORT"] = str(options.port)
    with found.only_one(), Running(found, load(found.configuration), LIVE, pg_bindir=options.pg_bindir) as running:
        _say_grade(running)
        unlock = ["--unlock-file", str(found.credentials / "unlock")] if found.has_credential("unlock") else []
        if not unlock and not (found.keys / "ring").exists():
            made = create_with_passphrase(running)
        else:
            made = running.create_keys(*unlock)
        if made:  # at once: should the start fail further on, the next does not make them again
            tell(f"New journal. Keep these two lines elsewhere:\n{made.strip()}")
        is_first = not (found.tls / "ca.pem").exists()
        running.start_database()
        running.migrate()
        running.start_broker(*unlock)
        running.start_website()
        running.start_worker()
        running.start_inspector()
        if is_first:
            tell(f"Certificate authority, SHA-256: {certificates.fingerprint(found.tls / 'ca.pem')}")
        if not unlock:
            tell("The key broker is locked; unlock it in another terminal with `strongroom keys unlock`.")
        link = running.run("web", ["-m", "strongroom.website.first_link", running.address]).strip()
        if link:
            tell(f"First administrator, once, within 15 minutes, from this machine: {link}")
        tell(f"Strongroom: {running.address}")
        _until_stopped(running, lambda: None)
    return 0


def _refuse_second(found: Folders) -> None:
    """What the service manager runs is not started beside it."""
    with contextlib.suppress(OSError, NotTheirs, ValueError):
        if description.read(found.data, 0).managed_by == "units" and service.BOOTED.exists():
            raise CannotStart(
                f"The service units run this folder ({found.data}).",
                "Start it with `systemctl start strongroom.target`, or end it with `strongroom init --decommission`.",
            )


def _say_grade(running: Running) -> None:
    """Root is told what keeps its processes from having a uid each; an ordinary user chose that."""
    if os.getuid() == 0 and running.who.why:
        tell(running.who.why)


def create_with_passphrase(running: Running) -> str:
    """Ask twice; the passphrase goes from here to the broker's process and nowhere else."""
    if not sys.stdin.isatty():
        raise CannotStart(
            "A new installation needs a passphrase for its keys.",
            "Start it at a terminal, or put 32 random bytes into credentials/unlock (mode 0600) first.",
        )
    first = getpass.getpass("Passphrase for the key ring (12 characters or more): ")
    if first != getpass.getpass("The same again: "):
        raise CannotStart("The two passphrases differ.", "Start again.")
    reading, writing = os.pipe()
    os.write(writing, first.encode())
    os.close(writing)
    try:
        return running.create_keys("--passphrase-fd", str(reading), descriptors=[reading])
    finally:
        os.close(reading)


def _until_stopped(running: Running, meanwhile: Any) -> None:
    """Hold everything until SIGINT or SIGTERM."""
    stop = threading.Event()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    while not stop.is_set():
        running.supervisor.watch()
        meanwhile()
        time.sleep(0.1)
    tell("Stopping.")


def _customers(rehearsal: Rehearsal) -> Any:
    """Somebody orders every so often, so that orders are seen to arrive."""
    due = [time.monotonic() + 5]

    def order() -> None:
        if time.monotonic() >= due[0]:
            due[0] = time.monotonic() + ORDER_EVERY
            rehearsal.control.do("place")

    return order


def _print_people(rehearsal: Rehearsal) -> None:
    running = rehearsal.running
    tell(f"\nStrongroom (rehearsal, no real data): {running.address}")
    tell(f"Its certificate authority: {rehearsal.folders.tls / 'ca.pem'}")
    tell(
        "Sign in as one of these; for the code: strongroom people code ROLE, or add the secret to an authenticator app."
    )
    for role, who in rehearsal.people().items():
        tell(f"  {role:14} {who['email']:34} {who['password']:24} {who['secret']}")
    tell(f"The rehearsal's label printer shows its tray on {rehearsal.printer_address}")
    tell(f"The rehearsal's mail server shows what was sent to whom on {rehearsal.mail_address}")
    tell("Orders arrive every minute or so, two minutes late as at Amazon. Ctrl+C stops everything.\n")


def _words(report: dict[str, Any]) -> str:
    orders, tree, erased = report["orders"], report["journal"], report["erased"]
    return (
        f"{orders['received']} orders received, {orders['sealed']} sealed, {orders['fulfilled']} fulfilled, "
        f"{orders['cancelled']} cancelled; {report['reveals']['granted']} openings, "
        f"{report['reveals']['refused']} refused; {report['labels']['printed']} labels printed; "
        f"{erased['orders']} orders and {erased['day_keys']} day keys gone, "
        f"{report['carried']} carried; journal of {tree['size']} leaves "
        f"{'verified' if tree['verified'] else 'NOT VERIFIED'}; {report['seconds']} s"
    )


def _free(port: int) -> int:

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])
