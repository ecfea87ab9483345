"""The ASVS sheet is whole, names tests that exist, and its page is the one that was made of it."""

import ast
import re
from collections import Counter
from functools import cache

import pytest

from tests.attacks.asvs import PAGE, ROOT, STATES, Requirement, levels, page, sheet


@cache
def functions_of(file: str) -> frozenset[str]:
    """What pytest collects from a file: its functions by name."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))


def test_the_standards_own_counts_are_met_by_the_list() -> None:
    assert Counter(levels().values()) == {1: 70, 2: 183, 3: 92}


def test_no_requirement_of_level_1_or_2_is_missing_or_invented() -> None:
    wanted = {id_: level for id_, level in levels().items() if level < 3}
    assert {row.id: row.level for row in sheet()} == wanted


@pytest.mark.parametrize("row", sheet(), ids=lambda row: row.id)
def test_what_is_met_names_tests_that_exist_and_the_rest_says_why(row: Requirement) -> None:
    assert row.state in STATES
    assert row.words
    for test in row.tests:
        file, _, name = test.partition("::")
        assert functions_of(file), file
        assert not name or name in functions_of(file), test
    if row.state == "met":
        assert row.tests
    else:
        assert row.note
        assert not row.tests


def test_a_file_that_a_note_names_is_there() -> None:
    named = [
        found
        for row in sheet()
        for found in re.findall(r"\b(?:docs|attacks|policy)/[\w./-]+\.(?:md|toml|py)\b", row.note)
    ]
    for name in named:
        places = (ROOT / name, ROOT / "tests" / name, ROOT / "src" / "strongroom" / name)
        assert any(place.exists() for place in places), name
    assert named


def test_the_page_is_made_of_the_sheet() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.attacks.asvs"
