"""The website's process gives way to a fresh one under load: nobody notices, and what its memory kept is gone (RR-4)."""

import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from strongroom.policy.retention_and_recovery.leaks import processes
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.conftest import Doors

ADDRESS = re.compile(r"<address[^>]*>(.*?)</address>", re.DOTALL)


def shown(browser: Browser) -> bytes:
    """Of an opened address, the longest words that are the same in every way of writing them."""
    told = ADDRESS.findall(browser.reveal(browser.orders()[0]).text)[0]
    found: list[str] = re.findall(r"[A-Za-z0-9][A-Za-z0-9 ]+[A-Za-z0-9]", re.sub("<.*?>", "\n", told))
    return max(found, key=len).encode()


def kept(pid: int, words: bytes) -> int:
    return sum(sum(processes.copies(each, {"words": words}).values()) for each in processes.family([pid]))


class Reader:
    """Reads as browsers do: a page whose kept connection ended before a byte of an answer is asked for again."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.asked_again = 0

    def status(self, path: str) -> int:
        try:
            return self._browser.get(path).status_code
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.ConnectError):  # RFC 9112, 9.3.1
            self.asked_again += 1
            return self._browser.get(path).status_code


def test_the_website_hands_over_while_people_work_and_forgets_what_it_showed(
    inside: Doors, rehearsal: Rehearsal
) -> None:
    server = rehearsal.running.supervisor.pid("website")
    support, packer = inside("support"), inside("packer")
    words = shown(support)
    try:
        copies = kept(server, words)
    except OSError:
        pytest.skip("needs the rights of a debugger")
    assert copies > 0, "the control of this test: just shown, it is there"
    (old,) = (pid for pid in processes.family([server]) if pid != server)
    os.kill(server, signal.SIGHUP)  # what `recycling.hand_over` does at the five-hundredth part
    one, other = Reader(support), Reader(packer)
    answers = []
    until = time.monotonic() + 120
    while Path(f"/proc/{old}").exists() and time.monotonic() < until:
        answers += [one.status("/orders/"), other.status("/worklist/")]
    assert not Path(f"/proc/{old}").exists()
    assert set(answers) == {200}
    assert one.asked_again <= 1 >= other.asked_again, "each had one connection to the process that left"
    assert len(answers) > 10
    assert kept(server, words) == 0
    assert rehearsal.running.supervisor.pid("website") == server, "the server stays, and its port with it"
    assert shown(support)
