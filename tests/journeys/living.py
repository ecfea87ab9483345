"""A live installation for tests: `strongroom up` as a new user starts it, and a search of every byte it leaves."""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.policy.access_management import totp
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.marketplace.business import MARKETPLACES
from strongroom.rehearsal.ports import free_port

Start = Callable[[Path, Path], int]
"""Starts an Amazon with this certificate and key; its port."""


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


@contextmanager
def living(start_amazon: Start, refresh_token: str) -> Iterator[Live]:
    """A running installation whose configuration alone points at that Amazon."""
    made = Path(tempfile.mkdtemp(prefix="sr-live-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    ca, certificate, key = ensure(_sub(made, "amazon"), ("localhost", "127.0.0.1"))
    folder, port = _sub(made, "data"), free_port()
    _configure(folder, start_amazon(certificate, key), ca, refresh_token)
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
    try:
        yield Live(folder, port, said, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        shutil.rmtree(made, ignore_errors=True)


def _sub(made: Path, name: str) -> Path:
    (made / name).mkdir(mode=0o711 if os.getuid() == 0 else 0o700)
    return made / name


def _configure(folder: Path, port: int, ca: Path, refresh_token: str) -> None:
    here = f"https://localhost:{port}"
    places = ", ".join(f'"{id_}"' for id_, _, _ in MARKETPLACES.values())
    (folder / "strongroom.toml").write_text(
        f'[marketplace]\nendpoint = "{here}"\nlogin_endpoint = "{here}/auth/o2/token"\nca_file = "{ca}"\n'
        f'marketplaces = [{places}]\nclient_id = "app"\n'
    )
    (folder / "credentials").mkdir(mode=0o700)
    for name, value in (("amazon-client-secret", b"client-secret"), ("unlock", os.urandom(32)),
                        ("amazon-refresh-token", refresh_token.encode())):  # fmt: skip
        (folder / "credentials" / name).touch(mode=0o600)
        (folder / "credentials" / name).write_bytes(value)


def first_administrator(live: Live) -> Browser:
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
    return browser


def search(folder: Path, wanted: Sequence[str]) -> set[str]:
    """The files that hold one of these texts: raw, UTF-16, base64 at any offset, hex."""
    needles = [needle.encode(code) for needle in wanted for code in ("utf-8", "utf-16-le", "utf-16-be")]
    needles += [base64.b64encode(n[i:])[4:-4] for n in [*needles[::3]] for i in range(3) if len(n) > 12]
    needles += [needle.encode().hex().encode() for needle in wanted]
    found = set()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if any(needle in data for needle in needles):
                found.add(str(path))
    return found
