"""Whole processes over policy time: killed at random, locked for forty days, and still exactly what was promised."""

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from strongroom.formats.broker import Verb
from strongroom.formats.leaf import Kind
from strongroom.formats.wire import u8
from strongroom.installation import database_roles
from strongroom.policy.encryption_and_storage.connection import Connection
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.ports import free_port
from tests.journeys.eventually import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def fresh() -> Iterator[Rehearsal]:
    made = Path(tempfile.mkdtemp(prefix="sr-endure-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    with Rehearsal(made, port=free_port(), days=45, orders_per_day=12) as running:
        running.start()
        yield running
    shutil.rmtree(made, ignore_errors=True)


def query(rehearsal: Rehearsal, statement: str) -> list[tuple[object, ...]]:
    parameters = database_roles.connect_as(rehearsal.running.admin, rehearsal.folders, "worker", "strongroom")
    with psycopg.connect(**parameters) as connection:
        return connection.execute(statement).fetchall()


def test_killed_at_random_moments_nothing_is_lost_doubled_or_sealed_twice(fresh: Rehearsal) -> None:
    rng, supervisor = random.Random(7), fresh.running.supervisor
    for _ in range(14):
        fresh.clock.step(6 * 3600)
        time.sleep(rng.uniform(0.0, 0.25))
        os.kill(supervisor.pid(rng.choice(["worker", "worker", "keybroker", "postgres"])), signal.SIGKILL)
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline and not all(supervisor.alive(n) for n in ("worker", "keybroker", "postgres")):
            supervisor.watch()
    for _ in range(3):
        fresh.step(3600)
    ledger = fresh.control.do("ledger")
    late = fresh.clock.wall() - 600
    at_amazon = {id_ for id_, order in ledger.items() if order["created"] < late}
    ours = {str(id_) for (id_,) in query(fresh, "SELECT order_id FROM amazon_order WHERE order_id IS NOT NULL")}
    (erased,) = query(fresh, "SELECT count(*) FROM amazon_order WHERE order_id IS NULL")[0]
    assert ours <= set(ledger)
    assert len(ours) + int(str(erased)) >= len(at_amazon)
    doubled = "SELECT count(*) FROM (SELECT 1 FROM sealed GROUP BY account_id, order_ref, part HAVING count(*) > 1) d"
    assert query(fresh, doubled) == [(0,)]
    to_ship = {i for i, o in ledger.items() if o["status"] == "UNSHIPPED" and o["fulfilled_by"] == "MERCHANT"}
    held = "SELECT o.order_id FROM amazon_order o WHERE EXISTS (SELECT 1 FROM part p WHERE p.order_ref = o.ref)"
    sealed = {str(id_) for (id_,) in query(fresh, held)}
    assert {id_ for id_ in to_ship if ledger[id_]["updated"] < late} <= sealed
    tree = PublishedTree(fresh.folders.journal)
    tree.verify()
    ids = [tree.leaf(index).entry.id for index in range(tree.size)]
    assert len(ids) == len(set(ids))


def test_locked_for_forty_days_everything_is_forgotten_on_time_all_the_same(fresh: Rehearsal) -> None:
    for _ in range(8):
        fresh.step(6 * 3600)
    assert query(fresh, "SELECT count(*) FROM sealed") != [(0,)]
    terminal = Connection(path=str(fresh.running.terminal_socket))
    terminal.ask(Verb.LOCK)
    for _ in range(40):
        fresh.clock.step(86_400)
        time.sleep(0.4)
    eventually(lambda: query(fresh, "SELECT count(*) FROM sealed") == [(0,)], within=30)
    assert query(fresh, "SELECT count(*) FROM part") == [(0,)]
    open_days = "SELECT count(*) FROM obligation WHERE kind = 'forget day' AND satisfied_at IS NULL"
    eventually(lambda: query(fresh, open_days) == [(0,)])
    late = "SELECT count(*) FROM obligation WHERE kind = 'forget day' AND satisfied_at > due_at"
    assert query(fresh, late) == [(0,)]
    terminal.ask(Verb.UNLOCK, u8(2), (fresh.folders.data / "rehearsal-unlock").read_bytes())
    terminal.close()
    fresh.step(3600)
    tree = PublishedTree(fresh.folders.journal)
    tree.verify()
    kinds = [tree.leaf(index).entry.kind for index in range(tree.size)]
    assert kinds.count(Kind.KEY_DESTROYED) == kinds.count(Kind.DAY_DROPPED) >= 2
    assert query(fresh, "SELECT count(*) FROM sealed") != [(0,)], "unlocked again, what must still ship is fetched anew"
