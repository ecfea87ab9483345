"""One look in a process of its own: it may crash or hang, and still there is a verdict, which then says so."""

import contextlib
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.formats.verdict import Fact
from strongroom.installation.inspector.looks import Plan
from strongroom.installation.inspector.seen import Seen, Surroundings

PIECE: Final = 65_536
MOST: Final = 1 << 20
POLITE: Final = 10
"""Looks wait for those who serve people."""


@dataclass(frozen=True)
class Outcome:
    """What a look found. `hanging`: its process, where even killing did not end it."""

    saw: dict[str, Fact] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    memory: dict[str, Any] = field(default_factory=dict)
    hanging: int | None = None


def take(plan: Plan, around: Surroundings) -> Outcome:
    """Run a look to its end or its limit."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_the_look(plan, around, writing)
    os.close(writing)
    try:
        text = _hear(reading, plan.within)
    finally:
        os.close(reading)
    if text is None:
        return Outcome(
            unseen=(f"This look did not end within {plan.within:.0f} s and was stopped.",), hanging=_kill(pid),
            memory=around.memory,
        )  # fmt: skip
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        return Outcome(unseen=("This look failed; the end of logs/inspector.log says where.",), memory=around.memory)
    return _parse(text)


def gone(pid: int) -> bool:
    """Whether a look that hung has ended after all."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _be_the_look(plan: Plan, around: Surroundings, writing: int) -> None:
    """The child: never returns, whatever happens in the look."""
    status = 1
    try:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, signal.SIG_DFL)
        os.nice(POLITE)
        found = Seen()
        plan.run(around, found)
        problems, unseen = found.sentences()
        told = {"saw": found.facts, "problems": problems, "unseen": unseen, "memory": found.memory}
        with os.fdopen(writing, "w", encoding="utf-8") as file:
            json.dump(told, file)
        status = 0
    finally:
        if status:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(status)


def _hear(reading: int, within: float) -> str | None:
    """Everything the child writes until it closes its end; None where that takes longer."""
    deadline = time.monotonic() + within
    found = bytearray()
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready or len(found) > MOST:
            return None
        piece = os.read(reading, PIECE)
        if not piece:
            return found.decode("utf-8", "replace")
        found += piece


def _kill(pid: int) -> int | None:
    """End it. What hangs in the kernel, as on a dead network file system, cannot be ended: its pid is returned."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        if gone(pid):
            return None
        time.sleep(0.01)
    return pid


def _parse(text: str) -> Outcome:
    told = json.loads(text)
    saw = {name: tuple(fact) if isinstance(fact, list) else fact for name, fact in told["saw"].items()}
    return Outcome(saw, tuple(told["problems"]), tuple(told["unseen"]), told["memory"])
