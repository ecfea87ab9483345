"""One process that starts the others as direct children, starts them again when they die, and ends them in order."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from strongroom.installation import leftovers, neighbours
from strongroom.installation.problems import CannotStart
from strongroom.installation.process_flags import Life, die_with_parent

PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "VIRTUAL_ENV",
                    "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")  # fmt: skip
READY_WITHIN: Final = 60.0
STOP_WITHIN: Final = 15.0
LOG_LIMIT: Final = 10 << 20
LOG_EVERY: Final = 5.0
FIRST_WAIT: Final = 0.2
LONGEST_WAIT: Final = 5.0
WELL_AFTER: Final = 60.0
"""A child that served this long has recovered: its next death is waited for briefly again."""


@dataclass
class Process:
    """A child: how to start it, how to know that it serves, and how to end it.

    `ready` is asked until true; `needs_ready_line` instead gives the child a descriptor as `{ready}` in its arguments.
    `prepare` runs before each start, also after a death. `force_with` follows `stop_with` when that had no effect.
    `life`: whom it becomes before its program begins.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: Sequence[int] = ()
    ready: Callable[[], bool] | None = None
    needs_ready_line: bool = False
    stop_with: signal.Signals = signal.SIGTERM
    force_with: signal.Signals = signal.SIGKILL
    popen: Mapping[str, Any] = field(default_factory=dict)
    life: Life | None = None
    folder: str | None = None
    prepare: Callable[[], None] | None = None
    restarts: int = 0


@dataclass
class _Life:
    """One run of a child."""

    popen: subprocess.Popen[bytes]
    began: float
    child: leftovers.Child
    ended: bool = False


class Supervisor:
    """Children in order of dependence. Not a service manager: it serves one folder for as long as it is asked to.

    `record` names the file that lists living children for the supervisor after a killed one. Use it from one thread
    that lives as long as the children should (`die_with_parent`).
    """

    def __init__(self, logs: Path, record: Path | None = None) -> None:
        self._logs = logs
        self._record = record
        self._processes: dict[str, Process] = {}
        self._running: dict[str, _Life] = {}
        self._again_at: dict[str, float] = {}
        self._quick_deaths: dict[str, int] = {}
        self._stopping = False
        self._logs_due = 0.0

    def start(self, process: Process) -> None:
        """Start a child and wait until it serves. Raises `CannotStart` with the end of its log."""
        if self._record is not None and not self._processes:
            for name in leftovers.end_all(self._record):
                self._say(f"{name} was left by a supervisor that was killed; ended")
        self._processes[process.name] = process
        self._launch(process, wait=True)

    def pid(self, name: str) -> int:
        return self._running[name].popen.pid

    def alive(self, name: str) -> bool:
        """Whether it runs now; not while it waits to be started again."""
        return name in self._running and not _wait_for(self._running[name].popen, 0)

    def watch(self) -> None:
        """One look: whoever died is started again, later each time it dies. Logs that grew too long are set aside."""
        for name in list(self._running):
            if not self._stopping and self._has_ended(name):
                self._start_again(name)
        if time.monotonic() >= self._logs_due:
            self._logs_due = time.monotonic() + LOG_EVERY
            for name in self._running:
                _set_aside(self._logs / f"{name}.log")

    def run_until(self, asked: Callable[[], bool]) -> None:
        """Watch until asked to stop, then stop."""
        try:
            while not asked():
                self.watch()
                time.sleep(0.1)
        finally:
            self.stop()

    def run_forever(self) -> None:
        """Watch until SIGTERM or SIGINT, then stop. In the main thread, the only one that gets signals."""
        asked = threading.Event()
        before = {name: signal.signal(name, lambda *_: asked.set()) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.run_until(asked.is_set)
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def restart(self, name: str) -> None:
        """End a child and start it again, waiting until it serves, as for a new certificate. Not counted as a death."""
        self.end(name)
        self._launch(self._processes[name], wait=True)

    def stop(self) -> None:
        """End every child, the last started first; what does not end is killed."""
        self._stopping = True
        for name in reversed(list(self._running)):
            self.end(name)
        if self._record is not None:
            self._record.unlink(missing_ok=True)

    def end(self, name: str) -> None:
        """End one child with whatever it started."""
        popen = self._running[name].popen
        process = self._processes[name]
        for how in (process.stop_with, process.force_with, signal.SIGKILL):
            if _wait_for(popen, 0):
                break
            popen.send_signal(how)
            if _wait_for(popen, STOP_WITHIN):
                break
        _end_group(popen)
        popen.wait()
        del self._running[name]
        self._again_at.pop(name, None)
        self._write_down()

    def _has_ended(self, name: str) -> bool:
        life = self._running[name]
        if not life.ended and _wait_for(life.popen, 0):
            _end_group(life.popen)
            life.popen.wait()
            life.ended = True
            lasted = time.monotonic() - life.began
            self._quick_deaths[name] = 0 if lasted > WELL_AFTER else self._quick_deaths.get(name, -1) + 1
        return life.ended

    def _start_again(self, name: str) -> None:
        """When it is due. A start that fails, as on a disk that is full for a while, counts as one more death."""
        process = self._processes[name]
        due = self._again_at.setdefault(name, time.monotonic() + _wait(self._quick_deaths[name]))
        if time.monotonic() < due:
            return
        process.restarts += 1
        del self._again_at[name]
        self._say(f"{name} ended with {self._running[name].popen.returncode}; started again ({process.restarts})")
        try:
            self._launch(process, wait=False)
        except (CannotStart, OSError, subprocess.SubprocessError) as why:
            self._quick_deaths[name] += 1
            self._say(f"{name} could not be started: {why}")

    def _launch(self, process: Process, *, wait: bool) -> None:
        if process.prepare is not None:
            process.prepare()
        reading, writing = _ready_pipe(process, wait=wait)
        arguments = [argument.replace("{ready}", str(writing)) for argument in process.arguments]
        descriptors = [*process.descriptors, *([writing] if writing >= 0 else [])]
        log = self._open_log(process.name)
        try:
            running = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=process.folder,
                env={**environment(), **process.environment}, pass_fds=descriptors, **process.popen,
                preexec_fn=die_with_parent(process.stop_with, process.life),  # noqa: PLW1509 - nothing is loaded there
            )  # fmt: skip
            child = leftovers.Child(running.pid, neighbours.born(running.pid), int(process.stop_with))
            self._running[process.name] = _Life(running, time.monotonic(), child)
            self._write_down()
        finally:
            os.close(log)
            if writing >= 0:
                os.close(writing)
        try:
            if wait:
                self._wait_ready(process, running, reading)
        finally:
            if reading >= 0:
                os.close(reading)

    def _wait_ready(self, process: Process, running: subprocess.Popen[bytes], reading: int) -> None:
        deadline = time.monotonic() + READY_WITHIN
        if reading >= 0:
            heard, _, _ = select.select([reading], [], [], READY_WITHIN)
            if not heard or not os.read(reading, 64):
                raise self._failed(process.name)
            return
        while process.ready is not None and not process.ready():
            if _wait_for(running, 0) or time.monotonic() > deadline:
                raise self._failed(process.name)
            time.sleep(0.03)

    def _failed(self, name: str) -> CannotStart:
        """What it said last. It is ended here, so that a second attempt finds its ports and locks free."""
        self.end(name)
        path = self._logs / f"{name}.log"
        last = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        return CannotStart(f"The {name} did not start. {' '.join(last)}".strip(), f"Look at {path}.")

    def _open_log(self, name: str) -> int:
        path = self._logs / f"{name}.log"
        _set_aside(path)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _write_down(self) -> None:
        """The list for whoever comes after us; a disk too full for it must not keep a child from starting."""
        if self._record is not None:
            with contextlib.suppress(OSError):
                leftovers.write_down(self._record, {name: life.child for name, life in self._running.items()})

    @staticmethod
    def _say(words: str) -> None:
        sys.stderr.write(f"strongroom: {words}\n")


def environment() -> dict[str, str]:
    """What children get of our environment: nothing that could be a secret."""
    return {"TZ": "UTC", **{name: os.environ[name] for name in PASSED_ON if name in os.environ}}


def _set_aside(path: Path) -> None:
    """Copy a log that grew too long and begin it anew: its writer keeps the descriptor, and appends at the new end.

    Lines written between the copy and the cut are lost; these logs hold programs' complaints, the journal is elsewhere.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_LIMIT:
            aside = path.with_suffix(".log.1")
            aside.unlink(missing_ok=True)
            aside.touch(mode=0o600)
            shutil.copyfile(path, aside)
            os.truncate(path, 0)


def _wait_for(popen: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ended within that time. Where the system can, it stays a zombie: its group keeps its number."""
    if popen.returncode is not None:
        return True
    deadline = time.monotonic() + seconds
    while True:
        if sys.platform == "linux":
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            ended = os.waitid(os.P_PID, popen.pid, flags) is not None
        else:
            ended = popen.poll() is not None
        if ended or time.monotonic() >= deadline:
            return ended
        time.sleep(0.01)


def _end_group(popen: subprocess.Popen[bytes]) -> None:
    """Kill what a child left behind, such as workers that hold its port; only while its pid is still its own."""
    if popen.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(popen.pid, signal.SIGKILL)


def _ready_pipe(process: Process, *, wait: bool) -> tuple[int, int]:
    """Where a child says that it serves; nowhere when nobody waits for it (-1: no descriptor)."""
    if not process.needs_ready_line:
        return -1, -1
    return os.pipe() if wait else (-1, os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))


def _wait(quick_deaths: int) -> float:
    return min(LONGEST_WAIT, FIRST_WAIT * float(2 ** min(quick_deaths, 10)))
