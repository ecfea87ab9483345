"""`python -m strongroom.rehearsal.watchman`: looks at a rehearsal's wall and has checks run, for whoever rehearses.

A process of its own with the website's rights: reads one JSON request a line, writes one JSON answer a line. `Watchman`
is the other end. What it reports are the rows that pages show; it decides nothing.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

from strongroom.installation.problems import CannotStart
from strongroom.rehearsal import sample_office
from strongroom.rehearsal.clock import RehearsalClock
from strongroom.rehearsal.installation import Rehearsal
from strongroom.website.process import begin

RUN_WITHIN: Final = 180.0


class Watchman:
    """Asks the process. Use as a context manager."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "strongroom.rehearsal.watchman"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, **rehearsal.running.as_role("web"),
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(10)

    def tiles(self) -> dict[str, dict[str, Any]]:
        """Every clause's row as `strongroom status --json` shows it, by its id."""
        found: dict[str, dict[str, Any]] = {row["id"]: row for row in self._ask("status")["clauses"]}
        return found

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = self._ask("status")["counts"]
        return found

    def run(self, *which: str) -> dict[str, dict[str, Any]]:
        """Have the worker run these checks or all checks of these clauses now; each one's run, by check."""
        found: dict[str, dict[str, Any]] = self._ask("run", which=list(which))
        return found

    @contextlib.contextmanager
    def catching_up(self) -> Iterator[dict[str, dict[str, Any]]]:
        """Meanwhile the worker runs the checks whose last run is too old to count; then each one's run is there."""
        found: dict[str, dict[str, Any]] = {}
        asked = self._ask("ask for what is old")
        yield found
        found.update(self._ask("wait", asked=asked))

    def keep_office(self) -> None:
        """The sample office does its duties, as of now."""
        if self._ask("keep office") != 0:
            raise CannotStart("The sample office did not do its duties.", "Look at what it said above.")

    def checks(self) -> dict[str, str]:
        """Every check's clause."""
        found: dict[str, str] = self._ask("checks")
        return found

    def shown_true(self) -> list[tuple[str, str, float]]:
        """Each check that a true tile rests on: its id, its clause, and how many seconds old its run may be (I28)."""
        return [(id_, clause, seconds) for id_, clause, seconds in self._ask("shown true")]

    def _ask(self, verb: str, **what: Any) -> Any:
        assert self._process.stdin is not None  # noqa: S101 - a pipe of ours
        assert self._process.stdout is not None  # noqa: S101 - a pipe of ours
        self._process.stdin.write(json.dumps({"verb": verb, **what}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise CannotStart("The watchman ended.", "Look at what it said above.")
        return json.loads(line)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))
    from django.db import connection  # noqa: PLC0415 - Django is set up now

    from strongroom.website.wall import reports  # noqa: PLC0415
    from strongroom.website.wiring import controls  # noqa: PLC0415

    for line in sys.stdin:
        asked = json.loads(line)
        match asked["verb"]:
            case "status":
                answer: Any = reports.status()
            case "checks":
                answer = {check.id: check.clause for check in controls().checks}
            case "shown true":
                true = {row["id"] for row in reports.status()["clauses"] if row["state"] == "true"}
                known = [check for check in controls().checks if check.clause in true]
                answer = [(check.id, check.clause, check.max_age.total_seconds()) for check in known]
            case "run":
                answer = _wait_for(_ask_for(_chosen(asked["which"])))
            case "keep office":
                answer = sample_office.keep()
            case "ask for what is old":
                answer = _ask_for(_too_old())
            case "wait":
                answer = _wait_for(asked["asked"])
            case _:
                answer = None
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        connection.close()  # until the next question the database may be killed and started again
    return 0


def _chosen(which: Sequence[str]) -> list[str]:
    """These checks and all checks of these clauses; where none is named, all there are."""
    from strongroom.website.wiring import controls  # noqa: PLC0415

    return [check.id for check in controls().checks if not which or check.id in which or check.clause in which]


def _ask_for(ids: Sequence[str]) -> dict[str, str | None]:
    """Ask the worker to run these now; the last run of each before that. One that never ran has no row to ask by, it
    runs by itself as new.
    """
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.obligations import runs  # noqa: PLC0415

    before = {row.check_id: str(row.id) for row in runs.newest(ids)}
    runs.want(sorted(ids), definitions.now())
    return {id_: before.get(id_) for id_ in ids}


def _wait_for(asked: dict[str, str | None]) -> dict[str, dict[str, Any]]:
    """Wait for a newer run of each; what did not run in time says so."""
    from strongroom.policy.obligations import runs  # noqa: PLC0415

    wanted = set(asked)
    found: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + RUN_WITHIN
    while set(found) < wanted and time.monotonic() < deadline:
        for row in runs.newest(wanted - set(found)):
            if str(row.id) != asked[row.check_id]:
                found[row.check_id] = {"outcome": row.outcome, "reason": row.reason, "ms": row.milliseconds}
        time.sleep(0.2)
    return found | {
        id_: {"outcome": "none", "reason": "It did not run in time.", "ms": 0} for id_ in wanted - set(found)
    }


def _too_old() -> list[str]:
    """Checks without a run that still counts."""
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.obligations import runs  # noqa: PLC0415
    from strongroom.website.wiring import controls  # noqa: PLC0415

    known, now = controls().checks, definitions.now()
    newest = {row.check_id: row.began_at for row in runs.newest([check.id for check in known])}
    return [each.id for each in known if each.id not in newest or now - newest[each.id] > each.max_age]


if __name__ == "__main__":
    sys.exit(main())
