"""A worker that stands still for weeks: nothing may say that all was forgotten on time until it caught up (RR-2)."""

import os
import signal
import time
from pathlib import Path

from strongroom.installation.folders import Folders
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.ports import free_port
from strongroom.rehearsal.watchman import Watchman
from tests.house.running import DAY

STALE = ("unknown", "false")


def test_forty_days_without_a_worker_are_not_true_until_it_caught_up(folder: Path) -> None:
    with Folders(folder).only_one(), Rehearsal(folder, port=free_port(), days=44) as rehearsal:
        rehearsal.start()
        for _ in range(8):
            rehearsal.step(6 * 3600)
        with Watchman(rehearsal) as watchman:
            watchman.run("RR-2")
            assert watchman.tiles()["RR-2"]["state"] == "true"
            pid = rehearsal.running.supervisor.pid("worker")
            os.kill(pid, signal.SIGSTOP)
            try:
                steps = rehearsal.clock.step(40 * DAY)
                time.sleep(1)
                assert watchman.tiles()["RR-2"]["state"] in STALE, "nobody looked for forty days"
            finally:
                os.kill(pid, signal.SIGCONT)
            rehearsal.wait_for(steps)
            rehearsal.step(2 * 3600)  # what it learnt only now has its hour too
            watchman.run("RR-2")  # what had begun before the standstill ends now, and judges by then
            told = watchman.run("RR-2")
            assert {run["outcome"] for run in told.values()} == {"pass"}, told
            assert watchman.tiles()["RR-2"]["state"] == "true"
