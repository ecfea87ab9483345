"""Killed anywhere in a receipt, nothing is lost, doubled or held past its term: compared with Amazon's own ledger (I15)."""

import random
import sys
import time
from typing import Any

import pytest

from strongroom.application.receipt.rules import TO_SHIP, state_of
from tests.crash.aim import Nursery, amazon_of
from tests.crash.conftest import CYCLES, SEED
from tests.house.running import DAY, House, Shop

QUICK = 12
SYSCALLS = ("sendto", "sendto", "recvfrom", "write", "read")


def business(shop: Shop, rng: random.Random) -> None:
    """A little of what happens at a shop; then Amazon's two minutes pass."""
    shop.place(rng.choice((1, 1, 2, 3, 8)))
    recent = [o for o in shop.placed[-12:] if shop.amazon.business.orders[o].status == "UNSHIPPED"]
    for order_id in recent:
        act = rng.choice(("", "", "ship", "cancel", "change_address", "ship_part"))
        if act:
            getattr(shop.amazon.business, act)(order_id)
    shop.house.step(rng.choice((700, 900, 1200)))


def compare(shop: Shop, since: int = 0) -> list[str]:
    """What differs between Amazon's ledger and what is held, for the orders placed after the first `since`."""
    from strongroom.policy.encryption_and_storage import broker
    from strongroom.policy.retention_and_recovery.models import Order

    placed = [shop.amazon.business.orders[id_] for id_ in shop.placed[since:]]
    ours = {bytes(row.order_hash): row for row in Order.objects.filter(account_id=shop.account)}
    held = {ref for (ref,) in shop.rows("sealed", "order_ref")}
    said = []
    for start in range(0, len(placed), 500):
        some = placed[start : start + 500]
        _, hashes = broker.order_hashes(account=shop.account, order_ids=[o.order_id for o in some])
        for theirs, hash_ in zip(some, hashes, strict=True):
            row: Any = ours.get(hash_)
            if row is None:
                said.append("an order is lost")
            elif row.state != state_of(theirs.status):
                said.append(f"an order is {row.state}, at Amazon {theirs.status}")
            elif state_of(theirs.status) in TO_SHIP and row.done_on is None and row.ref not in held:
                said.append("an order that must ship is not held")
            elif row.cancelled_at is not None and row.ref in held and shop.house.now() > row.cancelled_at + term():
                said.append("a cancelled order is held past its term")
    return said + doubled(shop)


def term() -> Any:
    from strongroom.policy.clauses import terms

    return terms.span("forget_cancelled_after")


def doubled(shop: Shop) -> list[str]:
    said = []
    ids = [id_ for (id_,) in shop.rows("amazon_order", "order_id") if id_ is not None]
    parts = list(shop.rows("sealed", "order_ref, part"))
    current = set(shop.rows("part", "order_ref, part, write, day"))
    stored = set(shop.rows("sealed", "order_ref, part, write, day"))
    if len(ids) != len(set(ids)) or len(parts) != len(set(parts)):
        said.append("something is doubled")
    if current != stored:
        said.append(f"{len(current ^ stored)} parts are current and not stored, or stored and not current")
    oldest = shop.house.now().timestamp() - 28 * DAY - DAY
    if any(time.mktime(day.timetuple()) < oldest for *_, day in stored):
        said.append("a dead day has rows")
    return said


def cycles(house: House, nursery: Nursery, count: int, seed: int) -> dict[str, Any]:
    """So many receipts killed, each made good by the next; what was compared after each."""
    rng, hits, began = random.Random(seed), 0, time.monotonic()
    with house.shop() as shop:
        work: dict[str, Any] = {"account": shop.account, "amazon": amazon_of(shop)}
        longest = dict.fromkeys(SYSCALLS, 110)
        for cycle in range(count):
            before = len(shop.placed)
            business(shop, rng)
            syscall = rng.choice(SYSCALLS)
            shot = nursery.shoot(syscall, rng.randint(1, longest[syscall]), verb="receive", **work)
            hits += shot.hit
            if not shot.hit:
                longest[syscall] = max(20, shot.calls)
            if shot.code != 0:
                assert nursery.run(verb="receive", **work) == 0, (cycle, shot)
            if cycle % 10 == 9:
                assert nursery.run(verb="retain") == 0
            said = compare(shop, since=before if cycle % 50 else 0)
            assert not said, (cycle, seed, shot, said)
        assert not compare(shop)
        assert len({ref for (ref,) in shop.rows("entry", "id")}) == len(shop.rows("leaf"))
    return {"cycles": count, "hits": hits, "seconds": round(time.monotonic() - began, 1), "by step": dict(nursery.hits)}


def test_receipts_killed_anywhere_end_as_amazon_has_it(house: House, nursery: Nursery) -> None:
    told = cycles(house, nursery, QUICK, seed=11)
    assert told["hits"] >= QUICK // 2, told
    assert len(told["by step"]) >= 3, told
    sys.stdout.write(f"\n{told}\n")


@pytest.mark.skipif(CYCLES == 0, reason="many cycles: make crash")
def test_two_thousand_receipts_killed_anywhere(house: House, nursery: Nursery) -> None:
    told = cycles(house, nursery, CYCLES, seed=SEED)
    sys.stdout.write(f"\n{told}\n")
    assert told["hits"] >= CYCLES // 2
