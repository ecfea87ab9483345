"""The tree keeps its own rules: names, clocks, lengths, and nothing that names a machine."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [p for p in (ROOT / "src").rglob("*.py") if "migrations" not in p.parts]
CLOCKS = re.compile(r"\b(time\.time\(|datetime\.now\(|timezone\.now|auto_now|uuid4\(|utcnow|date\.today)")
MAY_ASK_THE_MACHINE = {
    "formats/clock.py",  # the port itself
    "installation/certificates.py",  # certificates live by the machine's time, as every client judges them
    "policy/least_privilege/actions.py",  # wall_now: sign-in delays, which no policy deadline hangs on
    "policy/access_management/factors.py",  # codes of RFC 6238
    "website/migrate.py",  # before a broker exists to ask
    "command/people.py", "rehearsal/browser.py", "rehearsal/installation.py",
    "policy/retention_and_recovery/checks/leaking.py",  # a random word to be found, no time
    *(f"rehearsal/sabotage/{name}.py" for name in ("data", "forgetting", "leaking", "logs", "sealing")),
}  # fmt: skip


def where(path: Path) -> str:
    return str(path.relative_to(ROOT / "src" / "strongroom"))


def test_nobody_asks_the_machine_for_the_time_past_the_port() -> None:
    found = {where(path) for path in SOURCES if CLOCKS.search(path.read_text())}
    assert found <= MAY_ASK_THE_MACHINE


def test_no_folder_is_called_what_folders_rot_under() -> None:
    bad = {"core", "common", "utils", "helpers", "services", "lib", "misc"}
    assert not [p for p in (ROOT / "src").rglob("*") if p.is_dir() and p.name in bad]


@pytest.mark.parametrize("most", [460])
def test_no_module_is_an_attic(most: int) -> None:
    long = {where(p): n for p in SOURCES if (n := len(p.read_text().splitlines())) > most}
    assert not long


def test_functions_stay_short() -> None:
    long = [
        f"{where(path)}:{node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > 60
    ]
    assert not long


def test_broad_excepts_stand_in_named_places_only() -> None:
    found = [where(p) for p in SOURCES if re.search(r"except (Exception|BaseException)\b", p.read_text())]
    assert sorted(found) == [
        "policy/obligations/runner.py",  # a check that fails to look must not look like one that passed
        "rehearsal/sabotage/drill.py",  # nor a break that fails like a promise that was seen broken
    ]


def test_tracked_files_name_no_machine_path_and_no_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    bad = re.compile(r"/[r]oot/\.|/[h]ome/[a-z]+/|index-[u]rl *=? *http|/[s]imple/")  # written so as not to find itself
    for name in listed:
        path = ROOT / name
        if path.suffix in {".py", ".toml", ".md", ".lock", ".html", ".css", ""} and path.name != "test_house.py":
            assert not bad.search(path.read_text(errors="ignore")), name


def test_every_clause_has_its_id_and_its_words() -> None:
    from strongroom.policy.clauses.clauses import all_clauses
    from strongroom.policy.clauses.terms import built_in

    clauses = all_clauses()
    assert len(clauses) == 72
    assert all(re.fullmatch(r"[A-Z]{2}-\d+", id_) and clause.promise for id_, clause in clauses.items())
    assert {term.clause for term in built_in().all()} <= set(clauses)
    assert {duty.clause for duty in built_in().duties()} <= set(clauses)


def test_format_pages_are_short_enough_to_be_read() -> None:
    for page in (ROOT / "docs" / "formats").glob("*.md"):
        assert len(page.read_text().splitlines()) < 200, page.name
