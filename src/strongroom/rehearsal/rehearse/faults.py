"""What goes wrong in a rehearsal, done to real processes; each fault is counted when it really happened."""

import contextlib
import http.client
import os
import signal
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

import psycopg

from strongroom.formats.broker import Verb, parse_told
from strongroom.formats.wire import u8
from strongroom.policy.encryption_and_storage.connection import Connection, Unavailable
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.marketplace.faults import Fault
from strongroom.rehearsal.printer.server import PrinterFault
from strongroom.rehearsal.sabotage.breaking import Target
from strongroom.rehearsal.worker import SLOT

OURS: Final = ("postgres", "keybroker", "website", "worker", "inspector")
"""Our processes in the order of their start."""
BACK_WITHIN: Final = 30.0
ON_ITS_WAY: Final = "SELECT count(*) FROM api_call WHERE account_id > 0 AND ended_at IS NULL"
IN_A_TRANSACTION: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'strongroom_worker' AND state <> 'idle'"
    " AND xact_start IS NOT NULL"
)
ALWAYS: Final = 1_000_000
IDLE: Final = "idle"


class Kind(StrEnum):
    """One way in which a step goes wrong (numbers: reliability.md, 5)."""

    KILL_WORKER = "kill -9 of the worker"
    KILL_IN_RECEIPT = "kill -9 of the worker in the middle of receipt"
    KILL_WEB = "kill -9 of the website"
    KILL_BROKER = "kill -9 of the key broker"
    KILL_DATABASE = "kill -9 of PostgreSQL"
    FREEZE = "frozen key broker"
    REBOOT = "reboot without unlock"
    CLOCK_BACK = "our clock back by a year"
    CLOCK_AHEAD = "our clock ahead by a year"
    LEAVER = "a leaver"
    THROTTLE = "throttled"
    OUTAGE = "Amazon down for the whole step"
    SERVER_ERROR = "500"
    DROP_BEFORE = "connection dropped before processing"
    DROP_AFTER = "connection dropped after processing"
    TRUNCATE = "body cut"
    HTML = "200 with HTML"
    BAD_HTML = "400 with HTML"
    REDIRECT = "redirect"
    WRONG_GZIP = "gzip announced, not sent"
    SHUFFLE = "orders in another order"
    DUPLICATE = "an order twice in a page"
    NO_RECIPIENT = "recipient absent"
    ROLE_MISSING = "403 for a role"
    REVOKED = "refresh token revoked"
    UNAUTHORISED = "401"
    UNKNOWN_FIELD = "fields no model lists"
    HUGE = "20 MiB of body"
    PRINTER_OFFLINE = "printer offline"
    PRINTER_BUSY = "printer busy"
    PRINTER_JAM = "printer jams"
    PRINTER_VANISHES = "printer vanishes with the label"


AT_AMAZON: Final[dict[Kind, tuple[Fault, int]]] = {
    Kind.THROTTLE: (Fault.THROTTLE, 2), Kind.OUTAGE: (Fault.SERVICE_UNAVAILABLE, ALWAYS),
    Kind.SERVER_ERROR: (Fault.SERVER_ERROR, 2), Kind.DROP_BEFORE: (Fault.DROP_BEFORE, 1),
    Kind.DROP_AFTER: (Fault.DROP_AFTER, 1), Kind.TRUNCATE: (Fault.TRUNCATE, 1), Kind.HTML: (Fault.HTML_OK, 1),
    Kind.BAD_HTML: (Fault.HTML_BAD_REQUEST, 1), Kind.REDIRECT: (Fault.REDIRECT, 1),
    Kind.WRONG_GZIP: (Fault.WRONG_GZIP, 1), Kind.SHUFFLE: (Fault.SHUFFLE, 2), Kind.DUPLICATE: (Fault.DUPLICATE, 2),
    Kind.NO_RECIPIENT: (Fault.NO_RECIPIENT, 60), Kind.ROLE_MISSING: (Fault.ROLE_MISSING, 1),
    Kind.REVOKED: (Fault.AUTHORISATION_REVOKED, 1), Kind.UNAUTHORISED: (Fault.UNAUTHORISED, 1),
    Kind.UNKNOWN_FIELD: (Fault.UNKNOWN_FIELD, 2), Kind.HUGE: (Fault.HUGE, 1),
}  # fmt: skip
"""Faults of the simulator's switchboard, and for how many answers each stands."""
AT_THE_PRINTER: Final = {
    Kind.PRINTER_OFFLINE: PrinterFault.OFFLINE, Kind.PRINTER_BUSY: PrinterFault.BUSY,
    Kind.PRINTER_JAM: PrinterFault.JAM, Kind.PRINTER_VANISHES: PrinterFault.VANISH,
}  # fmt: skip
KILLS: Final = {
    Kind.KILL_WORKER: "worker", Kind.KILL_WEB: "website", Kind.KILL_BROKER: "keybroker",
    Kind.KILL_DATABASE: "postgres",
}  # fmt: skip


@dataclass
class Trouble:
    """What goes wrong, and what of it still stands. `fired` counts what happened, not what was asked for."""

    rehearsal: Rehearsal
    fired: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    """What a killed process was in the middle of."""
    locked_steps: int = 0
    wrong_steps: int = 0
    frozen: bool = False
    amazon_failed: bool = False
    """Whether Amazon answered with a fault since the step before ended; an earlier step may have left one."""
    _at_amazon: dict[str, int] = field(default_factory=dict)
    _at_the_printer: list[Kind] = field(default_factory=list)

    @property
    def locked(self) -> bool:
        return self.locked_steps > 0

    @property
    def hinders(self) -> bool:
        """Whether something stands that keeps the worker from its work, so that a step need not be finished."""
        return self.locked or self.frozen or self.wrong_steps > 0

    def before(self, kind: Kind | None, rng: Random) -> None:
        """What must stand before time moves."""
        if kind in AT_AMAZON:
            fault, times = AT_AMAZON[kind]
            self.rehearsal.control.do("fault", fault=fault, times=times)
        elif kind in AT_THE_PRINTER:
            self.rehearsal.printer(AT_THE_PRINTER[kind])
            self._at_the_printer.append(kind)
        elif kind is Kind.KILL_IN_RECEIPT:
            self.rehearsal.control.do("fault", fault=Fault.SLOW, times=1, only="searchOrders")
        elif kind is Kind.FREEZE and not self.locked:
            self.freeze()
        elif kind in (Kind.CLOCK_BACK, Kind.CLOCK_AHEAD) and not self.wrong_steps:
            year = 365 * 86_400.0
            self.rehearsal.clock.set_wrong(-year if kind is Kind.CLOCK_BACK else year)
            self.wrong_steps = rng.randint(1, 2)
            self.fired[kind] += 1
        elif kind is Kind.REBOOT and not self.locked:
            self.reboot()
            self.locked_steps = rng.randint(3, 4)

    def during(self, kind: Kind | None, rng: Random) -> None:
        """What happens while the step's work is done."""
        if kind is Kind.KILL_WEB:
            with self._a_visitor():
                time.sleep(rng.uniform(0.005, 0.05))
                self.kill(KILLS[kind], kind)
        elif kind in KILLS:
            self._until_busy()
            time.sleep(rng.uniform(0.0, 0.2))
            self.kill(KILLS[kind], kind)
        elif kind is Kind.KILL_IN_RECEIPT:
            self.kill_in_receipt()

    def after(self, kind: Kind | None) -> None:
        """What ends with the step."""
        if kind in (Kind.OUTAGE, Kind.NO_RECIPIENT):
            self.rehearsal.control.do("fault", fault=AT_AMAZON[kind][0], times=0)
        if self.frozen:
            self.thaw()
        self._count()
        if self.locked:
            self.locked_steps -= 1
            if not self.locked_steps:
                self.unlock()
        if self.wrong_steps:
            self.wrong_steps -= 1
            if not self.wrong_steps:
                self.rehearsal.clock.set_wrong(0)

    def end(self) -> None:
        """Whatever stands, ends: faults stop."""
        for fault, _ in AT_AMAZON.values():
            self.rehearsal.control.do("fault", fault=fault, times=0)
        self.rehearsal.control.do("fault", fault=Fault.SLOW, times=0)
        self.locked_steps, self.wrong_steps = min(1, self.locked_steps), min(1, self.wrong_steps)
        self.after(None)

    def kill(self, name: str, kind: Kind) -> None:
        """`kill -9`, and what it was in the middle of; its supervisor starts it again. An idle one does not count."""
        supervisor = self.rehearsal.running.supervisor
        if not supervisor.alive(name):
            return
        at = self._doing(name)
        os.kill(supervisor.pid(name), signal.SIGKILL)
        until = time.monotonic() + 5
        while supervisor.alive(name) and time.monotonic() < until:
            time.sleep(0.005)
        self.fired[kind] += at != IDLE
        self.hit[f"{name}: {at}"] += 1
        self.back()

    def kill_in_receipt(self) -> None:
        """Wait until a call of Amazon is on its way, then kill the worker over it."""
        until = time.monotonic() + 8
        with contextlib.suppress(psycopg.Error), Target(self.rehearsal).superuser() as connection:
            while time.monotonic() < until:
                row = connection.execute(ON_ITS_WAY).fetchone()
                if row and row[0]:
                    self.kill("worker", Kind.KILL_IN_RECEIPT)
                    return
                time.sleep(0.01)

    def back(self) -> None:
        """Until everything that should run does."""
        supervisor, until = self.rehearsal.running.supervisor, time.monotonic() + BACK_WITHIN
        while time.monotonic() < until:
            supervisor.watch()
            if all(supervisor.alive(name) for name in OURS):
                return
            time.sleep(0.02)

    def freeze(self) -> None:
        os.kill(self._pid("keybroker"), signal.SIGSTOP)
        self.frozen = _state(self._pid("keybroker")) == "T"

    def thaw(self) -> None:
        os.kill(self._pid("keybroker"), signal.SIGCONT)
        self.frozen = False
        self.fired[Kind.FREEZE] += 1

    def reboot(self) -> None:
        """Power lost and back hours later; everything starts, and nobody unlocks."""
        running = self.rehearsal.running
        for name in reversed(OURS):
            os.kill(running.supervisor.pid(name), signal.SIGKILL)
        for name in reversed(OURS):
            running.supervisor.end(name)
        self.rehearsal.clock.reboot()
        running.start_database()
        running.start_broker()
        running.start_website()
        running.start_worker()
        running.start_inspector()
        if self.told_locked():
            self.fired[Kind.REBOOT] += 1

    def unlock(self) -> None:
        """A person unlocks; from here on the broker unlocks itself at a start, as it did before."""
        running, secret = self.rehearsal.running, self.rehearsal.folders.data / "rehearsal-unlock"
        connection = Connection(path=str(running.terminal_socket))
        try:
            connection.ask(Verb.UNLOCK, u8(2), secret.read_bytes())
        finally:
            connection.close()
        running.supervisor.end("keybroker")
        running.start_broker("--unlock-file", str(secret))

    def told_locked(self) -> bool:
        """Whether the broker says that it is locked."""
        connection = Connection(path=str(self.rehearsal.running.terminal_socket))
        try:
            return parse_told(connection.ask(Verb.TIME)).locked
        except Unavailable:
            return False
        finally:
            connection.close()

    def _until_busy(self) -> None:
        """Until the worker has a transaction or a call under way, or there was time enough for it."""
        until = time.monotonic() + 2
        while self._doing("worker") == IDLE and time.monotonic() < until:
            time.sleep(0.01)

    @contextlib.contextmanager
    def _a_visitor(self) -> Iterator[None]:
        """Meanwhile somebody asks for pages, one after another."""
        running, over = self.rehearsal.running, threading.Event()
        context = ssl.create_default_context(cafile=str(self.rehearsal.folders.tls / "ca.pem"))

        def visit() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    at = http.client.HTTPSConnection("localhost", running.configuration.web.port, context=context)
                    at.request("GET", "/sign-in")
                    at.getresponse().read()
                    at.close()

        visitor = threading.Thread(target=visit)
        visitor.start()
        try:
            yield
        finally:
            over.set()
            visitor.join(20)

    def _doing(self, name: str) -> str:
        """What a process is in the middle of; the broker and the database are asked by the worker."""
        if name == "website":
            return "a page asked for"
        with contextlib.suppress(psycopg.Error), Target(self.rehearsal).superuser() as connection:
            row = connection.execute(ON_ITS_WAY).fetchone()
            if row and row[0]:
                return "a call of Amazon on its way"
            row = connection.execute(IN_A_TRANSACTION).fetchone()
            if row and row[0]:
                return "in a transaction"
        clock = self.rehearsal.clock
        return "a round under way" if clock.acknowledged(SLOT) < clock.steps() else IDLE

    def _count(self) -> None:
        """What the simulator and the printer say has happened since the last look."""
        said = self.rehearsal.control.do("fired")
        self.amazon_failed = any(count > self._at_amazon.get(word, 0) for word, count in said.items())
        by_fault = {fault: kind for kind, (fault, _) in AT_AMAZON.items()}
        for word, count in said.items():
            kind = by_fault.get(Fault(word))
            if kind is not None:
                self.fired[kind] += count - self._at_amazon.get(word, 0)
            self._at_amazon[word] = count
        waiting = self.rehearsal.printer("waiting")
        while len(self._at_the_printer) > waiting:
            self.fired[self._at_the_printer.pop(0)] += 1

    def _pid(self, name: str) -> int:
        return self.rehearsal.running.supervisor.pid(name)


def _state(pid: int) -> str:
    """The kernel's letter for a process: T is stopped."""
    until = time.monotonic() + 2
    state = ""
    while time.monotonic() < until and state != "T":
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    return state
