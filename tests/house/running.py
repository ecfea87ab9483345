"""A running house for tests: the real database, broker and clock; this process is the worker.

Each test takes a selling account of its own, so that they do not see each other; the clock is shared and only advances.
"""

import itertools
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.installation.channels import make_channels
from strongroom.installation.commands import PEERS
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.marketplace.business import MARKETPLACES, Business
from strongroom.rehearsal.marketplace.faults import Switchboard
from strongroom.rehearsal.marketplace.requests import Amazon
from strongroom.rehearsal.marketplace.server import Server

ACCOUNTS = itertools.count(101)
DAY = 86_400.0


@dataclass
class House:
    """The rehearsal, and what this process needs to act as its worker."""

    rehearsal: Rehearsal
    certificate: tuple[Path, Path, Path]

    @property
    def clock(self) -> Any:
        return self.rehearsal.clock

    def step(self, seconds: float) -> None:
        """Move policy time on; the broker does what is due before it answers."""
        from strongroom.policy.encryption_and_storage import broker

        before = self.now().date()
        self.rehearsal.clock.step(seconds)
        broker.time()
        if self.now().date() != before:  # the worker makes each day's partition; here this process plays its part
            from strongroom.policy.retention_and_recovery.actions import Kept, make_days

            make_days(Kept())

    def now(self) -> datetime:
        from strongroom.policy import definitions

        return definitions.now()

    def as_web(self) -> AbstractContextManager[None]:
        """Within this, the database sees the website's role: what pages may write, and no more."""
        return self._as("web")

    def as_worker(self) -> AbstractContextManager[None]:
        """The worker's role, within a test that is the website elsewhere."""
        return self._as("worker")

    @contextmanager
    def _as(self, role: str) -> Iterator[None]:
        from django.db import connection

        before = {key: connection.settings_dict[key] for key in ("USER", "PASSWORD")}
        password = self.rehearsal.folders.credential(f"database-{role}").text()
        connection.close()
        connection.settings_dict.update(USER=f"strongroom_{role}", PASSWORD=password)
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict.update(before)

    def place(self) -> str:
        """A recorded place, as every printer needs one (GS-1). Within `as_web`."""
        from strongroom.formats.leaf import Actor
        from strongroom.policy.encryption_and_storage.registers import record_known_place

        by = Actor.REHEARSAL.reference
        record_known_place(name="Test bench", kind="bench", controls="Nobody but this test comes here", by=by)
        return "Test bench"

    @contextmanager
    def shop(self, **business: Any) -> Iterator["Shop"]:
        """A selling account of its own with its own simulated Amazon."""
        from strongroom.application import gateway
        from strongroom.policy.logging_and_monitoring.models import SellingAccount

        account = next(ACCOUNTS)
        SellingAccount(id=account, name=f"shop {account}", region="eu", added_at=self.now()).save(force_insert=True)
        ca, certificate, key = self.certificate
        world = Business(**{"seed": account, "start": self.clock.wall(), "orders_per_day": 0.0, **business})
        amazon = Amazon(
            business=world, clock=self.clock, faults=Switchboard(), client_id="app", client_secret="client-secret",
            refresh_token=f"Atzr|{secrets.token_hex(8)}",
        )  # fmt: skip
        with Server(amazon, certificate=certificate, key=key) as server:
            here = f"https://localhost:{server.port}"
            settings = gateway.Settings(
                endpoint=here, login_endpoint=f"{here}/auth/o2/token", client_id="app",
                client_secret=Secret("client-secret"), refresh_token=Secret(amazon.refresh_token),
                marketplaces=tuple(id_ for id_, _, _ in MARKETPLACES.values()), ca_file=ca,
            )  # fmt: skip
            client = gateway.client(account, settings, self.clock)
            shop = Shop(self, account, amazon, server, client)
            try:
                yield shop
            finally:
                client.close()


@dataclass
class Shop:
    """One selling account, its Amazon, and our client for it."""

    house: House
    account: int
    amazon: Amazon
    server: Server
    client: Any
    placed: list[str] = field(default_factory=list)

    def place(self, count: int = 1, **what: Any) -> list[Any]:
        """Orders at Amazon now, to be shipped by the merchant unless said otherwise; then Amazon's two minutes pass."""
        self.amazon.business.advance(self.house.clock.wall())
        wanted = {"status": "UNSHIPPED", "fulfilled_by": "MERCHANT", **what}
        orders = [self.amazon.business.place(**wanted) for _ in range(count)]
        self.placed += [order.order_id for order in orders]
        self.house.step(180)
        return orders

    def does(self, act: str, order_id: str) -> None:
        """One of Amazon's or the seller's acts; then Amazon's two minutes pass."""
        self.amazon.business.advance(self.house.clock.wall())
        getattr(self.amazon.business, act)(order_id)
        self.house.step(180)

    def receive(self) -> Any:
        from strongroom.application.receipt.actions import receive

        return receive(account=self.account, client=self.client)

    def order(self, order_id: str) -> Any:
        """Our row of an order, found as the receiver finds it: by the keyed hash of Amazon's number."""
        from strongroom.policy.encryption_and_storage import broker
        from strongroom.policy.retention_and_recovery.models import Order

        _, (hash_,) = broker.order_hashes(account=self.account, order_ids=[order_id])
        return Order.objects.filter(account_id=self.account, order_hash=hash_).first()

    def rows(self, table: str, columns: str = "*") -> Sequence[Any]:
        """All of this account's rows of a table, as tuples."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM {table} WHERE account_id = %s", [self.account])  # noqa: S608
            found: Sequence[Any] = cursor.fetchall()
            return found


@contextmanager
def running_house(folder: Path) -> Iterator[House]:
    """Database, schema, broker, and this process joined to them as the worker."""
    bindir = os.environ.get("STRONGROOM_TEST_PG_BINDIR")
    rehearsal = Rehearsal(folder, port=1, days=0, pg_bindir=Path(bindir) if bindir else None)
    with rehearsal:
        running = rehearsal.running
        unlock = folder / "rehearsal-unlock"
        unlock.touch(mode=0o600)
        unlock.write_bytes(os.urandom(32))
        running.create_keys("--unlock-file", str(unlock))
        running.start_database()
        running.migrate(at=rehearsal.clock.wall())
        # In service grade the broker knows its peers by uid; but here this process plays the parts of several.
        running.channels = running.channels or make_channels(PEERS)
        running.start_broker("--unlock-file", str(unlock))
        os.environ.update({**running.environment("worker"), "HOME": os.environ["HOME"]})
        from strongroom.website.process import begin

        begin(rehearsal.clock)
        tls = folder / "amazon"
        tls.mkdir(mode=0o700)
        from strongroom.policy.retention_and_recovery.actions import Kept, make_days

        make_days(Kept())
        yield House(rehearsal, ensure(tls, ("localhost", "127.0.0.1")))
        from django.db import connection

        connection.close()
