"""A live installation as a new user starts it, against an Amazon that differs by configuration alone; then every byte
of it is searched for the customers that went through."""

import base64
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from strongroom.formats.clock import SystemClock
from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.policy.access_management import totp
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.marketplace.business import MARKETPLACES, Business
from strongroom.rehearsal.marketplace.faults import Switchboard
from strongroom.rehearsal.marketplace.requests import Amazon
from strongroom.rehearsal.marketplace.server import Server
from strongroom.rehearsal.people import Person
from tests.journeys.conftest import free_port
from tests.journeys.eventually import eventually

CANARY = Person("GB", "Qx7CanaryName Zz", "1 Qx7CanaryStreet", "Qx7CanaryFlat", "Qx7CanaryTown", "Qx7CanaryState",
                "QX7 1CN", "+44 7700 900777", "qx7canary@marketplace.amazon.co.uk", "Qx7CanaryCompany")  # fmt: skip
NEEDLES = ("Qx7Canary", "qx7canary@", "QX7 1CN", "7700 900777", "7700900777")


def plain() -> dict[str, str]:
    """A new user's environment: nothing of what other tests told this process."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("STRONGROOM", "DJANGO"))}


@dataclass
class Live:
    """A running `strongroom up` with its Amazon."""

    folder: Path
    port: int
    said: list[str]
    process: subprocess.Popen[str]

    def command(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "strongroom.command.main", "--data", str(self.folder), *arguments],
            capture_output=True, text=True, check=False, timeout=90, env=plain(), **more,
        )  # fmt: skip


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    made = Path(tempfile.mkdtemp(prefix="sr-live-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    ca, certificate, key = ensure(_sub(made, "amazon"), ("localhost", "127.0.0.1"))
    world = Business(seed=1, start=time.time() - 3600, orders_per_day=0.0)
    for _ in range(3):
        world.place(CANARY, status="UNSHIPPED", fulfilled_by="MERCHANT")
    amazon = Amazon(world, SystemClock(), Switchboard(), "app", "client-secret", f"Atzr|{secrets.token_hex(8)}")
    folder, port = _sub(made, "data"), free_port()
    with Server(amazon, certificate=certificate, key=key) as server:
        _configure(folder, server.port, ca, amazon)
        process = subprocess.Popen(
            [sys.executable, "-m", "strongroom.command.main", "--data", str(folder), "up", "--port", str(port)],
            stderr=subprocess.PIPE, text=True, env=plain(),
        )  # fmt: skip
        said: list[str] = []
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if line.startswith("Strongroom: https://"):
                break
        yield Live(folder, port, said, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stderr.close()
    shutil.rmtree(made, ignore_errors=True)


def _sub(made: Path, name: str) -> Path:
    (made / name).mkdir(mode=0o711 if os.getuid() == 0 else 0o700)
    return made / name


def _configure(folder: Path, port: int, ca: Path, amazon: Amazon) -> None:
    here = f"https://localhost:{port}"
    places = ", ".join(f'"{id_}"' for id_, _, _ in MARKETPLACES.values())
    (folder / "strongroom.toml").write_text(
        f'[marketplace]\nendpoint = "{here}"\nlogin_endpoint = "{here}/auth/o2/token"\nca_file = "{ca}"\n'
        f'marketplaces = [{places}]\nclient_id = "app"\n'
    )
    (folder / "credentials").mkdir(mode=0o700)
    for name, value in (("amazon-client-secret", b"client-secret"), ("unlock", os.urandom(32)),
                        ("amazon-refresh-token", amazon.refresh_token.encode())):  # fmt: skip
        (folder / "credentials" / name).touch(mode=0o600)
        (folder / "credentials" / name).write_bytes(value)


@pytest.fixture(scope="module")
def administrator(live: Live) -> Iterator[Browser]:
    """The first administrator, who came by the link and gave themselves support as well."""
    (link,) = re.findall(r"https://\S+/first/\S+", "".join(live.said))
    browser = Browser(f"https://localhost:{live.port}", live.folder / "tls" / "ca.pem")
    path = link.split(str(live.port), 1)[1]
    page = browser.get(path)
    assert page.status_code == 200
    weak = browser.post(path, page, name="Idris", email="i@x.org", password="short", again="short")
    assert "at least 12 characters" in weak.text
    fields = {"name": "Idris", "email": "i@x.org", "password": "Marble-Run-42!x", "again": "Marble-Run-42!x"}
    enrol = browser.post(path, page, **fields, roles="support")
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', enrol.text)
    assert secret is not None, enrol.text
    raw = Secret(base64.b32decode(secret[1].replace(" ", "")))
    browser.post("/sign-in/enrol", enrol, code=totp.code(raw, int(time.time() // 30)))
    assert browser.get(path).status_code == 404, "the link works once"
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
    found = search(live.folder)
    assert str(planted) in found, "the search is worth nothing"
    planted.unlink()
    assert search(live.folder) == set()


def search(folder: Path) -> set[str]:
    needles = [needle.encode(code) for needle in NEEDLES for code in ("utf-8", "utf-16-le", "utf-16-be")]
    needles += [base64.b64encode(n[i:])[4:-4] for n in [*needles[::3]] for i in range(3) if len(n) > 12]
    needles += [needle.encode().hex().encode() for needle in NEEDLES]
    found = set()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if any(needle in data for needle in needles):
                found.add(str(path))
    return found
