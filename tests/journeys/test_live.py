"""A live installation as a new user starts it, against an Amazon that differs by configuration alone; then every byte
of it is searched for the customers that went through."""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from strongroom.formats.clock import SystemClock
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.marketplace.business import Business
from strongroom.rehearsal.marketplace.faults import Switchboard
from strongroom.rehearsal.marketplace.requests import Amazon
from strongroom.rehearsal.marketplace.server import Server
from strongroom.rehearsal.people import Person
from tests.journeys.eventually import eventually
from tests.journeys.living import Live, first_administrator, living, search

CANARY = Person("GB", "Qx7CanaryName Zz", "1 Qx7CanaryStreet", "Qx7CanaryFlat", "Qx7CanaryTown", "Qx7CanaryState",
                "QX7 1CN", "+44 7700 900777", "qx7canary@marketplace.amazon.co.uk", "Qx7CanaryCompany")  # fmt: skip
NEEDLES = ("Qx7Canary", "qx7canary@", "QX7 1CN", "7700 900777", "7700900777")


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    world = Business(seed=1, start=time.time() - 3600, orders_per_day=0.0)
    for _ in range(3):
        world.place(CANARY, status="UNSHIPPED", fulfilled_by="MERCHANT")
    amazon = Amazon(world, SystemClock(), Switchboard(), "app", "client-secret", f"Atzr|{secrets.token_hex(8)}")
    with ExitStack() as open_:

        def start(certificate: Path, key: Path) -> int:
            return open_.enter_context(Server(amazon, certificate=certificate, key=key)).port

        with living(start, amazon.refresh_token) as running:
            yield running


@pytest.fixture(scope="module")
def administrator(live: Live) -> Iterator[Browser]:
    browser = first_administrator(live)
    yield browser
    browser.close()


def test_it_prints_origin_key_and_fingerprint_once(live: Live) -> None:
    said = "".join(live.said)
    assert "New journal" in said
    assert re.search(r"strongroom\.invalid/[0-9a-f]{16}\+[0-9a-f]{8}\+", said)
    assert re.search(r"SHA-256: ([0-9A-F]{2}:){31}[0-9A-F]{2}", said)


def test_orders_arrive_from_the_configured_amazon_and_one_is_revealed(live: Live, administrator: Browser) -> None:
    assert live.command("orders", "sync").returncode == 0
    paths = administrator.orders()
    assert len(paths) == 3
    nowhere = administrator.reveal(paths[0])
    assert "No device is recorded yet" in nowhere.text, "nobody is shown on a device that is not the company's"
    page = administrator.get("/devices/")
    administrator.post("/devices/record", page, name="Support desk 1", kind="computer", stated="on")
    administrator.on_a_device(administrator.get("/devices/this"))
    opened = administrator.reveal(paths[0])
    assert "Qx7CanaryStreet" in opened.text
    assert "Live" in opened.text


def test_the_command_line_reads_and_tells_nobody(live: Live, administrator: Browser) -> None:
    import json

    listed = live.command("orders", "list", "--json")
    rows = json.loads(listed.stdout)
    assert len(rows) == 3
    for arguments in (("orders", "show", rows[0]["ref"]), ("retention", "due"), ("retention", "run"), ("keys", "list"), ("journal", "verify"),
                      ("journal", "checkpoint"), ("policy", "show"), ("config", "show", "--origin"),
                      ("journal", "proof", "1")):  # fmt: skip
        said = live.command(*arguments)
        assert said.returncode == 0, said.stderr
        assert not any(needle in said.stdout + said.stderr for needle in NEEDLES)


def test_sealing_up_and_unlocking_at_the_terminal(live: Live) -> None:
    assert live.command("keys", "seal").returncode == 0
    eventually(lambda: "Locked" in live.command("keys", "list").stdout)
    asked = live.command("orders", "sync")
    assert (asked.returncode, "nobody's data was sealed" in asked.stderr) == (5, True), asked.stderr
    assert "The key broker is locked. Unlock it" in asked.stderr
    wrong = live.command("keys", "unlock", input="not the passphrase\n")
    assert wrong.returncode == 7
    assert live.command("keys", "unlock", "--file", str(live.folder / "credentials" / "unlock")).returncode == 0


def test_a_rehearsal_refuses_this_folder_and_a_second_start_names_the_first(live: Live) -> None:
    for arguments in (("up", "--demo"), ("up",)):
        again = live.command(*arguments)
        assert again.returncode == 1
        assert str(live.process.pid) in again.stderr


def test_no_byte_of_any_file_holds_a_customer(live: Live, administrator: Browser) -> None:
    """Raw, UTF-16, base64 and hex; with a plant that must be found, or the search itself is worth nothing."""
    for path in administrator.orders():
        administrator.reveal(path)
        administrator.post(f"{path}reveal", administrator.get(path), purpose="1", case="Qx7Canary".lower() * 0 + "x")
    time.sleep(1)
    planted = live.folder / "logs" / "planted.log"
    planted.write_text("Ship to Qx7CanaryName Zz")
    found = search(live.folder, NEEDLES)
    assert str(planted) in found, "the search is worth nothing"
    planted.unlink()
    assert search(live.folder, NEEDLES) == set()
