"""The ASVS sheet: `docs/asvs.toml` as data, and the page that is made of it. `python -m tests.attacks.asvs` writes it."""

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SHEET: Final = ROOT / "docs" / "asvs.toml"
PAGE: Final = ROOT / "docs" / "asvs.md"
CHAPTERS: Final = (
    "Encoding and sanitisation", "Validation and business logic", "Web frontend", "API and web services", "Files",
    "Authentication", "Sessions", "Authorisation", "Self-contained tokens", "OAuth and OIDC", "Cryptography",
    "Communication", "Configuration", "Data protection", "Secure coding and architecture", "Logs and errors", "WebRTC",
)  # fmt: skip
STATES: Final = ("met", "not met", "not applicable")


@dataclass(frozen=True)
class Requirement:
    """One requirement: `tests` are node ids, or files where all of a file shows it."""

    id: str
    level: int
    words: str
    state: str
    tests: tuple[str, ...]
    note: str

    @property
    def chapter(self) -> int:
        return int(self.id.split(".")[0])


def sheet() -> list[Requirement]:
    told = tomllib.loads(SHEET.read_text(encoding="utf-8"))
    return [
        Requirement(id_, row["level"], row["words"], row["state"], tuple(row.get("tests", ())), row.get("note", ""))
        for id_, row in told.items()
    ]


def levels() -> dict[str, int]:
    """Every requirement of the standard and its level."""
    text = (Path(__file__).parent / "asvs_levels.txt").read_text()
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {f"{section}.{n}": int(level) for section, each in rows for n, level in enumerate(each, 1)}


def page() -> str:
    """The sheet for people."""
    rows = sheet()
    count = Counter((row.level, row.state) for row in rows)
    out = [
        "# OWASP ASVS 5.0.0, levels 1 and 2", "",
        "Made from `docs/asvs.toml` by `python -m tests.attacks.asvs`; edit that. The words are ours, the numbers the standard's.",
        "*Met* names the tests that would fail if it were not so. *Not met* says why, and nothing is called met by intent.", "",
        "| Level | Met | Not met | Not applicable |", "|---|---|---|---|",
        *(f"| {level} | " + " | ".join(str(count[level, state]) for state in STATES) + " |" for level in (1, 2)), "",
        "## Not met", "", *(f"- **{row.id}** (level {row.level}) {row.words}. {row.note}" for row in rows if row.state == "not met"),
    ]  # fmt: skip
    for number, name in enumerate(CHAPTERS, 1):
        out += ["", f"## V{number} {name}", "", "| | Level | Requirement | State | By |", "|---|---|---|---|---|"]
        out += [_line(row) for row in rows if row.chapter == number]
    return "\n".join(out) + "\n"


def _line(row: Requirement) -> str:
    tests = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in row.tests)
    by = "<br>".join(text for text in (tests, row.note if row.state != "not met" else "above") if text)
    return f"| {row.id} | {row.level} | {row.words} | {row.state} | {by} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
