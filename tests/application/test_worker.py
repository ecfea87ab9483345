"""The worker as a whole: a part of it that fails ends it, so that it is started anew, and what failed is said without
a value (RR-4).
"""

import os
import subprocess
import sys

import pytest

from strongroom.formats.secret import Secret
from strongroom.policy.encryption_and_storage.connection import CHANNEL
from tests.house.running import House

NOBODY = "Ottoline Fernhurst-Quist, 12 Larkmoor Steps"
FAILS = f"""
import os, sys, threading
from pathlib import Path
from strongroom.rehearsal.clock import RehearsalClock
clock = RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"]))
def fails(*_):
    raise ValueError({NOBODY!r})
"""
IN_THE_PROCESS = "from strongroom.website.process import begin; begin(clock); fails()"
IN_A_THREAD = "from strongroom.website.process import begin; begin(clock); threading.Thread(target=fails).start()"
IN_THE_WORKER = """
from datetime import timedelta
from strongroom.website.worker import run
sys.exit(run(clock, poll_every=timedelta(minutes=6), rest=0.02, after_round=lambda _: None, after_watch=fails,
    after_telling=fails))
"""
NOBODY_TELLS_THE_TIME = """
from datetime import timedelta
from strongroom.website.process import begin
begin(clock)
from strongroom.application.worker import Worker
from strongroom.policy import definitions
from strongroom.policy.clauses.controls import Controls
from strongroom.policy.obligations.channels.telling import Channels
from strongroom.policy.obligations.channels.words import House
asked, stop = [], threading.Event()
def unknown():
    asked.append(threading.current_thread().name)
    raise definitions.TimeUnknown("nobody tells the time")
definitions.use_time(unknown)
threading.Timer(2, stop.set).start()
nothing = lambda _: None
channels = Channels(House("A shop", "https://localhost", rehearsal=True), None, None, {}, 8, Path(), None)
Worker(clock=clock, marketplace=None, poll_every=timedelta(minutes=6), rest=0.02, after_round=nothing,
    after_watch=nothing, after_telling=nothing, controls=Controls((), ()), look=fails, channels=channels, sources=(),
).run(stop)
print(asked.count("checking"))
"""


def process(house: House, code: str, **other: str) -> subprocess.CompletedProcess[str]:
    """Another process with the worker's rights."""
    return subprocess.run(
        [sys.executable, "-c", FAILS + code], env={**os.environ, **other}, pass_fds=[int(os.environ[CHANNEL])],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("code", [IN_THE_PROCESS, IN_A_THREAD])
def test_what_nobody_caught_is_written_by_type_and_place_alone(house: House, code: str) -> None:
    ran = process(house, code)
    assert "ValueError" in ran.stderr
    assert " fails" in ran.stderr
    assert NOBODY not in ran.stderr


def test_a_part_that_fails_ends_the_worker_so_that_it_is_started_anew(house: House) -> None:
    if not house.rehearsal.folders.has_credential("mail-password"):
        house.rehearsal.folders.keep_credential("mail-password", Secret("Lantern-Quay-9"))
    ran = process(house, IN_THE_WORKER, STRONGROOM_MARKETPLACE_CLIENT_ID="")
    assert ran.returncode == 1, ran.stderr
    assert "ValueError" in ran.stderr
    assert NOBODY not in ran.stderr


def test_a_start_that_failed_is_said_in_our_own_words(house: House) -> None:
    """The house's marketplace is configured, and its credentials were never made."""
    ran = process(house, IN_THE_WORKER)
    assert ran.returncode == 1
    assert "amazon-client-secret" in ran.stderr.splitlines()[-1]


def test_while_nobody_tells_the_time_the_checks_do_not_ask_without_a_pause(house: House) -> None:
    ran = process(house, NOBODY_TELLS_THE_TIME)
    assert 1 <= int(ran.stdout) <= 20, ran.stderr
