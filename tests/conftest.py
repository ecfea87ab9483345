"""What all tests share: folders that PostgreSQL can reach, one running house, and loud skips for missing packages."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.running import House, running_house

SKIPPED_FOR_PACKAGES: list[str] = []
SKIPPED_FOR_MODELS: list[str] = []


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a short name; as root, one that PostgreSQL's user may pass through."""
    made = Path(tempfile.mkdtemp(prefix="sr-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """A whole house but for its worker, whose part this test process plays: database, broker, Django, clock."""
    made = Path(tempfile.mkdtemp(prefix="sr-house-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    with running_house(made) as running:
        yield running
    shutil.rmtree(made, ignore_errors=True)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return
    if "needs the package" in report.longrepr[2]:
        SKIPPED_FOR_PACKAGES.append(f"{report.nodeid}: {report.longrepr[2]}")
    elif "are not beside the project" in report.longrepr[2]:
        SKIPPED_FOR_MODELS.append(f"{report.nodeid}: {report.longrepr[2]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, skipped in (("a system package is", SKIPPED_FOR_PACKAGES), ("Amazon's models are", SKIPPED_FOR_MODELS)):
        if skipped:
            terminalreporter.section(f"SKIPPED, because {what} absent", red=True)
            for line in skipped:
                terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where the packages are said to be installed, a skip for one is a failure."""
    if SKIPPED_FOR_PACKAGES and os.environ.get("STRONGROOM_ALL_PACKAGES") == "1":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
