"""`strongroom drill leak`: canaries through a rehearsal, then everything it left is searched for them (RR-4, LM-3)."""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import psycopg

from strongroom.command.installed import folders, show, tell
from strongroom.formats.secret import Secret
from strongroom.installation import database_roles
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart
from strongroom.policy.retention_and_recovery.leaks import database
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary
from strongroom.policy.retention_and_recovery.leaks.engine import NoEngine
from strongroom.policy.retention_and_recovery.leaks.places import LeftOut, others_in
from strongroom.policy.retention_and_recovery.leaks.running import scan_running
from strongroom.policy.retention_and_recovery.leaks.scan import ScanFailed
from strongroom.rehearsal import leak_drill
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.leak_plants import in_the_cache
from strongroom.rehearsal.ports import free_port

ADMINISTRATOR: Final = "postgres"


def add(verbs: Any) -> None:
    """The verb `leak` of `strongroom drill`."""
    leak = verbs.add_parser(
        "leak", help="invented customers go through a rehearsal; nothing it leaves may hold a word of theirs"
    )
    leak.add_argument("--json", action="store_true", help="the report as JSON")
    leak.add_argument("--keep", action="store_true", help="keep the folder for inspection")
    leak.add_argument(
        "--scan",
        action="store_true",
        help="only search the running installation of --data, for texts given on standard input, one a line",
    )
    leak.add_argument("--days", type=int, default=leak_drill.DAYS, help=argparse.SUPPRESS)
    leak.add_argument("--pg-bindir", type=Path, help="bin folder of another PostgreSQL, 15 to 18")
    leak.set_defaults(run=_leak)


def _leak(options: argparse.Namespace) -> int:
    try:
        report = _scan(options) if options.scan else _drill(options)
    except NoEngine as why:
        remedy = "Run it on Linux with x86_64 or aarch64; without it the result is unknown."
        raise CannotStart(str(why), remedy) from None
    except ScanFailed as why:
        raise CannotStart(str(why), "The result is unknown. Run it again.") from None
    show(report, _words(report), as_json=options.json)
    return 0 if leak_drill.passed(report) else 1


def _scan(options: argparse.Namespace) -> dict[str, Any]:
    """Texts come by a pipe: as an argument they would stand in the list of processes, which is searched too."""
    found = folders(options)
    texts = [line.strip() for line in sys.stdin.buffer.read().decode().splitlines() if line.strip()]
    try:
        canaries = [Canary(f"line {n + 1}", (Secret(text),)) for n, text in enumerate(texts)]
    except ValueError:
        raise CannotStart(
            "A text to look for has at least 10 bytes.", "Take rarer words; short ones stand anywhere."
        ) from None
    with _database(found) as connection:
        plants = [in_the_cache(connection)] if connection.info.user == ADMINISTRATOR else []
        report = scan_running(
            data=found.data, canaries=canaries, since=_began(found), processes=_supervisor(found),
            streams=database.rows(connection), left_out=_left_out(found), more_plants=plants,
        )  # fmt: skip
    return {**report.as_json(), "story": {}, "not_done": [], "not_built": [], "memory": {}}


def _database(found: Folders) -> psycopg.Connection[Any]:
    """As its administrator where it is ours, else as the auditor, who says what he may not read."""
    known = json.loads((found.data / "database.json").read_text(encoding="utf-8"))
    at = {"host": known["host"], "port": known["port"], **known["options"]}
    if found.has_credential("database-postgres"):
        mine = {**at, "user": ADMINISTRATOR, "password": found.credential("database-postgres").text()}
        return psycopg.connect(**mine, dbname=known["name"], autocommit=True)
    return psycopg.connect(**database_roles.connect_as(at, found, "auditor", known["name"]), autocommit=True)


def _began(found: Folders) -> float:
    """When it was last started: what is older in the temporary folder is not its."""
    lock = found.data / "lock"
    return (lock if lock.exists() else found.keys / "ring").stat().st_mtime


def _supervisor(found: Folders) -> list[int]:
    lock = found.data / "lock"
    words = lock.read_text(encoding="ascii", errors="replace").strip() if lock.exists() else ""
    return [int(words)] if words.isdigit() else []


def _left_out(found: Folders) -> list[LeftOut]:
    temporary = Path(tempfile.gettempdir())
    world = [LeftOut(found.marketplace, "the simulated Amazon: it rightly knows its customers")]
    return [*(world if found.marketplace.exists() else []), *others_in(temporary, found.data)]


def _drill(options: argparse.Namespace) -> dict[str, Any]:
    folder = options.data or Path(tempfile.mkdtemp(prefix="strongroom-leak-"))
    if (folder / "keys").exists():
        raise CannotStart(f"{folder} is not empty.", "The drill makes a rehearsal of its own; name an empty folder.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (
            Folders(folder).only_one(),
            Rehearsal(
                folder, port=free_port(), days=options.days, orders_per_day=2.0, pg_bindir=options.pg_bindir, loud=True
            ) as rehearsal,
        ):
            return leak_drill.run(rehearsal, days=options.days, say=tell)
    finally:
        if options.keep or options.data:
            tell(f"kept for inspection: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _words(report: dict[str, Any]) -> str:
    leaks = report["leaks"]
    figures = (
        f"{report['state'].upper()}: {leaks['files_scanned']} files, {leaks['bytes_scanned'] / 1e6:.0f} MB, "
        f"{leaks['needles']} needles at once, {leaks['gigabytes_per_second']} GB/s; {leaks['found']} found; "
        f"positive control {leaks['positive_control_found']} of {leaks['positive_control_planted']}"
    )
    lines = [
        figures,
        *(f"  {sink['path']}: {sink['canary']} as {sink['form']}" for sink in report["sinks"][:20]),
        *(f"  missed plant: {missed['canary']} in {missed['where']}" for missed in report["missed"]),
        *(f"  unknown: {unknown['path']}: {unknown['reason']}" for unknown in report["unknown"]),
        *(f"  not done: {what}" for what in report["not_done"]),
        *(f"  not built: {what}" for what in report["not_built"]),
        *(
            ["happened: " + ", ".join(f"{count} {what}" for what, count in report["story"].items())]
            if report["story"]
            else []
        ),
    ]
    return "\n".join(lines)
