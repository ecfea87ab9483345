"""The rehearsal that the pages' commands run against: an office with orders, a token of two people, and a second place."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.ports import free_port
from tests.docs.started import program
from tests.journeys.conftest import Doors
from tests.journeys.test_sign_in import Office

FOLDERS = ("~/.local/share/strongroom-rehearsal", "/var/lib/strongroom")
"""What pages call the data folder; here it is the rehearsal's."""
ROOT = Path(__file__).parents[2]


@dataclass
class Desk:
    """A terminal beside the rehearsal: its folder has `token` (an administrator's) and `token-2` (a manager's)."""

    rehearsal: Rehearsal
    folder: Path

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """One line of a page in a real shell. `strongroom` is ours, and knows the rehearsal's folder."""
        for name in FOLDERS:
            text = text.replace(name, str(self.rehearsal.folders.data))
        text = text.replace(":8443", f":{self.rehearsal.running.configuration.web.port}")
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            check=False, cwd=self.folder / "work", env={**os.environ, "PATH": path, "HOME": str(self.folder)},
            timeout=180,
        )  # fmt: skip


@pytest.fixture(scope="session")
def desk() -> Iterator[Desk]:
    made = Path(tempfile.mkdtemp(prefix="sr-docs-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    for name in ("bin", "work"):
        (made / name).mkdir()
    with Rehearsal(made / "data", port=free_port(), days=1, orders_per_day=16.0) as rehearsal:
        rehearsal.start()
        for _ in range(4):
            rehearsal.step(6 * 3600)
        doors = Doors(rehearsal)
        for name, role in (("token", "administrator"), ("token-2", "manager")):
            page = Office(doors(role), rehearsal.people()[role]).post("/me/command-token")
            found = re.search(r'<code class="secret">([\w-]+)</code>', page.text)
            assert found is not None
            (made / "work" / name).write_text(found[1] + "\n")
        doors.close()
        (made / "work" / "src").symlink_to(ROOT / "src")
        (made / "work" / "tests").symlink_to(ROOT / "tests")
        with program(made / "bin", rehearsal.folders.data):
            yield Desk(rehearsal, made)
    shutil.rmtree(made, ignore_errors=True)
