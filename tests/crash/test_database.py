"""The database fails under the worker: COMMIT with unknown outcome, backends killed, flushes that fail (F1, F2, F7)."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.installation.folders import Folders
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.ports import free_port
from strongroom.rehearsal.sabotage.breaking import Target
from strongroom.rehearsal.worker import SLOT
from tests.crash.aim import Nursery, amazon_of, needs_strace
from tests.crash.conftest import CYCLES
from tests.crash.test_receipt import business, compare
from tests.house.running import House

COMMITS = 6 if CYCLES == 0 else 120
FLUSHES = ("signal=KILL:when=2", "error=EIO:when=1", "signal=KILL:when=5", "error=EIO:when=4")


def test_a_commit_of_unknown_outcome_is_neither_lost_nor_done_twice(
    house: House, nursery: Nursery, folder: Path
) -> None:
    from tests.crash.proxy import proxy_to

    rng = random.Random(5)
    with proxy_to(house.rehearsal.running.admin["host"], folder / "proxy") as proxy, house.shop() as shop:
        work: dict[str, Any] = {"account": shop.account, "amazon": amazon_of(shop)}
        for cycle in range(COMMITS):
            business(shop, rng)
            proxy.aim(at=rng.randint(1, 9), after=cycle % 2 == 0)
            nursery.run(verb="receive", database=str(proxy.folder), **work)
            assert nursery.run(verb="receive", **work) == 0
            if cycle % 10 == 9:
                assert nursery.run(verb="retain") == 0
            assert not compare(shop), (cycle, compare(shop))
        assert proxy.cuts >= COMMITS * 2 // 3
        entries = [bytes(id_.bytes) for (id_,) in shop.rows("entry", "id")]
        assert len(entries) == len(shop.rows("leaf")), "each entry has one place"


def until_it_answers(house: House) -> None:
    """The house's database, which nobody watches but this test."""
    from django.db import DatabaseError, connection

    supervisor, end = house.rehearsal.running.supervisor, time.monotonic() + 30
    while time.monotonic() < end:
        supervisor.watch()
        try:
            connection.close()
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the database did not come back")


def postmaster(house: House) -> int:
    return house.rehearsal.running.supervisor.pid("postgres")


def under_strace(house: House, nursery: Nursery, how: str, log: Path, **work: Any) -> tuple[int, bool]:
    """A receipt while the database's own processes meet that at a flush; the child's code, and whether it happened."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=fdatasync", "-e", f"inject=fdatasync:{how}", "-p",
         str(postmaster(house))],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 10
    while "TracerPid:\t0" in Path(f"/proc/{postmaster(house)}/status").read_text() and time.monotonic() < end:
        time.sleep(0.01)
    try:
        code = nursery.run(verb="receive", **work)
    finally:
        tracer.terminate()
        tracer.wait(20)
    said = log.read_text(errors="replace")
    return code, "INJECTED" in said or "SIGKILL" in said


def test_a_backend_killed_or_panicking_over_its_flush_loses_and_doubles_nothing(
    house: House, nursery: Nursery, folder: Path
) -> None:
    needs_strace()
    from django.db import connection

    rng, happened = random.Random(8), 0
    with house.shop() as shop:
        work: dict[str, Any] = {"account": shop.account, "amazon": amazon_of(shop)}
        for how in FLUSHES[:1] if CYCLES == 0 else FLUSHES * 5:
            business(shop, rng)
            connection.close()  # the fork of a traced postmaster is traced: our own connection comes before
            _, hit = under_strace(house, nursery, how, folder / "strace.log", **work)
            happened += hit
            until_it_answers(house)
            assert nursery.run(verb="receive", **work) == 0
            assert not compare(shop), (how, compare(shop))
    assert happened >= (1 if CYCLES == 0 else 12), "the flushes were really met"


def test_postgresql_killed_in_the_middle_of_a_receipt_loses_and_doubles_nothing(
    house: House, nursery: Nursery, folder: Path
) -> None:
    rng, busy = random.Random(9), 0
    with house.shop() as shop:
        work: dict[str, Any] = {"account": shop.account, "amazon": amazon_of(shop)}
        for _ in range(2 if CYCLES == 0 else 12):
            business(shop, rng)
            shop.place(8)
            killer = subprocess.Popen(["sh", "-c", f"sleep {rng.uniform(0.15, 0.5):.2f}; kill -9 {postmaster(house)}"])
            busy += nursery.run(verb="receive", **work) != 0
            killer.wait(10)
            until_it_answers(house)
            assert nursery.run(verb="receive", **work) == 0
            assert not compare(shop), compare(shop)
    assert busy >= 1, "it was in the middle of its work"


@pytest.mark.skipif(CYCLES == 0, reason="it waits for its patience: make crash")
def test_a_frozen_broker_stops_a_receipt_and_nothing_is_lost(house: House, nursery: Nursery) -> None:
    rng = random.Random(10)
    pid = house.rehearsal.running.supervisor.pid("keybroker")
    with house.shop() as shop:
        work: dict[str, Any] = {"account": shop.account, "amazon": amazon_of(shop)}
        business(shop, rng)
        shop.place(4)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert nursery.run(verb="receive", **work) != 0
            assert time.monotonic() - began < 30, "it gives up, and does not hang"
            assert not shop.rows("sealed"), "nothing was sealed by nobody"
        finally:
            os.kill(pid, signal.SIGCONT)
        assert nursery.run(verb="receive", **work) == 0
        assert not compare(shop), compare(shop)


def asked(rehearsal: Rehearsal, statement: str) -> list[tuple[Any, ...]]:
    with Target(rehearsal).superuser() as connection:
        return connection.execute(statement).fetchall()


def held(rehearsal: Rehearsal) -> set[Any] | None:
    """Orders with sealed parts; `None` while the database does not answer."""
    try:
        return {ref for (ref,) in asked(rehearsal, "SELECT DISTINCT order_ref FROM sealed WHERE account_id = 1")}
    except psycopg.OperationalError:
        return None


def gone(rehearsal: Rehearsal) -> set[Any]:
    return {ref for (ref,) in asked(rehearsal, "SELECT ref FROM amazon_order WHERE erased_at IS NOT NULL")}


def caught_up(rehearsal: Rehearsal) -> bool:
    return rehearsal.clock.acknowledged(SLOT) >= rehearsal.clock.steps()


def until(rehearsal: Rehearsal, done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        rehearsal.running.supervisor.watch()
        assert time.monotonic() < end, "it does not catch up"
        time.sleep(0.1)


@pytest.mark.skipif(CYCLES == 0, reason="a whole installation on a small disk: make crash")
def test_a_full_disk_under_everything_loses_and_doubles_nothing(folder: Path) -> None:
    """Database, journal and keys on one small disk: full in the middle of business, with room again later (F3)."""
    from tests.crash.test_broker import fill, small_disk

    made = folder / "disk"
    made.mkdir(mode=0o711)
    with small_disk(made, "600m", mode="0711"):
        (made / "data").mkdir(mode=0o711)
        with Folders(made / "data").only_one(), Rehearsal(made / "data", port=free_port(), days=3) as rehearsal:
            rehearsal.start()
            for _ in range(4):
                rehearsal.step(6 * 3600)
            ballast = fill(made)
            for _ in range(3):
                rehearsal.clock.step(6 * 3600)
                time.sleep(1.0)
                rehearsal.running.supervisor.watch()
            sealed = held(rehearsal)
            assert sealed is None or not caught_up(rehearsal), "a full disk is met, and nothing pretends otherwise"
            ballast.unlink()
            until(rehearsal, lambda: caught_up(rehearsal))
            assert sealed is None or sealed <= (held(rehearsal) or set()) | gone(rehearsal)
            ledger = rehearsal.control.do("ledger")
            late = rehearsal.clock.wall() - 3600
            expected = {id_ for id_, o in ledger.items() if o["updated"] < late}
            ours = [id_ for (id_,) in asked(rehearsal, "SELECT order_id FROM amazon_order WHERE account_id = 1")]
            assert len([id_ for id_ in ours if id_]) == len({id_ for id_ in ours if id_})
            assert len(ours) >= len(expected), "nothing is lost"
            tree = PublishedTree(rehearsal.folders.journal)
            tree.verify()
            ids = [tree.leaf(index).entry.id for index in range(tree.size)]
            assert len(ids) == len(set(ids))
