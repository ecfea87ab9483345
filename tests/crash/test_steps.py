"""Carry, forgetting and printing killed at any system call: each is finished once, and nothing is done twice (I12, I19)."""

import random
import uuid
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.formats.leaf import Actor
from strongroom.formats.parts import Purpose
from strongroom.installation.certificates import ensure
from strongroom.rehearsal.printer.server import PrinterServer
from tests.crash.aim import Nursery, Shot, amazon_of
from tests.crash.conftest import CYCLES
from tests.house.running import DAY, House, Shop

ROUNDS = 8
STEPS = 5 if CYCLES > 0 else 2
"""How many different steps must have been hit; of a few random ones two may be all there are."""
MANY = CYCLES > 0
SYSCALLS = ("sendto", "recvfrom")


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    with house.shop() as opened:
        yield opened


def work(shop: Shop) -> dict[str, Any]:
    return {"account": shop.account, "amazon": amazon_of(shop)}


def shots(nursery: Nursery, rng: random.Random, rounds: int, most: int, **asked: Any) -> list[Shot]:
    """So many children of a verb, each hit somewhere or, where it made fewer calls, not at all. Where many are wanted:
    each is hit one call later than the last, until one has done all there was to do. None is idle.
    """
    if not MANY:
        return [nursery.shoot(rng.choice(SYSCALLS), rng.randint(2, most), **asked) for _ in range(rounds)]
    found: list[Shot] = []
    for when in range(2, 400):
        for syscall in SYSCALLS:
            found.append(nursery.shoot(syscall, when, **asked))
            if found[-1].code == 0:
                return found
    return found


def hit(found: list[Shot]) -> set[str]:
    return {shot.step for shot in found if shot.hit}


def test_a_carry_killed_anywhere_moves_each_order_once_and_it_still_opens(
    house: House, nursery: Nursery, shop: Shop
) -> None:
    from strongroom.policy.encryption_and_storage.actions import open_for

    shop.place(40 if MANY else 10)
    assert nursery.run(verb="receive", **work(shop)) == 0
    born = {day for (day,) in shop.rows("sealed", "day")}
    before = dict(shop.rows("sealed", "(order_ref, part)::text, body"))
    house.step(25 * DAY)
    assert nursery.run(verb="carry", **work(shop)) == 0
    assert nursery.run(verb="receive", **work(shop)) == 0, "Amazon says that they must still be shipped"
    found = shots(nursery, random.Random(3), ROUNDS, 15, verb="carry", **work(shop))
    assert len(hit(found)) >= STEPS, found
    assert nursery.run(verb="carry", **work(shop)) == 0
    rows = shop.rows("sealed", "(order_ref, part)::text, day, born, body")
    assert {name: bytes(body) for name, *_, body in rows} == {name: bytes(body) for name, body in before.items()}
    assert {day for _, day, _, _ in rows} == {house.now().date()}
    assert {b for _, _, b, _ in rows} == born
    for (ref,) in shop.rows("amazon_order", "ref"):
        opened = open_for(account=shop.account, order=ref, purpose=Purpose.LABEL, by=Actor.DESPATCH.reference)
        assert opened.fields


def test_forgetting_killed_anywhere_ends_with_everything_gone_and_said_once(
    house: House, nursery: Nursery, shop: Shop
) -> None:
    orders, cancelled = shop.place(40 if MANY else 8), 30 if MANY else 5
    assert nursery.run(verb="receive", **work(shop)) == 0
    for order in orders[:cancelled]:
        shop.amazon.business.cancel(order.order_id)
    house.step(900)
    assert nursery.run(verb="receive", **work(shop)) == 0
    house.step(DAY)
    rng = random.Random(4)
    found = shots(nursery, rng, ROUNDS // 2, 60, verb="retain")
    assert nursery.run(verb="retain") == 0
    assert len(shop.rows("sealed", "DISTINCT order_ref")) == len(orders) - cancelled
    for order in orders[cancelled:]:
        shop.amazon.business.ship(order.order_id)
    house.step(900)
    assert nursery.run(verb="receive", **work(shop)) == 0
    house.step(29 * DAY)
    found += shots(nursery, rng, ROUNDS // 2, 60, verb="retain")
    assert nursery.run(verb="retain") == 0
    assert nursery.run(verb="retain") == 0
    assert len(hit(found)) >= STEPS, found
    for table in ("sealed", "part", "order_item"):
        assert not shop.rows(table), table
    assert all(id_ is None and erased is not None for id_, erased in shop.rows("amazon_order", "order_id, erased_at"))
    said = [kind for (kind,) in shop.rows("entry", "kind")]
    assert said.count(43) == len(orders), "each order's end is journalled once"
    assert said.count(44) == len({day for (day,) in shop.rows("day_key", "day")}), "and each day's"
    assert all(done is not None for (done, kind) in shop.rows("obligation", "satisfied_at, kind")
               if kind in ("forget day", "forget cancelled"))  # fmt: skip


def test_printing_killed_anywhere_prints_no_label_twice_and_loses_none_in_silence(
    house: House, nursery: Nursery, shop: Shop, folder: Path
) -> None:
    from strongroom.application.despatch.actions import queue_label
    from strongroom.application.despatch.printing.printer import fetch_fingerprint
    from strongroom.policy.encryption_and_storage.models import LabelPrint
    from strongroom.policy.encryption_and_storage.printers import add_known
    from strongroom.policy.least_privilege.actions import create_person, grant_role
    from strongroom.policy.least_privilege.roles import Role

    orders = shop.place(60 if MANY else 9)
    assert nursery.run(verb="receive", **work(shop)) == 0
    (folder / "printer").mkdir()
    _, certificate, key = ensure(folder / "printer", ("localhost", "127.0.0.1"))
    with PrinterServer(certificate=certificate, key=key) as server:
        with house.as_web():
            name = uuid.uuid4().hex[:8]
            packer = create_person(name=f"Packer {name}", email=f"{name}@example.invalid", password=None)
            grant_role(person=packer, role=Role.PACKER, granted_by=None, by=Actor.COMMAND.reference)
            printer = add_known(
                name=f"K-{name}", place=house.place(), uri=server.uri, fingerprint=fetch_fingerprint(server.uri),
                form="pdf", second=None, by=Actor.COMMAND.reference,
            )  # fmt: skip
        rng, found = random.Random(6), []
        server.tray.labels = deque()  # one that forgets nothing
        for place, order in enumerate(orders):
            with house.as_web():
                queue_label(order=shop.order(order.order_id), printer=printer, by=packer)
            when = 2 + place // 2 if MANY else rng.randint(2, 34)
            found.append(nursery.shoot(SYSCALLS[place % 2] if MANY else rng.choice(SYSCALLS), when, verb="print"))
            house.step(200)  # a dead worker's claim has ended
        for _ in range(4):
            assert nursery.run(verb="print") == 0
            house.step(200)
        assert len(hit(found)) >= STEPS, found
        printed = [job.name for job in server.tray.labels]
        labels = {label.id.hex: label.state for label in LabelPrint.objects.filter(account_id=shop.account)}
        assert len(printed) == len(set(printed)) == server.tray.printed, "no label twice"
        assert len(labels) == len(orders)
        assert set(labels.values()) <= {"confirmed", "unknown"}, labels
        assert {name for name, state in labels.items() if state == "confirmed"} <= set(printed)
        said = [kind for (kind,) in shop.rows("entry", "kind")]
        assert said.count(23) >= len(printed), "each print was opened with its entry"
        LabelPrint.objects.filter(account_id=shop.account, state="unknown").update(state="lost")
