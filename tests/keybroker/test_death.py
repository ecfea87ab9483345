"""Nothing outlives its day: not locked, not after a reboot, a restore, or half a death (RR-2, I9, I13)."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.formats import ring as ring_format
from strongroom.formats.broker import Status, Verb, parse_destroyed
from strongroom.formats.ring import KeyKind
from strongroom.formats.wire import number, u64
from tests.keybroker.running import DAY, Broker, broker_in
from tests.keybroker.test_opening import ORDER, WHO, leaves

POINTS = ("death: begun", "death: cell effaced", "death: leaf written", "death: row removed")


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    with broker_in(folder) as running:
        yield running


def day_rows(broker: Broker) -> list[ring_format.Row]:
    ring = ring_format.decode((broker.keys / "ring").read_bytes())
    return [row for row in ring.rows if row.kind is KeyKind.DAY]


def destroyed(broker: Broker) -> list[int]:
    return [parse_destroyed(value).day for value in broker.ok("worker", Verb.DESTROYED, u64(0))[1:]]


def until_midnight(broker: Broker, days: int) -> float:
    """Seconds from now to the start of the UTC day so many days after today."""
    now = broker.told().at / 1000
    return (now // DAY + days) * DAY - now


def test_a_key_lives_to_the_last_second_of_its_28_days_and_not_beyond(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    broker.clock.step(until_midnight(broker, 28) - 30)
    assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.OK
    broker.clock.step(60)
    assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.GONE
    assert destroyed(broker) == [sealed.day.day]
    assert not day_rows(broker)


def test_the_cell_is_overwritten_in_place_not_only_unlinked(broker: Broker) -> None:
    broker.seal(order=ORDER, **WHO)
    (row,) = day_rows(broker)
    cell, held = broker.keys / "cells" / row.cell.hex(), broker.folder / "held"
    os.link(cell, held)
    assert held.read_bytes() != bytes(32)
    broker.clock.step(29 * DAY)
    broker.told()
    assert held.read_bytes() == bytes(32), "the same blocks, under another name"
    assert not cell.exists()


def test_it_kills_by_its_own_clock_with_nobody_asking(broker: Broker) -> None:
    broker.seal(order=ORDER, **WHO)
    broker.hang_up()
    broker.clock.step(29 * DAY)
    deadline = time.monotonic() + 5
    while day_rows(broker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not day_rows(broker)
    assert not any(
        p.read_bytes() != bytes(32) for p in (broker.keys / "cells").iterdir() if p.name not in house(broker)
    )


def house(broker: Broker) -> set[str]:
    ring = ring_format.decode((broker.keys / "ring").read_bytes())
    return {row.cell.hex() for row in ring.rows}


def cells(broker: Broker) -> set[str]:
    return {path.name for path in (broker.keys / "cells").iterdir()}


def test_never_unlocked_for_40_days_it_still_kills_on_time(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    broker.kill()
    broker.start(unlocked=False)
    assert broker.told().locked
    broker.clock.step(40 * DAY)
    assert destroyed(broker) == [sealed.day.day]
    assert not day_rows(broker)
    assert broker.told().locked


def test_what_came_due_while_it_was_down_dies_before_it_listens(broker: Broker) -> None:
    broker.seal(order=ORDER, **WHO)
    broker.kill()
    broker.clock.step(30 * DAY)
    broker.start(unlocked=False)
    assert not day_rows(broker)


def test_locked_it_opens_and_seals_nothing_until_unlocked(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    broker.ok("terminal", Verb.LOCK)
    time.sleep(0.6)
    assert broker.told().locked
    assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.LOCKED
    assert broker.ask("terminal", Verb.UNLOCK, b"\x02", os.urandom(32)).status is Status.REFUSED
    broker.ok("terminal", Verb.UNLOCK, b"\x02", (broker.folder / "unlock").read_bytes())
    assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.OK


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_step_of_a_death_it_finishes_it(folder: Path, point: str) -> None:
    with broker_in(folder) as broker:
        sealed = broker.seal(order=ORDER, **WHO)
        broker.kill()
        broker.crash_at = point
        broker.start()
        broker.clock.step(29 * DAY)
        assert broker.process is not None
        assert broker.process.wait(10) == -signal.SIGKILL
        broker.kill()
        broker.crash_at = None
        broker.start(unlocked=False)
        assert destroyed(broker) == [sealed.day.day], "one leaf, no more"
        assert not day_rows(broker)
        broker.ok("terminal", Verb.UNLOCK, b"\x02", (folder / "unlock").read_bytes())
        assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.GONE
        assert cells(broker) == house(broker), "no name of a cell is left"


@pytest.mark.parametrize("point", ["birth: cell written", "birth: ring written", "birth: leaf written"])
def test_killed_at_any_step_of_a_birth_it_serves_again(folder: Path, point: str) -> None:
    with broker_in(folder) as broker:
        broker.kill()
        broker.crash_at = point
        broker.start()
        with pytest.raises((EOFError, OSError)):
            broker.seal(order=ORDER, **WHO)
        broker.kill()
        broker.crash_at = None
        broker.start()
        assert cells(broker) == house(broker), "what was half born is gone, what was born has its cell"
        sealed = broker.seal(order=ORDER, **WHO)
        assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.OK


def test_a_start_with_another_ring_touches_no_whole_cell(broker: Broker) -> None:
    before = (broker.keys / "ring").read_bytes()
    sealed = broker.seal(order=ORDER, **WHO)
    broker.kill()
    now = (broker.keys / "ring").read_bytes()
    (broker.keys / "ring").write_bytes(before)
    broker.start()
    broker.kill()
    (broker.keys / "ring").write_bytes(now)
    broker.start()
    assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.OK


def test_a_torn_cell_is_a_dead_key(broker: Broker) -> None:
    broker.seal(order=ORDER, **WHO)
    (row,) = day_rows(broker)
    broker.kill()
    cell = broker.keys / "cells" / row.cell.hex()
    cell.write_bytes(cell.read_bytes()[:16] + bytes(16))
    broker.start()
    assert destroyed(broker) == [row.day]


def test_a_ring_and_cells_put_back_from_before_do_not_bring_a_key_back(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    broker.stop()
    shutil.copytree(broker.keys, broker.folder / "copy")
    broker.start()
    broker.clock.step(29 * DAY)
    assert destroyed(broker) == [sealed.day.day]
    time.sleep(0.5)
    broker.stop()
    head = (broker.keys / "head").read_bytes()
    shutil.rmtree(broker.keys)
    shutil.copytree(broker.folder / "copy", broker.keys)
    (broker.keys / "head").write_bytes(head)
    broker.start()
    assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.GONE
    assert not day_rows(broker)


def test_a_later_death_written_into_the_ring_is_caught_and_gives_no_hour(broker: Broker) -> None:
    from dataclasses import replace

    sealed = broker.seal(order=ORDER, **WHO)
    broker.kill()
    ring = ring_format.decode((broker.keys / "ring").read_bytes())
    later = tuple(replace(r, dies_at=r.dies_at + 9 * 86_400_000) if r.kind is KeyKind.DAY else r for r in ring.rows)
    (broker.keys / "ring").write_bytes(ring_format.encode(replace(ring, rows=later)))
    broker.start()
    assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.GONE, "it no longer opens"
    broker.clock.step(until_midnight(broker, 28) + 60)
    assert destroyed(broker) == [sealed.day.day]


def test_a_configured_shorter_life_is_kept(broker: Broker) -> None:
    broker.stop()
    (broker.folder / "broker.toml").write_text("day_key_days = 3\n")
    broker.start(extra=["--config", str(broker.folder / "broker.toml")])
    sealed = broker.seal(order=ORDER, **WHO)
    broker.clock.step(until_midnight(broker, 3) + 60)
    assert destroyed(broker) == [sealed.day.day]


def test_the_destroy_leaf_reveals_the_token_whose_hash_was_given_at_the_seal(broker: Broker) -> None:
    import hashlib

    from strongroom.formats.broker import ToSeal, to_seal
    from strongroom.formats.parts import Part
    from strongroom.formats.wire import i64, unpack
    from tests.keybroker.running import ACCOUNT, PERSON

    item = to_seal(ToSeal(ORDER, Part.RECIPIENT, 1, {}))
    _, keys = broker.ok("worker", Verb.SEAL, i64(ACCOUNT), PERSON, item)
    _, _, token_hash = unpack(unpack(keys)[0])
    broker.clock.step(29 * DAY)
    (leaf,) = [parse_destroyed(v) for v in broker.ok("worker", Verb.DESTROYED, u64(0))[1:]]
    assert hashlib.sha256(leaf.token).digest() == token_hash


def test_after_a_death_the_process_is_born_again_with_the_same_pid_and_without_the_key(broker: Broker) -> None:
    broker.seal(order=ORDER, **WHO)
    (row,) = day_rows(broker)
    ring = ring_format.decode((broker.keys / "ring").read_bytes())
    from strongroom.formats.ring import Unlocks
    from strongroom.keybroker.secrets import open_envelopes

    unlock = open_envelopes(ring, Unlocks.FILE, (broker.folder / "unlock").read_bytes())
    key = ring_format.open_row(row, unlock=unlock, cell=(broker.keys / "cells" / row.cell.hex()).read_bytes())
    assert broker.process is not None
    pid = broker.process.pid
    if os.getuid() != 0:
        pytest.skip("reading another process's memory needs root")
    assert key in memory(pid), "the living key is there: the search can find it"
    broker.clock.step(29 * DAY)
    broker.told()
    time.sleep(1.0)
    broker.told()
    assert broker.process.poll() is None
    assert key not in memory(pid)
    assert not broker.told().locked, "the unlock secret crossed over"


def memory(pid: int) -> bytes:
    """All readable memory of a process that is not a file's."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as source:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, _, _, _, *name = line.split(None, 5)
            if "r" not in rights or (name and name[0].startswith(("[v", "/memfd"))):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                source.seek(start)
                found.append(source.read(end - start))
            except OSError:
                continue
    return b"".join(found)


def test_fifty_kills_under_load_leave_ring_and_tree_whole(folder: Path) -> None:
    with broker_in(folder) as broker:
        last = 0
        for round_ in range(12):
            for i in range(3):
                broker.seal(order=os.urandom(16), write=round_ * 10 + i + 1, **WHO)
            broker.kill()
            broker.start()
            size = number(broker.ok("worker", Verb.STATUS)[5])
            assert size > last
            last = size
        found = leaves(broker)
        assert len([e for e in found if e.kind.name == "SEALED"]) == 36
