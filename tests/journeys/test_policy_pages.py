"""The policy is published at a terminal and at a page; a stranger reads it, machines check it, the office answers Amazon."""

import hashlib
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.conftest import Doors
from tests.journeys.looks import look
from tests.journeys.station import Station
from tests.journeys.test_command import strongroom, token_of

PUBLIC = ("/policy", "/privacy", "/policy.pdf", "/privacy.pdf", "/policy.json", "/policy.sums")


@pytest.fixture(scope="module")
def published(rehearsal: Rehearsal, inside: Doors) -> dict[str, Any]:
    """Published by the administrator at a terminal."""
    token = token_of(rehearsal, inside, "administrator")
    done = strongroom(rehearsal, "policy", "publish", "--token-stdin", "--json", said=token)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def stranger(rehearsal: Rehearsal) -> httpx.Client:
    base = f"https://127.0.0.1:{rehearsal.running.configuration.web.port}"
    return httpx.Client(base_url=base, verify=ssl.create_default_context(cafile=str(rehearsal.folders.tls / "ca.pem")))


def test_a_stranger_checks_every_file_against_the_sum_that_was_published(
    rehearsal: Rehearsal, published: dict[str, Any], folder: Path
) -> None:
    with stranger(rehearsal) as anybody:
        for path in PUBLIC:
            answer = anybody.get(path)
            assert answer.status_code == 200, path
            assert "set-cookie" not in answer.headers
            name = path[1:] + ("" if "." in path else ".html")
            (folder / name).write_bytes(answer.content)
    assert hashlib.sha256((folder / "policy.sums").read_bytes()).hexdigest() == published["sums_sha256"]
    assert subprocess.run(["sha256sum", "--quiet", "-c", "policy.sums"], cwd=folder, check=False).returncode == 0


def test_the_worker_finds_it_to_be_what_runs(rehearsal: Rehearsal, published: dict[str, Any]) -> None:
    done = strongroom(rehearsal, "checks", "run", "DG-4", "--json")
    runs = {row["check"]: row for row in json.loads(done.stdout)["runs"]}
    assert {id_: row["outcome"] for id_, row in runs.items()} == {
        "DG-4.page": "pass", "DG-4.laws": "pass", "DG-4.version": "pass",
    }, runs  # fmt: skip
    assert f"Edition {published['edition']} states" in runs["DG-4.page"]["reason"]
    rows = {row["id"]: row for row in json.loads(strongroom(rehearsal, "policy", "show", "--json").stdout)["clauses"]}
    assert rows["DG-4"]["state"] == "true"
    assert rows["DG-4"]["guard"]
    assert rows["DG-4"]["check"] == ["DG-4.page", "DG-4.laws", "DG-4.version"]


def test_nobody_publishes_without_a_token_or_without_the_right(rehearsal: Rehearsal, inside: Doors) -> None:
    for said in ("", "nonsense\n", token_of(rehearsal, inside, "packer")):
        assert strongroom(rehearsal, "policy", "publish", "--token-stdin", said=said).returncode == 7


def test_the_answers_are_read_at_a_terminal_and_each_fits_the_form(rehearsal: Rehearsal) -> None:
    found = json.loads(strongroom(rehearsal, "policy", "answers", "--json").stdout)
    assert len(found["answers"]) >= 24
    wall = {row["id"]: row["state"] for row in json.loads(strongroom(rehearsal, "status", "--json").stdout)["clauses"]}
    for row in found["answers"]:
        assert row["characters"] == len(row["answer"]) <= 500
        assert row["clauses"]
        holds = {clause for clause in row["clauses"] if wall[clause] in ("true", "attested")}
        assert set(row["clauses"]) - holds <= set(row["not_shown"]), row
        assert bool(row["not_shown"]) is any(f"({clause})" in row["answer"] for clause in row["clauses"]), row
    assert "of 500)" in strongroom(rehearsal, "policy", "answers").stdout


LINTED = (
    ('[profile]\nid = "q"\nversion = 1\nfrom = 2026-11-24\nsource = "x"\n[terms.remove_pii_after]\nvalue = "20 days"\n', 0),
    ('[profile]\nid = "q"\nversion = 1\nfrom = 2026-11-24\nsource = "x"\n[terms.remove_pii_after]\nvalue = "40 days"\n', 3),
    ("no TOML\n", 3),
)  # fmt: skip


@pytest.mark.parametrize(("text", "code"), LINTED)
def test_lint_needs_no_installation_and_says_what_is_wrong(folder: Path, text: str, code: int) -> None:
    (folder / "q.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "strongroom.command.main", "--data", str(folder / "none"), "policy", "lint"]
    done = subprocess.run([*command, str(folder / "q.toml"), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    mistakes = json.loads(done.stdout)["mistakes"]
    assert bool(mistakes) is bool(code)
    assert all({"file", "line", "mistake", "remedy"} == set(row) for row in mistakes)
    words = subprocess.run([*command, str(folder / "q.toml")], capture_output=True, text=True, check=False).stdout
    assert ("q.toml, line" in words) is bool(code)


def test_lint_says_so_where_a_file_is_not_there(folder: Path, rehearsal: Rehearsal) -> None:
    done = strongroom(rehearsal, "policy", "lint", str(folder / "none.toml"))
    assert done.returncode == 1
    assert "none.toml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def security(chromium: Any, packing: Rehearsal) -> Iterator[Station]:
    station = Station(chromium, packing)
    station.sign_in(packing.people()["security"])
    yield station
    station.close()


def test_the_office_publishes_by_keyboard_and_anybody_reads_it(
    chromium: Any, packing: Rehearsal, security: Station
) -> None:
    security.go("/policy/office")
    security.tab_to("form[action$='/policy/publish'] button", most=90)
    security.press("Enter")
    security.page.wait_for_selector("h1:has-text('The public reads what runs.')")
    look(security.page, "policy-office")
    anybody = Station(chromium, packing)
    for path in ("/policy", "/privacy"):
        anybody.go(path)
        assert "Quillmarsh Toys" in anybody.page.inner_text(".mast")
        assert "Rehearsal" in anybody.page.inner_text(".mast")
        look(anybody.page, f"public{path.replace('/', '-')}")
    assert anybody.context.cookies() == []
    assert anybody.complaints == [], "the page's own policy forbade something"
    anybody.go("/privacy")
    anybody.tab_to("a.term")
    anybody.press("Enter")
    anybody.page.wait_for_selector("tr:target")
    assert anybody.page.url.rpartition("/")[2].startswith("policy#n-")
    anybody.close()


def test_what_is_printed_is_the_text_alone(chromium: Any, packing: Rehearsal, security: Station) -> None:
    security.go("/policy/office")
    if security.page.locator("h1:has-text('Nothing is published yet.')").count():
        security.page.click("form[action$='/policy/publish'] button")
    anybody = Station(chromium, packing)
    anybody.go("/policy")
    anybody.page.emulate_media(media="print")
    assert not anybody.page.locator("main > nav").is_visible()
    assert not anybody.page.locator(".mast .who").is_visible()
    assert anybody.page.locator("#numbers").is_visible()
    anybody.close()


def test_the_answers_are_a_page_for_the_office(security: Station) -> None:
    security.go("/policy/answers")
    assert security.page.locator(".answer").count() >= 24
    look(security.page, "policy-answers")
