"""Every promise's parts are where the map says, and the map is the one in the docs (STYLE 2)."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongroom.policy.clauses.clauses import all_clauses
from tests.house.running import House

ROOT = Path(__file__).parents[2]


@pytest.fixture
def controls(house: House) -> Any:
    from strongroom.website.wiring import controls as all_controls

    return all_controls()


def test_every_check_and_guard_is_of_a_clause_and_check_ids_are_told_apart(controls: Any) -> None:
    ids = [check.id for check in controls.checks]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Z]{2}-\d+\.[a-z-]+", id_) for id_ in ids)
    assert {each.clause for each in (*controls.checks, *controls.guards)} <= set(all_clauses())


def test_every_guard_stands_where_it_is_said_to_stand(controls: Any, house: House) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint UNION SELECT tgname FROM pg_trigger UNION SELECT proname FROM pg_proc"
            " UNION SELECT indexrelid::regclass::text FROM pg_index"
        )
        in_database = {name for (name,) in cursor.fetchall()}
    for guard in controls.guards:
        assert guard.where, guard.words
        for where in guard.where:
            if where.startswith("db:"):
                assert where[3:] in in_database, where
                continue
            module, _, name = where.partition(":")
            assert hasattr(importlib.import_module(f"strongroom.{module}"), name), where


def test_sabotage_is_of_clauses_that_have_a_check_and_says_what_it_breaks(controls: Any) -> None:
    from strongroom.rehearsal.sabotage import drill

    checked = {check.clause for check in controls.checks}
    for sabotage in drill.all_sabotage():
        assert sabotage.clause in checked, sabotage.clause
        assert set(sabotage.checks) <= {check.id for check in controls.checks}
        assert len(sabotage.breaks) > 10


def test_the_map_in_the_docs_is_the_one_the_code_has(house: House) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "strongroom.command.main", "policy", "controls", "--tests", "tests"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode in (0, 3), made.stderr
    kept = (ROOT / "docs" / "controls.md").read_text(encoding="utf-8")
    assert made.stdout == kept, "write it anew: strongroom policy controls --tests tests > docs/controls.md"
