"""The command line as an administrator uses it: names in the journal, refusals with exit code 7, nothing of a person."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.conftest import Doors
from tests.journeys.test_sign_in import Office


def strongroom(rehearsal: Rehearsal, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "strongroom.command.main", "--data", str(rehearsal.folders.data), *words],
        input=said, capture_output=True, text=True, check=False,
    )  # fmt: skip


def token_of(rehearsal: Rehearsal, inside: Doors, role: str) -> str:
    office = Office(inside(role), rehearsal.people()[role])
    page = office.post("/me/command-token")
    found = re.search(r'<code class="secret">([\w-]+)</code>', page.text)
    assert found is not None
    return found[1] + "\n"


def test_roles_are_given_by_two_people_at_a_terminal_too(rehearsal: Rehearsal, inside: Doors) -> None:
    mine, other = token_of(rehearsal, inside, "administrator"), token_of(rehearsal, inside, "manager")
    email = "terminal@example.invalid"
    made = strongroom(rehearsal, "people", "invite", email, "--name", "Terry Minall", "--token-stdin", said=mine)
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"/invitation/[\w-]+\n", made.stdout)
    proposed = strongroom(
        rehearsal, "people", "propose", email, "auditor", "--reason", "audit", "--token-stdin", said=mine
    )
    assert "waits for approval" in proposed.stderr
    assert strongroom(rehearsal, "people", "approve", email, "auditor", "--token-stdin", said=mine).returncode == 7
    assert strongroom(rehearsal, "people", "approve", email, "auditor", "--token-stdin", said=other).returncode == 0
    people = json.loads(strongroom(rehearsal, "people", "list", "--json").stdout)
    (row,) = [p for p in people if p["email"] == email]
    assert row["roles"] == [{"role": "auditor", "approved": True, "suspended": False, "self_approved": False}]
    assert strongroom(rehearsal, "people", "leave", email, "--token-stdin", said=mine).returncode == 0
    people = json.loads(strongroom(rehearsal, "people", "list", "--json").stdout)
    assert [p["state"] for p in people if p["email"] == email] == ["left"]


def test_nobody_acts_without_a_token(rehearsal: Rehearsal) -> None:
    for said in ("", "nonsense\n"):
        refused = strongroom(rehearsal, "people", "leave", "packer@rehearsal.invalid", "--token-stdin", said=said)
        assert refused.returncode == 7
        assert "token is unknown" in refused.stderr
    assert strongroom(rehearsal, "people", "leave", "packer@rehearsal.invalid").returncode == 7


def test_the_owner_unlocks_nobody_while_an_administrator_can(rehearsal: Rehearsal) -> None:
    refused = strongroom(rehearsal, "people", "unlock", "packer@rehearsal.invalid", "--owner", "--reason", "fault")
    assert refused.returncode == 7
    assert "Somebody else may unlock" in refused.stderr


def test_stock_is_imported_whole_or_not_at_all(rehearsal: Rehearsal, folder: Path) -> None:
    head = "sku,title,warehouse,bin,weight_g,value,currency,hs_code,origin\n"
    cases: list[tuple[str, int, str]] = [
        (head + "X-1,Thing,Main,A1,100,9.50,GBP,9503.00,GB\n", 0, "1 SKUs"),
        (head + "X-2,Thing,Main,A1,100,9.50,GBP,9503.00,GB\nX-3,Bad,Main,A1,heavy,1,GBP,,GB\n", 1, "line 3"),
        ("sku,title\nX,Y\n", 2, "columns"),
    ]
    for text, code, words in cases:
        (folder / "stock.csv").write_text(text, encoding="utf-8")
        done = strongroom(rehearsal, "stock", "import", str(folder / "stock.csv"))
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_the_label_queue_is_shown_by_reference(rehearsal: Rehearsal) -> None:
    done = strongroom(rehearsal, "labels", "queue", "--json")
    assert done.returncode in (0, 3)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert all(set(row) == {"order", "parcel", "state", "printer", "since", "problem"} for row in found)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("nonsense", 2, "invalid choice"),
        ("orders show 1234", 2, "invalid UUID"),
        ("orders list --data /nonexistent", 1, "no installation in /nonexistent"),
        ("--data /nonexistent orders list", 1, "no installation in /nonexistent"),
        ("journal proof 99999999", 1, "No proof: there are"),
        ("journal proof -- -5", 1, "No proof: there are"),
        ("journal proof --check /nonexistent", 1, "/nonexistent cannot be used"),
        ("journal export /proc/below", 1, "cannot be used"),
        ("keys unlock --file /nonexistent", 1, "/nonexistent cannot be used"),
    ],
)
def test_what_cannot_be_done_is_said_in_words_with_its_exit_code(
    rehearsal: Rehearsal, words: str, code: int, says: str
) -> None:
    done = strongroom(rehearsal, *words.split())
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", ["orders list", "orders sync", "people list", "retention due", "labels queue", "status"]
)
def test_an_installation_that_does_not_run_is_said_in_a_sentence(folder: Path, words: str) -> None:
    (folder / "keys").mkdir(mode=0o700)
    (folder / "keys" / "ring").touch()
    (folder / "database.json").write_text('{"host": "/nowhere", "port": 5432, "name": "strongroom", "options": {}}')
    done = subprocess.run(
        [sys.executable, "-m", "strongroom.command.main", "--data", str(folder), *words.split()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Is Strongroom running in this folder?" in done.stderr
    assert len(done.stderr.splitlines()) == 1
