"""One whole rehearsal for the journeys: every process, three days of business, sample people."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.ports import free_port

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
IDLE = 300.0
"""Seconds after which a test relies on no session that was not used: each role's ends after some minutes."""


@pytest.fixture(scope="session")
def rehearsal() -> Iterator[Rehearsal]:
    made = Path(tempfile.mkdtemp(prefix="sr-journey-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    bindir = os.environ.get("STRONGROOM_TEST_PG_BINDIR")
    with Rehearsal(made, port=free_port(), days=3, pg_bindir=Path(bindir) if bindir else None) as running:
        running.start()
        for _ in range(12):
            running.step(6 * 3600)
        yield running
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def packing() -> Iterator[Rehearsal]:
    """A rehearsal where nothing is despatched by itself, so that there is work at the bench."""
    made = Path(tempfile.mkdtemp(prefix="sr-packing-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    with Rehearsal(made, port=free_port(), days=3, hands_off=0.5, orders_per_day=16.0) as running:
        running.start()
        for _ in range(12):
            running.step(6 * 3600)
        yield running
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real Chromium, headless. Ended with its module: while it runs, this process's own Django may not be asked."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs the package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


class Doors:
    """Signs people in, each once: a code works once, so sessions are shared within the tests, while they last."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._inside: dict[str, Browser] = {}
        self._used: dict[str, float] = {}
        self._all: list[Browser] = []

    def browser(self) -> Browser:
        base = f"https://127.0.0.1:{self._rehearsal.running.configuration.web.port}"
        self._all.append(Browser(base, self._rehearsal.folders.tls / "ca.pem"))
        return self._all[-1]

    def __call__(self, role: str) -> Browser:
        if time.monotonic() - self._used.get(role, -IDLE) >= IDLE:
            self._inside[role] = self.browser()
            self._inside[role].sign_in(self._rehearsal.people()[role])
        self._used[role] = time.monotonic()
        return self._inside[role]

    def close(self) -> None:
        for browser in self._all:
            browser.close()


@pytest.fixture(scope="session")
def inside(rehearsal: Rehearsal) -> Iterator[Doors]:
    doors = Doors(rehearsal)
    yield doors
    doors.close()
