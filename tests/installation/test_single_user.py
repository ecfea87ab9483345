"""An ordinary user runs everything under one uid; the inspector does what it can and says what it could not see."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.formats import verdict, verdict_file
from strongroom.formats.grade import Kind, grade
from strongroom.formats.verdict import Look, State, Verdict
from strongroom.formats.verdict_file import Forged, Unauthenticated
from tests.installation.servers import until
from tests.installation.service_grade import needs_own_uids

RUN = """
import sys
from pathlib import Path
from tests.installation.service_grade import quiet_rehearsal
with quiet_rehearsal(Path(sys.argv[1])) as running:
    print("serves", flush=True)
    sys.stdin.readline()
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A rehearsal of an ordinary user: ourselves, or for root the user `nobody`."""
    made = Path(tempfile.mkdtemp(prefix="sr-single-"))
    become: list[str] = []
    if os.getuid() == 0:
        needs_own_uids()
        user = pwd.getpwnam("nobody")
        os.chown(made, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    process = subprocess.Popen(
        [*become, sys.executable, "-c", RUN, str(made / "data")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=ROOT, env={**os.environ, "HOME": str(made), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"serves\n"
    yield made / "data"
    process.stdin.close()
    process.wait(60)
    process.stdout.close()
    shutil.rmtree(made, ignore_errors=True)


def seen(data: Path, look: Look) -> Verdict:
    path = data / verdict_file.FOLDER / f"{look}.json"
    until(path.exists, 120)
    return verdict.decode(path.read_bytes())


def test_the_grade_is_single_user_and_says_what_it_needs(data: Path) -> None:
    until((data / "installation.json").exists)
    found = grade(data)
    assert found.kind is Kind.SINGLE_USER
    assert "strongroom init" in found.why


def test_a_verdict_that_its_reader_could_have_written_is_unauthenticated(data: Path) -> None:
    look = seen(data, Look.SWAP)
    owner = data.stat().st_uid
    code = (
        "import sys; from pathlib import Path\nfrom strongroom.formats import verdict_file\n"
        "from strongroom.formats.verdict import Look\nimport os\n"
        "print(type(verdict_file.read(Path(sys.argv[1]), Look.SWAP, os.getuid())).__name__)"
    )
    become = ["setpriv", f"--reuid={owner}", "--clear-groups", "--"] if os.getuid() == 0 else []
    ran = subprocess.run(
        [*become, sys.executable, "-c", code, str(data / verdict_file.FOLDER)],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    assert ran.stdout.strip() == Unauthenticated.__name__, ran.stderr
    assert look.grade is Kind.SINGLE_USER
    if os.getuid() == 0:
        assert isinstance(verdict_file.read(data / verdict_file.FOLDER, Look.SWAP, 59_904), Forged)


@pytest.mark.parametrize("look", list(Look))
def test_every_look_ends_with_a_verdict(data: Path, look: Look) -> None:
    found = seen(data, look)
    assert (found.look, found.grade) == (look, Kind.SINGLE_USER)
    assert not [words for words in found.unseen if "failed" in words or "did not end" in words]


@pytest.mark.parametrize("look", [Look.LISTENERS, Look.FILE_MODES, Look.FIREWALL])
def test_what_needs_own_uids_is_unknown_and_says_so(data: Path, look: Look) -> None:
    found = seen(data, look)
    assert found.problems == ()
    assert found.state is State.UNKNOWN
    assert any("strongroom init" in words for words in found.unseen)


def test_flags_of_processes_are_seen_all_the_same(data: Path) -> None:
    found = seen(data, Look.PROCESS_FLAGS)
    assert found.problems == ()
    assert {name for name in found.saw if name.endswith("_processes")} >= {
        "web_processes", "worker_processes", "broker_processes", "inspector_processes", "database_processes",
    }  # fmt: skip


def test_the_databases_files_are_seen_all_the_same(data: Path) -> None:
    found = seen(data, Look.DATABASE_FILES)
    assert (found.problems, found.saw["checksums"]) == ((), 1)
