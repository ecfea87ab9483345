"""A house for measuring: a rehearsal's real database and real broker, with nothing beside them that takes its time."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import psycopg

from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.sabotage.breaking import Target

INSIDE: Final = "strongroom.rehearsal.benches.inside"
SCRATCH: Final = "bench"
"""A schema of its own for the tables of peers and limits."""


@contextlib.contextmanager
def a_house(folder: Path, *, pg_bindir: Path | None = None) -> Iterator[Rehearsal]:
    """Database, schema and unlocked broker in an empty folder."""
    with Folders(folder).only_one(), Rehearsal(folder, port=1, days=0, pg_bindir=pg_bindir) as rehearsal:
        running = rehearsal.running
        unlock = folder / "rehearsal-unlock"
        unlock.touch(mode=0o600)
        unlock.write_bytes(os.urandom(32))
        running.create_keys("--unlock-file", str(unlock))
        running.start_database()
        running.migrate(at=rehearsal.clock.wall())
        running.start_broker("--unlock-file", str(unlock))
        yield rehearsal


@contextlib.contextmanager
def scratch(rehearsal: Rehearsal) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session with the empty schema of peers; it goes with all that is in it."""
    with Target(rehearsal).superuser() as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCRATCH} CASCADE")
        connection.execute(f"CREATE SCHEMA {SCRATCH}")
        try:
            yield connection
        finally:
            connection.execute(f"DROP SCHEMA {SCRATCH} CASCADE")


class Side:
    """A process that is asked line by line, in JSON, and answers with what it measured; it ends with this."""

    def __init__(self, command: list[str], **more: Any) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._in, self._out = self._process.stdin, self._process.stdout

    @classmethod
    def of(cls, rehearsal: Rehearsal, role: str) -> Self:
        """A Django process of ours with a role's uid, database rights and way to the broker."""
        return cls([sys.executable, "-m", INSIDE], **rehearsal.running.as_role(role))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, verb: str, **what: object) -> Any:
        self.send(verb, **what)
        return self.answer()

    def send(self, verb: str, **what: object) -> None:
        """Ask without waiting; `answer` waits."""
        self._in.write(json.dumps({"verb": verb, **what}) + "\n")
        self._in.flush()

    def answer(self) -> Any:
        line = self._out.readline()
        if not line:
            raise CannotStart("A process that measures has ended.", "What it said stands above.")
        return json.loads(line)
