"""The pages' commands: each ```console block with its `$ ` lines, what they should print, and why some are not run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
READ = ("tutorial.md", "how-to/*.md", "reference/*.md", "explanation/*.md", "run-books/*.md")
"""The pages whose commands run, in this order; the same rehearsal goes through all of them."""
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
EXIT = re.compile(r"#.*\bexit code (\d)\b(?:.*?\b(?:or|,) (\d)\b)?")


@dataclass(frozen=True)
class Command:
    """One line after `$ `, what the page shows below it, and the exit code it tells (`# exit code 3`, `3 or 4`); else 0."""

    page: str
    line: int
    text: str
    expected: tuple[str, ...]

    @property
    def exit_codes(self) -> set[int]:
        told = EXIT.search(self.text)
        return {int(code) for code in told.groups() if code} if told else {0}


@dataclass(frozen=True)
class Block:
    """`reason`: why it is not run; empty where it is."""

    page: str
    line: int
    commands: tuple[Command, ...]
    reason: str


def pages() -> list[Path]:
    return [path for pattern in READ for path in sorted(DOCS.glob(pattern))]


def blocks(path: Path) -> Iterator[Block]:
    lines = path.read_text(encoding="utf-8").splitlines()
    name, at = str(path.relative_to(DOCS)), 0
    while at < len(lines):
        if lines[at].strip() != "```console":
            at += 1
            continue
        begin, at = at + 1, at + 1
        while lines[at].strip() != "```":
            at += 1
        marked = NOT_RUN.fullmatch(lines[begin - 2].strip()) if begin >= 2 else None
        commands = tuple(_commands(name, begin + 1, lines[begin:at]))
        yield Block(name, begin, commands, marked[1] if marked else "")


def _commands(page: str, first: int, lines: list[str]) -> Iterator[Command]:
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for number, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        expected = tuple(line for line in lines[number + 1 : end] if line.strip())
        yield Command(page, first + number, lines[number][2:], expected)


def fits(expected: tuple[str, ...], printed: str) -> bool:
    """Whether what was printed is what the page shows: `…` in a line is anything, a line of `…` any lines."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:.*\n)*"
        else:
            pattern += r".*".join(re.escape(part.rstrip() if line.endswith(part) else part) for part in line.split("…"))
            pattern += r"[ ]*\n"
    text = "".join(f"{line.rstrip()}\n" for line in printed.splitlines() if line.strip())
    return re.fullmatch(pattern, text) is not None
