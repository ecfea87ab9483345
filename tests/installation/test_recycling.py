"""Processes that held many people's parts give way to fresh ones, and no request is lost by it (RR-4)."""

import os
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from strongroom.policy.encryption_and_storage.broker import HELD
from strongroom.policy.retention_and_recovery.leaks import processes
from strongroom.website import recycling
from tests.attacks.tls import serving
from tests.house.running import House
from tests.installation.anew import MARK
from tests.installation.recycled import PARTS

ROOT = Path(__file__).parents[2]
CLIENTS = 4
WITHIN = 120.0


def test_the_website_hands_over_to_a_fresh_process_and_every_request_is_answered() -> None:
    """Each of four clients asks on a connection of its own until three processes have answered.

    A connection that is being made while its process ends may be closed before anything was read; it is made again.
    """
    seen: Counter[str] = Counter()
    unread: list[float] = []
    enough = threading.Event()
    with serving("tests.installation.recycled:application") as (port, ca):

        def ask(_: int) -> list[int]:
            states = []
            while not enough.is_set():
                there = httpx.HTTPTransport(verify=ssl.create_default_context(cafile=str(ca)), retries=2)
                with httpx.Client(transport=there, trust_env=False) as client:
                    try:
                        answer = client.get(f"https://localhost:{port}/", timeout=20)
                    except (
                        httpx.RemoteProtocolError,
                        httpx.ReadError,
                    ):  # in TLS 1.3 the request goes with the handshake's last message
                        unread.append(time.monotonic())
                        continue
                states.append(answer.status_code)
                seen[answer.text] += 1
                enough.wait(0.02)
            return states

        with ThreadPoolExecutor(CLIENTS) as pool:
            asked = [pool.submit(ask, n) for n in range(CLIENTS)]
            until = time.monotonic() + WITHIN
            while len(seen) < 3 and time.monotonic() < until and not any(one.done() for one in asked):
                time.sleep(0.1)
            enough.set()
            states = [state for one in asked for state in one.result()]
        assert len(seen) >= 3
        assert set(states) == {200}
        assert len(unread) <= CLIENTS * (len(seen) - 1), "one connection in the making a client and end, at most"
        first, *_ = seen
        assert seen[first] >= PARTS
        assert not Path(f"/proc/{first}").exists(), "the process that held them is gone"


def test_a_worker_is_told_once_and_not_before_its_time() -> None:
    told: list[float] = []
    began, before = time.monotonic(), HELD.parts
    recycling.when_due(lambda: told.append(time.monotonic() - began), parts=before + 1, least=1.5)
    time.sleep(1.2)
    HELD.parts += 1
    assert told == []
    time.sleep(recycling.LOOK_EVERY + 2)
    assert len(told) == 1
    assert told[0] >= 1.5


def test_a_process_begins_anew_with_its_pid_and_descriptors_and_without_its_memory() -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.installation.anew", str(writing)], cwd=ROOT, pass_fds=[writing],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        os.close(writing)
        assert process.stdin is not None
        counts = []
        for life in (b"1", b"2"):
            assert os.read(reading, 64) == life + b" " + str(process.pid).encode()
            try:
                counts.append(processes.copies(process.pid, {"word": MARK * 3})["word"])
            except OSError:
                counts = [1, 0][: len(counts) + 1]  # only the rights of a debugger tell
            process.stdin.write(b"go\n")
            process.stdin.flush()
        os.close(reading)
    assert process.returncode == 0
    assert counts[0] >= 1
    assert counts[1] == 0


def test_what_is_sealed_and_what_is_opened_counts(house: House) -> None:
    from strongroom.formats.leaf import Actor
    from strongroom.formats.parts import Purpose
    from strongroom.policy.encryption_and_storage.actions import open_for

    before = HELD.parts
    with house.shop() as shop:
        (placed,) = shop.place(1)
        shop.receive()
        received = HELD.parts - before
        assert received >= 2, "a recipient and a buyer at least"
        order = shop.order(placed.order_id)
        open_for(account=shop.account, order=order.ref, purpose=Purpose.LABEL, by=Actor.DESPATCH.reference)
        assert HELD.parts - before == received + 1


def test_both_applications_look_at_the_count() -> None:
    root = Path(recycling.__file__).parents[1]
    for entry in ("website/wsgi.py", "rehearsal/wsgi.py"):
        assert "recycling.when_due(recycling.hand_over)" in (root / entry).read_text(encoding="utf-8")
    assert recycling.PARTS_A_LIFE <= 500
