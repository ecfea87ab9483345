"""Kills that hit: children of a nursery under strace, which kills them at their N-th system call, and what they did."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strongroom.rehearsal.marketplace.business import MARKETPLACES
from tests.house.running import House, Shop

STEPS = (
    ("carry_rows", "carry: rows moved"), ("seal_rows", "receipt: parts written"), ("drop_day", "forgetting: day dropped"),
    ("erase_rows", "forgetting: rows erased"), ("day_key", "receipt: key noted"), ("obligation", "deadline written"),
    ("INTO entry ", "entry written"), ('INTO "leaf"', "place noted"),
    ('FROM "pending"', "place noted"), ("INTO amazon_order ", "receipt: orders written"),
    ("UPDATE amazon_order ", "receipt: orders changed"), ("order_item", "receipt: lines written"),
    ("receiver", "receipt: watermark"), ("api_call", "call logged"), ("bucket", "call allowed"),
    ("label_print", "print: ledger"), ("COMMIT", "commit"), ("BEGIN", "transaction begun"),
)  # fmt: skip
"""What a statement belongs to, by a word in it; the first that fits."""

BEGUN = "nothing yet"


def needs_strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs the package strace")
    if os.getuid() != 0:
        pytest.skip("a hardened process is traced by root only")


@dataclass
class Shot:
    """How a child ended: -9 where it was hit; `step`: what it was in the middle of."""

    code: int
    step: str
    calls: int

    @property
    def hit(self) -> bool:
        """Whether it was killed in the middle of work; a kill before it did anything does not count."""
        return self.code == -9 and self.step != BEGUN


@dataclass
class Nursery:
    """The process that forks; `hits` counts kills by the step they hit."""

    process: subprocess.Popen[str]
    folder: Path
    hits: Counter[str] = field(default_factory=Counter)

    def run(self, **asked: Any) -> int:
        """A child that nobody aims at; its exit code."""
        self._tell(asked)
        self._hear()
        self._say("go")
        return int(self._hear()["code"])

    def shoot(self, syscall: str, when: int, *, how: str = "signal=KILL", **asked: Any) -> Shot:
        """A child that is hit when it makes this call for the `when`-th time, if it makes it so often."""
        self._tell(asked)
        pid, log = int(self._hear()["pid"]), self.folder / "strace.log"
        tracer = subprocess.Popen(
            ["strace", "-qq", "-yy", "-s", "200", "-o", str(log), "-e", "trace=sendto,write,recvfrom,read,connect",
             "-e", f"inject={syscall}:{how}:when={when}", "-p", str(pid)],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _until_traced(pid)
        self._say("go")
        code = int(self._hear()["code"])
        tracer.wait(20)
        lines = log.read_text(errors="replace").splitlines()
        log.unlink()
        shot = Shot(code, _step(lines), sum(line.startswith(f"{syscall}(") for line in lines))
        if shot.hit:
            self.hits[shot.step] += 1
        return shot

    def _tell(self, asked: dict[str, Any]) -> None:
        self._say(json.dumps(asked))

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def nursery_of(house: House, folder: Path) -> Iterator[Nursery]:
    running = house.rehearsal.running
    channel = running.channels["worker"].peers.fileno()
    environment = {**running.environment("worker"), "STRONGROOM_BROKER_CHANNEL": str(channel),
                   "DJANGO_SETTINGS_MODULE": "strongroom.website.settings", "STRONGROOM_ROLE": "worker"}  # fmt: skip
    environment.pop("STRONGROOM_BROKER_SOCKET", None)
    with (folder / "nursery.log").open("w") as log, subprocess.Popen(
        [sys.executable, "-m", "tests.crash.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        pass_fds=[channel], env=environment, cwd=Path(__file__).parents[2], stderr=log,
    ) as process:  # fmt: skip
        try:
            yield Nursery(process, folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


def amazon_of(shop: Shop) -> dict[str, Any]:
    """A shop's Amazon, as a child is told of it."""
    here = f"https://localhost:{shop.server.port}"
    return {
        "endpoint": here, "login_endpoint": f"{here}/auth/o2/token", "client_id": "app",
        "client_secret": "client-secret", "refresh_token": shop.amazon.refresh_token,
        "marketplaces": [id_ for id_, _, _ in MARKETPLACES.values()], "ca_file": str(shop.house.certificate[0]),
    }  # fmt: skip


def _until_traced(pid: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.002)
    raise AssertionError("strace did not come")


def _step(lines: list[str]) -> str:
    """What was sent last says what it was in the middle of."""
    for line in reversed(lines):
        if not re.match(r"(sendto|write)\(", line):
            continue
        said = line.replace('\\"', '"')
        words = next((words for word, words in STEPS if word in said), None)
        if words is not None:
            return words
        if "<TCP" in line:
            return "a call of Amazon or a printer"
        if "<UNIX" in line and ".s.PGSQL" not in line:
            return "the key broker asked"
        if "<UNIX" in line:
            return "another statement"
    return BEGUN
