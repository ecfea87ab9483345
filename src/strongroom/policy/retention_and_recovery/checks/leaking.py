"""What shows that no file and no log holds a customer: a search for each word of the probe in each form (RR-4, LM-3).

The probe is a customer who does not exist; its words follow from its reference, so that whoever searches is told that
alone. Where one user runs everything the search is this process's child; in service grade it is the inspector's, which
may read what this process may not. A database that lies elsewhere is read row by row, as far as this process may.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.db import connection

from strongroom.formats import log_lines
from strongroom.formats.grade import grade
from strongroom.formats.verdict import Look as Seen
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown
from strongroom.policy.obligations import inspected
from strongroom.policy.retention_and_recovery import probe
from strongroom.policy.retention_and_recovery.leaks import database, night
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary
from strongroom.policy.retention_and_recovery.leaks.engine import Engine
from strongroom.policy.retention_and_recovery.leaks.forms import needles
from strongroom.policy.retention_and_recovery.leaks.looking import Scanner
from strongroom.policy.retention_and_recovery.leaks.night import Night
from strongroom.policy.retention_and_recovery.leaks.places import pointed

WITHIN: Final = 180.0
"""Seconds for the search; a greater installation's goes on, and is looked at again soon."""
PATIENCE: Final = timedelta(seconds=200)
CONTROL: Final = "control.rows"
OURS: Final = "/proc/self/fd/2"
TEMPORARY: Final = ("/var/tmp", "/dev/shm")  # noqa: S108 - where strays end up, besides the system's own

log = logging.getLogger("strongroom.leaks")


def no_file_holds_the_probe(look: Look) -> Verdict:
    """Every file of the installation, and wherever else a program may have left something."""
    return _searched(look, Seen.LEAKS)


def no_log_holds_the_probe(look: Look) -> Verdict:
    """The logs of every process, and the journal."""
    return _searched(look, Seen.LEAKS_IN_LOGS)


def lines_have_their_shape(look: Look) -> Verdict:
    """Each line of each log, against what its program writes."""
    if grade(look.data).is_service:
        return inspected.search(look, Seen.LOG_LINES, uuid.uuid4().hex.encode(), within=inspected.WAIT)
    found = log_lines.in_folder(look.data / "logs")
    seen = {"files": found.files, "lines": found.lines, "strange": sum(map(len, found.strange.values()))}
    if found.strange:
        return failed(found.problem(), **seen)
    if found.unread or not found.files:
        return unknown("There are logs that cannot be read, or none at all.", **seen)
    return passed(f"{found.lines:,} lines in {found.files:,} logs, each of a shape that its program writes.", **seen)


def _searched(look: Look, which: Seen) -> Verdict:
    refs = [ref.hex for ref in probe.known()]
    if not refs:
        return unknown("There is no probe just now; the worker makes one within the hour.")
    control = uuid.uuid4()
    asked = {"refs": refs, "control": control.hex, "marks": _leave_marks(look, control, which)}
    if grade(look.data).is_service:
        told = inspected.search(look, which, json.dumps(asked).encode(), within=WITHIN)
    else:
        told = _by_a_child(look, asked, logs_only=which is Seen.LEAKS_IN_LOGS)
    if which is Seen.LEAKS and told.outcome == "pass" and not pointed(look.data, "postgres").exists():
        return _in_rows(refs, control, told)
    return told


def _leave_marks(look: Look, control: uuid.UUID, which: Seen) -> dict[str, str]:
    """Words of nobody where only a search that works finds them: our own log, and the database's log of changes."""
    words, marks = night.mark_words(control), {}
    ours = Path(os.path.realpath(OURS))
    if ours.is_relative_to(look.data.resolve()):
        log.warning("the search for leaks must find this word of nobody: %s", words["log"].text())
        marks["log"] = str(ours)
    changes = Path(os.path.realpath(pointed(look.data, "postgres"))) / "pg_wal"
    if which is Seen.LEAKS and changes.parent.exists():
        asking.value("SELECT pg_logical_emit_message(true, 'leak-control', %s)", words["changes"].text())
        marks["changes"] = str(changes)
    return marks


def _by_a_child(look: Look, asked: Mapping[str, Any], *, logs_only: bool) -> Verdict:
    """The search as a process of this one's own user."""
    root = os.geteuid() == 0
    wanted = Night(
        data=str(look.data), refs=asked["refs"], control=asked["control"], marks=asked["marks"],
        scratch=str(look.data), temporary=(tempfile.gettempdir(), *TEMPORARY),
        uids=() if root else (os.geteuid(),), processes=(os.getppid(),) if root else (), logs_only=logs_only,
    )  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-m", night.__name__], input=wanted.packed(), capture_output=True, check=False, cwd="/",
            env={"PATH": os.defpath}, timeout=WITHIN,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return unknown(f"The search did not end within {WITHIN:.0f} s.")
    if done.returncode != 0:
        return unknown("The search did not come to an end, so that nothing is known.")
    return _judged(json.loads(done.stdout))


def _in_rows(refs: list[str], control: uuid.UUID, files: Verdict) -> Verdict:
    """A database whose files are not here: every row that this process may read, and what the server shows.

    The control is a session's name, which stands among what is shown.
    """
    word = night.mark_words(control)["changes"]
    canaries = [*night.canaries(refs), Canary(CONTROL, (word,))]
    scanner = Scanner(Engine(needles(canaries)))
    was = asking.value("SELECT current_setting('application_name')")
    asking.value("SELECT set_config('application_name', %s, false)", word.text())
    try:
        for name, pieces in database.rows(connection.connection):
            scanner.pieces(name, pieces)
    finally:
        asking.value("SELECT set_config('application_name', %s, false)", was)
    found = sorted({hit.path for hit in scanner.seen.hits if hit.canary != CONTROL})
    seen = {**files.seen, "row_bytes": scanner.seen.bytes, "tables_not_read": len(scanner.seen.unknown)}
    if not any(hit.canary == CONTROL for hit in scanner.seen.hits):
        return unknown("The search missed the word that was put into the database to be found.", **seen)
    if found:
        return failed(f"A customer's word stands in the {found[0]}; in {len(found):,} tables altogether.", **seen)
    if scanner.seen.unknown:
        return unknown(f"{len(scanner.seen.unknown):,} tables elsewhere are not this process's to read.", **seen)
    return passed(f"{files.reason[:-1]}, and none in any row.", **seen)


def _judged(report: Mapping[str, Any]) -> Verdict:
    """The report in words. A search that missed what was put there to be found says nothing, whatever else it found."""
    figures, paths = report["leaks"], list(dict.fromkeys(sink["path"] for sink in report["sinks"]))
    seen = {name: figures[name] for name in FIGURES}
    if report["missed"] or not figures["positive_control_planted"]:
        return unknown(f"The search missed {len(report['missed'])} of the words put there to be found.", **seen)
    if paths:
        return failed(f"A customer's word stands in {paths[0]}; in {len(paths):,} places altogether.", **seen)
    if report["unknown"]:
        first = report["unknown"][0]
        return unknown(f"{len(report['unknown']):,} places were not looked into: {first['path']}.", **seen)
    words = f"{figures['files_scanned']:,} files; all {figures['positive_control_planted']} plants were found"
    return passed(f"No word of the probe in {words}.", **seen)


FIGURES: Final = (
    "files_scanned", "bytes_scanned", "needles", "found", "positive_control_planted", "positive_control_found",
    "vanished",
)  # fmt: skip
CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "RR-4.scan",
        passes="No word of a customer who does not exist stands in any file, and what was planted was found.",
        fails="A file holds a customer.",
        run=no_file_holds_the_probe,
        patience=PATIENCE,
    ),
    Check(
        "LM-3.scan",
        passes="No word of a customer who does not exist stands in a log or the journal; what was planted was found.",
        fails="A log holds a customer.",
        run=no_log_holds_the_probe,
        patience=PATIENCE,
    ),
    Check(
        "LM-3.lines",
        passes="Every line of every log has a shape that its program writes.",
        fails="A log has lines that no program of ours writes.",
        run=lines_have_their_shape,
        every=timedelta(hours=1),
    ),
)
