"""Every command that a page shows is run as it stands there, against one rehearsal, in the pages' order."""

import re
from pathlib import Path

import pytest

from tests.docs.conftest import Desk
from tests.docs.pages import DOCS, blocks, fits, pages

PAGES = [path for path in pages() if any(block.commands for block in blocks(path))]
MOST_NOT_RUN = 8
"""What needs root, hands at a terminal, or the whole machine. Each says so in its page."""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_each_command_of_a_page_does_what_the_page_says(desk: Desk, page: Path) -> None:
    for block in blocks(page):
        for command in block.commands if not block.reason else ():
            ran = desk.run(command.text)
            where = f"docs/{command.page}:{command.line}: {command.text}\n{ran.stdout}"
            assert ran.returncode in command.exit_codes, where
            assert not command.expected or fits(command.expected, ran.stdout), where


def test_few_commands_are_not_run_and_each_says_why() -> None:
    marked = [block for page in pages() for block in blocks(page) if block.reason]
    assert len(marked) <= MOST_NOT_RUN, [f"{block.page}:{block.line}" for block in marked]
    assert all(len(block.reason) >= 20 for block in marked)


def test_every_kind_of_page_is_there_and_shows_commands() -> None:
    kinds = {str(page.relative_to(DOCS)).partition("/")[0] for page in PAGES}
    assert kinds >= {"tutorial.md", "how-to", "explanation", "run-books"}


@pytest.mark.parametrize(
    ("expected", "printed", "fit"),
    [
        (("a … c",), "a b c\n", True),
        (("a … c",), "a b d\n", False),
        (("a", "…"), "a\nb\nc\n", True),
        (("…", "c"), "a\nb\nc\n", True),
        (("a",), "a\nb\n", False),
        (("a",), "b\n", False),
        (("1.5 s…",), "1x5 s\n", False),
    ],
)
def test_what_is_printed_is_compared(expected: tuple[str, ...], printed: str, fit: bool) -> None:
    assert fits(expected, printed) is fit


LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", [*pages(), DOCS.parent / "README.md"], ids=lambda path: path.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    gone = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert gone == []


def test_every_page_that_a_remedy_names_is_there() -> None:
    sources = (DOCS.parent / "src" / "strongroom").rglob("doctor/*.py")
    named = {name for path in sources for name in re.findall(r"docs/[\w/.-]+\.md", path.read_text(encoding="utf-8"))}
    assert named
    assert [name for name in sorted(named) if not (DOCS.parent / name).exists()] == []
