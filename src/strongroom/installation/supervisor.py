"""One process that starts the others as its direct children, starts them again when they die, and ends them in order.

It also owns the broker's channels: both ends stay here, so a restarted broker or peer takes the same ones over.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from strongroom.installation.problems import CannotStart
from strongroom.installation.process_flags import die_with_parent

PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "VIRTUAL_ENV",
                    "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")  # fmt: skip
READY_WITHIN: Final = 60.0
STOP_WITHIN: Final = 15.0
LOG_LIMIT: Final = 10 << 20
FIRST_WAIT: Final = 0.2
LONGEST_WAIT: Final = 5.0


@dataclass
class Process:
    """A child: how to start it, and how to know that it serves.

    `ready` is asked until true; `needs_ready_line` instead gives the child a descriptor as `{ready}` in its arguments.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: Sequence[int] = ()
    ready: Callable[[], bool] | None = None
    needs_ready_line: bool = False
    stop_with: signal.Signals = signal.SIGTERM
    popen: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None
    restarts: int = 0


class Supervisor:
    """Children in order of dependence. Not a service manager: it serves one folder for as long as it is asked to."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._processes: dict[str, Process] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._again_at: dict[str, float] = {}
        self._stopping = False

    def start(self, process: Process) -> None:
        """Start a child and wait until it serves. Raises `CannotStart` with the end of its log."""
        self._processes[process.name] = process
        self._launch(process, wait=True)

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def alive(self, name: str) -> bool:
        return self._running[name].poll() is None

    def watch(self) -> None:
        """One look: whoever died is started again, later each time it dies."""
        for name, running in list(self._running.items()):
            if running.poll() is None:
                continue
            process = self._processes[name]
            due = self._again_at.setdefault(name, time.monotonic() + _wait(process.restarts))
            if time.monotonic() >= due and not self._stopping:
                process.restarts += 1
                del self._again_at[name]
                self._say(f"{name} ended with {running.returncode}; started again ({process.restarts})")
                self._launch(process, wait=False)

    def run_until(self, asked: Callable[[], bool]) -> None:
        """Watch until asked to stop, then stop."""
        while not asked():
            self.watch()
            time.sleep(0.1)

    def stop(self) -> None:
        """End every child, the last started first; what does not end is killed."""
        self._stopping = True
        for name in reversed(list(self._running)):
            self.end(name)

    def end(self, name: str) -> None:
        running = self._running.pop(name)
        if running.poll() is None:
            running.send_signal(self._processes[name].stop_with)
            try:
                running.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()

    def _launch(self, process: Process, *, wait: bool) -> None:
        reading, writing = _ready_pipe(process, wait=wait)
        arguments = [argument.replace("{ready}", str(writing)) for argument in process.arguments]
        descriptors = [*process.descriptors, *([writing] if writing >= 0 else [])]
        log = self._open_log(process.name)
        try:
            running = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=process.folder,
                env={**environment(), **process.environment}, pass_fds=descriptors,
                preexec_fn=lambda: die_with_parent(process.stop_with), **process.popen,  # noqa: PLW1509 - no threads here
            )  # fmt: skip
        finally:
            os.close(log)
            if writing >= 0:
                os.close(writing)
        self._running[process.name] = running
        try:
            if wait:
                self._wait_ready(process, running, reading)
        finally:
            if reading >= 0:
                os.close(reading)

    def _wait_ready(self, process: Process, running: subprocess.Popen[bytes], reading: int) -> None:
        deadline = time.monotonic() + READY_WITHIN
        if reading >= 0:
            if not os.read(reading, 64):
                running.wait(STOP_WITHIN)
                raise self._failed(process.name)
            return
        while process.ready is not None and not process.ready():
            if running.poll() is not None or time.monotonic() > deadline:
                raise self._failed(process.name)
            time.sleep(0.03)

    def _failed(self, name: str) -> CannotStart:
        path = self._logs / f"{name}.log"
        last = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        return CannotStart(f"The {name} did not start. {' '.join(last)}".strip(), f"Look at {path}.")

    def _open_log(self, name: str) -> int:
        path = self._logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    @staticmethod
    def _say(words: str) -> None:
        sys.stderr.write(f"strongroom: {words}\n")


@dataclass
class Channel:
    """Both ends of a peer's way to the broker; the supervisor keeps them for its whole life."""

    peers: socket.socket
    brokers: socket.socket


def make_channels(names: Sequence[str]) -> dict[str, Channel]:
    """A datagram socket pair a peer (docs/formats/broker-protocol.md, "Peers")."""
    return {name: Channel(*socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)) for name in names}


def environment() -> dict[str, str]:
    """What children get of our environment: nothing that could be a secret."""
    return {"TZ": "UTC", **{name: os.environ[name] for name in PASSED_ON if name in os.environ}}


def _ready_pipe(process: Process, *, wait: bool) -> tuple[int, int]:
    """Where a child says that it serves; nowhere when nobody waits for it (-1: no descriptor)."""
    if not process.needs_ready_line:
        return -1, -1
    return os.pipe() if wait else (-1, os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))


def _wait(restarts: int) -> float:
    return min(LONGEST_WAIT, FIRST_WAIT * float(2**restarts))
