"""Real servers for tests: PostgreSQL by our launcher, also with settings of somebody who runs it otherwise."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.installation.binaries import find_binaries
from strongroom.installation.folders import Folders
from strongroom.installation.postgres import Embedded, new_password

DEBIAN = Path("/usr/lib/postgresql/15/bin")
BOTH = [pytest.param(None, id="wheel 18"), pytest.param(DEBIAN, id="Debian 15")]
SOURCES = Path(__file__).parents[2] / "src"
CANARY = "Qx7Canary9Zz"


class SomebodysServer(Embedded):
    """Ours, but for what somebody else told it: the last word on a command line counts."""

    told: Mapping[str, str] = {}

    def command(self) -> list[str]:
        return [*super().command(), *(part for name, value in self.told.items() for part in ("-c", f"{name}={value}"))]


def embedded(folder: Path, bindir: Path | None = None, *, fresh: bool = False) -> tuple[Folders, SomebodysServer]:
    """A server that is not started, in `folder`/data; its cluster is a copy of one made before unless `fresh`."""
    folders = Folders(folder / "data")
    folders.make()
    if not fresh and not folders.has_credential("database-postgres") and not folders.postgres.exists():
        pattern = _pattern(bindir)
        folders.keep_credential("database-postgres", pattern.credential("database-postgres"))
        subprocess.run(["cp", "-a", "--reflink=auto", pattern.postgres, folders.postgres], check=True)
    return _embedded(folders, bindir)


@functools.cache
def _pattern(bindir: Path | None) -> Folders:
    """A cluster nobody has used yet: making one takes four times as long as copying it."""
    made = Path(tempfile.mkdtemp(prefix="sr-pattern-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    folders = Folders(made / "data")
    folders.make()
    _embedded(folders, bindir)[1].prepare()
    return folders


def _embedded(folders: Folders, bindir: Path | None) -> tuple[Folders, SomebodysServer]:
    if bindir is not None and not (bindir / "postgres").exists():
        pytest.skip("needs the package postgresql-15")
    if not folders.has_credential("database-postgres"):
        folders.keep_credential("database-postgres", new_password())
    return folders, SomebodysServer(
        binaries=find_binaries(bindir), folder=folders.postgres, sockets=folders.run / "postgres",
        log=folders.logs / "postgres.log", password=folders.credential("database-postgres"),
    )  # fmt: skip


@contextmanager
def running_server(
    folder: Path, bindir: Path | None = None, told: Mapping[str, str] | None = None, *, fresh: bool = False
) -> Iterator[tuple[Folders, SomebodysServer]]:
    """A server that answers, ended afterwards. `told`: settings beyond ours."""
    folders, server = embedded(folder, bindir, fresh=fresh)
    server.told = told or {}
    server.start()
    try:
        yield folders, server
    finally:
        server.stop()


def one(parameters: Mapping[str, Any], statement: str) -> Any:
    """The first column of a statement's first row."""
    with psycopg.connect(**parameters) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def do(parameters: Mapping[str, Any], *statements: str) -> None:
    with psycopg.connect(**parameters, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def until(done: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process lives and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def python_for_everybody() -> tuple[str, dict[str, str]]:
    """An interpreter that another user reaches, with what it needs to find our sources and packages; else a skip.

    Where the one that runs the tests lies below a private home, the system's of the same version serves.
    """
    packages = Path(psycopg.__file__).parents[1]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        if found and subprocess.run(["test", "-x", found], user="nobody", check=False, cwd="/").returncode == 0:
            ran = subprocess.run(
                [found, "-c", "import psycopg, cryptography"], user="nobody", group="nogroup", extra_groups=[],
                cwd="/", check=False, capture_output=True, env={"PYTHONPATH": str(packages)},
            )  # fmt: skip
            if ran.returncode == 0:
                root = Path(__file__).parents[2]
                return found, {"PYTHONPATH": f"{packages}:{SOURCES}:{root}", "PATH": os.environ["PATH"]}
    pytest.skip(f"no {version} that another user reaches: install the system's, or move this one out of a private home")
