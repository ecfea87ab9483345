"""The key broker killed at any system call of a death, a birth or a leaf; a medium that fails, is full, or hangs (F2-F6)."""

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from strongroom.formats.broker import Status, Verb
from strongroom.formats.leaf import Entry, Kind
from strongroom.formats.wire import number
from tests.crash.aim import needs_strace
from tests.crash.conftest import CYCLES
from tests.keybroker.running import DAY, Broker, broker_in
from tests.keybroker.test_death import day_rows, destroyed
from tests.keybroker.test_opening import ORDER, WHO, leaves
from tests.keybroker.test_tree import some

DYING = ("fsync", "rename", "unlink", "pwrite64", "write", "openat")
WHERE = (
    ("keys/cells", "cell"), ("journal/tail", "leaf"), ("keys/ring", "ring"), ("keys/time", "time kept"),
    ("keys/head", "head kept"), ("journal/", "head published"), ("keys>", "names of keys"),
)  # fmt: skip
QUICK = (("fsync", 3), ("unlink", 1), ("rename", 2))


@contextmanager
def aimed(broker: Broker, syscall: str, how: str, log: Path) -> Iterator[None]:
    """Within this, strace does that to the broker's calls."""
    assert broker.process is not None
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-y", "-s", "8", "-o", str(log), "-e", f"trace={','.join(DYING)}",
         "-e", f"inject={syscall}:{how}", "-p", str(broker.process.pid)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 10
    while "TracerPid:\t0" in Path(f"/proc/{broker.process.pid}/status").read_text() and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(0.05)  # its flusher's thread too
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)


def where(log: Path) -> str:
    """What the broker was in the middle of: the last file of its own that it touched."""
    for line in reversed(log.read_text(errors="replace").splitlines()):
        found = next((words for word, words in WHERE if word in line), None)
        if found is not None and re.search(r"(fsync|rename|unlink|pwrite64|write|openat)\(", line):
            return found
    return "elsewhere"


def until(done: Callable[[], bool], seconds: float = 8.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.01)
    return False


def a_death(folder: Path, syscall: str, when: int) -> str:
    """A death killed at this call; made good by the next start. Where it hit, or nothing where it did not."""
    with broker_in(folder) as broker:
        sealed = broker.seal(order=ORDER, **WHO)
        broker.hang_up()
        process, log = broker.process, folder / "strace.log"
        assert process is not None
        with aimed(broker, syscall, f"signal=KILL:when={when}", log):
            broker.clock.step(29 * DAY)
            until(lambda: process.poll() is not None or not day_rows(broker), 3.0)
            until(lambda: process.poll() is not None, 0.3)
        hit = process.poll() == -signal.SIGKILL
        broker.kill()
        broker.start(unlocked=False)
        assert destroyed(broker) == [sealed.day.day], "one leaf, no more"
        assert not day_rows(broker)
        assert not [
            c for c in (broker.keys / "cells").iterdir() if c.read_bytes() != bytes(32) and c.name not in living(broker)
        ]
        broker.ok("terminal", Verb.UNLOCK, b"\x02", (folder / "unlock").read_bytes())
        assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.GONE
        found = leaves(broker)
        assert len({entry.id for entry in found}) == len(found)
        return where(log) if hit else ""


def living(broker: Broker) -> set[str]:
    from strongroom.formats import ring as ring_format

    return {row.cell.hex() for row in ring_format.decode((broker.keys / "ring").read_bytes()).rows}


def test_a_death_killed_at_a_system_call_is_finished(folder: Path) -> None:
    needs_strace()
    hits = Counter(a_death(sub(folder), syscall, when) for syscall, when in QUICK)
    assert len(set(hits) - {""}) >= 2, hits


@pytest.mark.skipif(CYCLES == 0, reason="every system call of a death: make crash")
@pytest.mark.parametrize("syscall", DYING)
def test_a_death_killed_at_every_system_call_is_finished(folder: Path, syscall: str) -> None:
    needs_strace()
    hits: Counter[str] = Counter()
    for when in range(1, 60):
        hit = a_death(sub(folder), syscall, when)
        hits[hit] += 1
        if not hit:
            break
    os.write(1, f"\ndeath, {syscall}: {dict(hits)}\n".encode())
    assert hits.total() - hits[""] >= 1


@pytest.mark.parametrize("when", [1] if CYCLES == 0 else range(1, 9))
def test_a_failed_flush_ends_the_broker_and_doubles_no_leaf(folder: Path, when: int) -> None:
    needs_strace()
    with broker_in(folder) as broker:
        broker.seal(order=ORDER, **WHO)
        asked, entries, log, process = some(40), [], folder / "strace.log", broker.process
        assert process is not None
        with aimed(broker, "fsync", f"error=EIO:when={when}", log):
            for entry in asked:  # a leaf's flush, or one of a head, which is signed each second
                entries.append(entry)
                try:
                    broker.append([entry])
                except (EOFError, OSError):
                    until(lambda: process.poll() is not None, 2.0)
                if process.poll() is not None or "(INJECTED)" in log.read_text():
                    break
                time.sleep(0.1)
        assert "EIO" in log.read_text() and "(INJECTED)" in log.read_text()
        if process.poll() is None:
            broker.stop()
        else:
            assert process.returncode == 1, "it ends by itself: what is durable, nobody knows"
            broker.kill()
        broker.start()
        places = [number(broker.append([entry]).values[0]) for entry in entries]
        found = leaves(broker)
        assert [found[place].id for place in places] == [entry.id for entry in entries]
        assert len({entry.id for entry in found}) == len(found), "asked again, each is there once"


def test_a_flush_that_hangs_is_refused_and_doubles_no_leaf(folder: Path) -> None:
    needs_strace()
    with broker_in(folder) as broker:
        (entry,), log = some(1), folder / "strace.log"
        time.sleep(1.5)  # the head of what is there is signed: the next flush is the leaf's
        with aimed(broker, "fsync", "delay_enter=3000000:when=1", log):
            began = time.monotonic()
            assert broker.append([entry]).status is Status.FAILED
            assert time.monotonic() - began < 2.8
            assert until(lambda: broker.append([entry]).status is Status.OK)
        found = leaves(broker)
        assert [e.id for e in found].count(entry.id) == 1


@contextmanager
def small_disk(folder: Path, size: str, mode: str = "0700") -> Iterator[None]:
    if os.getuid() != 0:
        pytest.skip("a small disk is mounted by root only")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode={mode}", "sr-small", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave not one byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for piece in (1 << 16, 4096, 512, 1):
            try:
                while file.write(bytes(piece)) == piece:
                    pass
            except OSError:
                continue
    return ballast


def test_a_full_disk_refuses_leaves_tears_none_and_keeps_no_key_alive(folder: Path) -> None:
    with small_disk(folder, "2m"), broker_in(folder) as broker:
        sealed = broker.seal(order=ORDER, **WHO)
        (row,) = day_rows(broker)
        cell = broker.keys / "cells" / row.cell.hex()
        ballast = fill(folder)
        kept: list[Entry] = []
        refused: list[Entry] = []
        for entry in some(60):
            try:
                (kept if broker.append([entry]).status is Status.OK else refused).append(entry)
            except (EOFError, OSError):
                refused.append(entry)
                break
        assert refused, "the disk is full"
        broker.clock.step(29 * DAY)
        until(lambda: cell.read_bytes() == bytes(32))
        if cell.read_bytes() != bytes(
            32
        ):  # it ended before, over what else it could not write: its supervisor starts it
            with pytest.raises(AssertionError):
                broker.start(unlocked=False)
        assert cell.read_bytes() == bytes(32), "dead on time, though nothing can be written"
        broker.kill()
        ballast.unlink()
        broker.start()
        assert destroyed(broker) == [sealed.day.day]
        found = [entry.id for entry in leaves(broker)]
        assert {entry.id for entry in kept} <= set(found), "what was acknowledged is there"
        assert len(found) == len(set(found))
        assert broker.append(some(2)).status is Status.OK


def test_a_frozen_broker_goes_on_where_it_stood(folder: Path) -> None:
    with broker_in(folder) as broker:
        sealed = broker.seal(order=ORDER, **WHO)
        assert broker.process is not None
        os.kill(broker.process.pid, signal.SIGSTOP)
        broker.clock.step(40 * DAY)
        time.sleep(0.5)
        assert day_rows(broker), "frozen, it does nothing"
        os.kill(broker.process.pid, signal.SIGCONT)
        assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) == Status.GONE, (
            "no answer before the death"
        )
        assert destroyed(broker) == [sealed.day.day]
        assert [e.kind for e in leaves(broker)].count(Kind.KEY_DESTROYED) == 1


def sub(folder: Path) -> Path:
    made = folder / os.urandom(3).hex()
    made.mkdir()
    return made
