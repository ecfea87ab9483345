"""The worker's loop: the sequencer at once, receipt and retention when they are due by policy time (DESIGN 2).

One thread, one round after another; printing, watching deadlines, running checks and telling people have threads of
their own. A round that fails is written down and tried again; it never ends the loop, and what it had committed stays.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from strongroom.application import gateway
from strongroom.application.despatch import bought_labels, prints, shipments
from strongroom.application.receipt.actions import receive
from strongroom.application.telling import Telling
from strongroom.formats.clock import Clock
from strongroom.formats.leaf import Actor, Kind
from strongroom.formats.refused import Refused
from strongroom.marketplace import Client, MarketplaceError, RoleMissing, ShipFrom, Throttled, TokenRevoked
from strongroom.policy import definitions
from strongroom.policy.clauses.controls import Controls, Look
from strongroom.policy.definitions import TimeUnknown
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.connection import Forgotten, Unavailable
from strongroom.policy.incident_response.actions import open_cases
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import SellingAccount
from strongroom.policy.obligations import duties, owners, runner, runs, sweeper, versions, wall
from strongroom.policy.obligations.channels.news import Source
from strongroom.policy.obligations.channels.telling import Channels
from strongroom.policy.retention_and_recovery import probe
from strongroom.policy.retention_and_recovery.actions import Retention, selling_accounts
from strongroom.policy.retention_and_recovery.models import Receiver

LEASE: Final = timedelta(minutes=10)
WATCH_EVERY: Final = timedelta(minutes=1)
RETENTION_EVERY: Final = timedelta(hours=1)
ROUND_EVERY: Final = 1.0
"""Seconds between rounds; each asks the database what is due, so a house in which nothing happens does little."""
LOOK_EVERY: Final = 0.2
"""Seconds between looks for entries without a place in the tree, and for deadlines."""
WAITS_FOR_ROUNDS: Final = 30.0
"""Seconds of real time that the watch leaves to a round after a clock was stepped."""
CHECKS_EVERY: Final = 0.5
"""Seconds between looks at what is due to be checked; who asks for a check waits no longer."""
PRINT_EVERY: Final = 0.1
"""Seconds between looks at the ledger: a packer waits for this, and for the printer, and for nothing else."""
ASK_PRINTERS_EACH: Final = 20
"""Looks at the ledger between looks at whether a printer's condition is a minute old."""

log = logging.getLogger("strongroom.worker")


class Worker:
    """One worker process. `rest`: seconds after which it sees that the clock was moved; with a clock that nobody moves,
    rounds are `ROUND_EVERY` apart.

    `after_round` hears how often the clock had been moved when a whole round began, `after_watch` the same of the watch
    of deadlines, `after_telling` of telling. `controls`: what is checked; `look`: makes what a check is handed.
    `channels`: where news goes, read by `sources`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        marketplace: gateway.Settings | None,
        poll_every: timedelta,
        rest: float,
        after_round: Callable[[int], None],
        after_watch: Callable[[int], None],
        controls: Controls,
        look: Callable[[], Look],
        channels: Channels,
        sources: Sequence[Source],
        after_telling: Callable[[int], None],
        sender: tuple[str, ...] = (),
        home: ShipFrom | None = None,
        label_at_most: int = 50,
    ) -> None:
        self._clock = clock
        self._marketplace = marketplace
        self._poll_every = poll_every
        self._rest = rest
        self._after_round = after_round
        self._after_watch = after_watch
        self._controls = controls
        self._runner = runner.Runner(controls.checks, look)
        self._watched_at: datetime | None = None
        self._seen_steps = self._watched_steps = self._checked_steps = -1
        self._telling = Telling(
            clock=clock, channels=channels, sources=sources, look=lambda: wall.read(controls), guarded=self._guarded,
            others=lambda: min(self._watched_steps, self._checked_steps), after=after_telling, rest=rest,
        )  # fmt: skip
        self._id = definitions.reference()
        self._retention = Retention()
        self._clients: dict[int, Client] = {}
        self._received_at: datetime | None = None
        self._watching_since: datetime | None = None
        self._settled_at = time.monotonic()
        self._kept_at: datetime | None = None
        self._said: dict[str, float] = {}
        self._sender = sender
        self._home = home
        self._label_at_most = label_at_most

    def run(self, stop: threading.Event) -> bool:
        """Work until told to stop, which is true; false where a part of it failed, and the whole must begin anew.

        Labels have a thread of their own: no packer waits for Amazon's answer. So have places in the tree, deadlines
        and checks, which must go on while Amazon or a printer hangs, and telling, which waits for mail servers. A
        letter that is cut off by the end of the process is tried again by the next.
        """
        besides = [
            threading.Thread(target=self._sequence, args=(stop,), name="sequencing"),
            threading.Thread(target=self._print, args=(stop,), name="printing"),
            threading.Thread(target=self._watch, args=(stop,), name="watching"),
            threading.Thread(target=self._check, args=(stop,), name="checking", daemon=True),
            threading.Thread(target=self._telling.run, args=(stop,), name="telling", daemon=True),
        ]
        for thread in besides:
            thread.start()
        while not stop.is_set() and all(thread.is_alive() for thread in besides):
            steps = self._clock.steps()
            if self._round():
                self._after_round(steps)
            self._seen_steps = steps
            self._wait(stop, ROUND_EVERY, lambda: self._clock.steps() != steps)  # noqa: B023 - asked within this turn
        told = stop.is_set()
        stop.set()
        for thread in besides[:3]:
            thread.join()
        return told

    def _wait(self, stop: threading.Event, seconds: float, moved: Callable[[], bool]) -> None:
        """Until the next turn is due, or a clock was moved: that is seen without a query."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not moved():
            if stop.wait(self._rest):
                return

    def _sequence(self, stop: threading.Event) -> None:
        """Every entry its place within a second, also while the round waits for a slow answer (LM-2)."""
        try:
            while not stop.is_set():
                self._guarded(self.sequence)
                stop.wait(LOOK_EVERY)
        finally:
            connection.close()

    def _print(self, stop: threading.Event) -> None:
        """Queued labels, and how the printers are. In a connection of its own."""
        try:
            looks = 0
            while not stop.is_set():
                self._guarded(self._print_due)
                if looks % ASK_PRINTERS_EACH == 0:
                    self._guarded(prints.ask_printers)
                looks += 1
                stop.wait(PRINT_EVERY)
        finally:
            connection.close()

    def _watch(self, stop: threading.Event) -> None:
        """Deadlines, duties, cases and turns: each minute of policy time, and after each step of a clock.

        A rehearsal's step stands for hours in which the rounds ran: they have their turn before anything is judged,
        unless they hang.
        """
        try:
            seen = -1
            while not stop.is_set():
                steps = self._seen_steps
                if steps != seen:
                    self._watching_since = None
                if steps != seen and self._guarded(self._watch_once):
                    seen = self._watched_steps = steps
                    self._after_watch(steps)
                elif steps == seen and self._had_its_turn(steps):
                    self._guarded(self._watch_if_due)
                self._wait(stop, LOOK_EVERY, lambda: self._seen_steps != steps)  # noqa: B023 - asked within this turn
        finally:
            connection.close()

    def _had_its_turn(self, steps: int) -> bool:
        """Whether a round followed the clock's last step, or was waited for long enough."""
        if steps == self._clock.steps():
            self._settled_at = time.monotonic()
            return True
        return time.monotonic() - self._settled_at > WAITS_FOR_ROUNDS

    def _watch_if_due(self) -> None:
        if self._is_due(self._watched_at, definitions.now(), WATCH_EVERY):
            self._watch_once()

    def _watch_once(self) -> None:
        """What is late is said first; then what it makes of clauses."""
        now = definitions.now()
        self._watching_since = self._watching_since or now
        sweeper.sweep()
        duties.keep_open()
        owners.end_exceptions()
        sweeper.tell_lost([runs.CHECKS], since=self._watching_since)
        open_cases()
        if self._checked_steps == self._clock.steps():
            wall.note_turns(wall.read(self._controls))
        self._watched_at = now

    def _check(self, stop: threading.Event) -> None:
        """Checks that are due. Where too many hang, this process ends: its supervisor starts it anew."""
        try:
            while not stop.is_set():
                try:
                    went = self._guarded(self._check_due)
                except runner.TooManyHang:
                    log.warning("too many checks hang; this process ends and is started anew")
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
                if not went:  # what is still to be checked is no reason to ask again at once
                    stop.wait(LOOK_EVERY)
                self._wait(stop, CHECKS_EVERY, self._is_to_check)
        finally:
            connection.close()

    def _is_to_check(self) -> bool:
        """Whether the round had its turn after the last step of a clock, and now the checks may have theirs."""
        is_theirs = self._seen_steps == self._clock.steps()
        return is_theirs and (self._runner.has_ended or self._checked_steps != self._seen_steps)

    def _check_due(self) -> None:
        steps = self._seen_steps
        if steps == self._clock.steps():
            self._runner.round()
            self._checked_steps = steps

    def _print_due(self) -> None:
        prints.print_due(sender=self._sender)

    def _round(self) -> bool:
        """One look at everything due; whether all of it went through. What fails does not keep the rest from its turn:
        while a clock's claim stands, or the broker is locked, Amazon must still be asked and dead days still dropped.
        """
        parts = (self._keep_if_due, self._receive_if_due, self._tell_amazon, self.sequence)
        done = [self._guarded(part) for part in parts]  # all take their turn, whatever the first says
        return all(done)

    def _guarded(self, part: Callable[[], None]) -> bool:
        try:
            part()
        except (Unavailable, TimeUnknown, Forgotten, Refused, DatabaseError) as problem:
            # Their messages may repeat values (a database's do), so the type is all that is written, once a minute.
            self._say_once(f"{part.__name__} not finished: {type(problem).__name__}")
            connection.close_if_unusable_or_obsolete()
            return False
        return True

    def _keep_if_due(self) -> None:
        now = definitions.now()
        if self._is_due(self._kept_at, now, RETENTION_EVERY) or self._new_day(now) or _wanted():
            self._retention.run()
            for account in (definitions.INSTALLATION, *selling_accounts()):
                gateway.end_abandoned(account=account)
            probe.keep()
            self._kept_at = now

    def _receive_if_due(self) -> None:
        now = definitions.now()
        if self._is_due(self._received_at, now, self._poll_every) or _wanted():
            self._received_at = now
            self._receive_all()

    def _say_once(self, words: str) -> None:
        """A line in the log, not more than once a minute for the same words."""
        moment = self._clock.boot()
        if moment - self._said.get(words, float("-inf")) >= 60.0:
            self._said[words] = moment
            log.warning(words)

    def sequence(self) -> None:
        """Give every pending entry its place in the tree (LM-2)."""
        for account in journal.accounts_with_pending():
            while journal.sequence(account, broker.append) == journal.MOST_AT_ONCE:
                continue

    def _receive_all(self) -> None:
        if self._marketplace is None:
            return
        for account in selling_accounts():
            if not self._lease(account):
                continue
            try:
                receive(account=account, client=self._client(account, self._marketplace))
            except Throttled as problem:
                if problem.status is not None:  # Amazon's word; our own bucket's is no failure, only patience
                    self._failed(account, problem)
            except MarketplaceError as problem:
                self._failed(account, problem)
            finally:
                Receiver.objects.filter(account_id=account, lease_holder=self._id).update(lease_until=None)

    def _tell_amazon(self) -> None:
        """Parcels that left are told, and labels bought, as soon as they are due, not only when orders are read."""
        if self._marketplace is None:
            return
        for account in selling_accounts():
            if not shipments.is_due(account) and not bought_labels.is_due(account):
                continue
            client = self._client(account, self._marketplace)
            try:
                shipments.tell_due(account=account, client=client)
                if self._home is not None:
                    bought_labels.buy_due(account=account, client=client, home=self._home, at_most=self._label_at_most)
            except MarketplaceError as problem:
                self._failed(account, problem)

    def _client(self, account: int, settings: gateway.Settings) -> Client:
        if account not in self._clients:
            self._clients[account] = gateway.client(account, settings, self._clock)
        return self._clients[account]

    def _lease(self, account: int) -> bool:
        """Whether this worker is the account's one receiver now: a row with a deadline, so a dead one lets go."""
        now = definitions.now()
        Receiver.objects.get_or_create(account_id=account)
        return bool(
            Receiver.objects.filter(
                Q(lease_until__isnull=True) | Q(lease_until__lt=now) | Q(lease_holder=self._id), account_id=account
            ).update(lease_until=now + LEASE, lease_holder=self._id, wanted_at=None)
        )

    def _failed(self, account: int, problem: MarketplaceError) -> None:
        """What went wrong, by its type; told in the journal when it needs a person and is new."""
        name = type(problem).__name__
        with transaction.atomic():
            Receiver.objects.get_or_create(account_id=account)
            receiver = Receiver.objects.select_for_update().get(account_id=account)
            if receiver.failure != name and isinstance(problem, (RoleMissing, TokenRevoked)):
                journal.record(Kind.MARKETPLACE_REFUSED, by=Actor.RECEIPT.reference, account=account)
            receiver.failure, receiver.failed_at = name, definitions.now()
            receiver.save(update_fields=["failure", "failed_at"])

    def _new_day(self, now: datetime) -> bool:
        return self._kept_at is not None and now.date() != self._kept_at.date()

    @staticmethod
    def _is_due(last: datetime | None, now: datetime, every: timedelta) -> bool:
        return last is None or now - last >= every or now < last


def know_account(*, name: str, region: str) -> None:
    """The configured selling account has its row; journalled when it is new. Waits for policy time at a first start."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with transaction.atomic():
                _, new = SellingAccount.objects.get_or_create(
                    id=1, defaults={"name": name, "region": region, "added_at": definitions.now()}
                )
                if new:
                    journal.record(Kind.ACCOUNT_ADDED, by=Actor.INSTALLER.reference, account=1)
        except TimeUnknown:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def know_policy() -> None:
    """The program's own profiles are in force from now on, the company's are kept. Waits for policy time."""
    deadline = time.monotonic() + 30
    while True:
        try:
            versions.note_program()
        except TimeUnknown:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _wanted() -> bool:
    """Sweep: whether a person asked for what is due to be done now."""
    return Receiver.objects.filter(wanted_at__isnull=False).exists()
