"""The reference pages, made from the program: command line, configuration, events, clauses, examinations."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Final

from strongroom.command.doctor import EXAMINATIONS
from strongroom.command.examples import EXAMPLES, leaves
from strongroom.command.manual import EXIT_CODES, options, usage
from strongroom.formats.leaf import SAID_BY_BROKER, Kind
from strongroom.installation.configuration import SECTIONS
from strongroom.policy.clauses import values
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.terms import built_in
from strongroom.policy.obligations.channels.events import WORDS

ALL_TAKE: Final = "Every command takes `--help`, and `--data DIR` for the installation's folder.\n"
SETTINGS: Final = """\
`strongroom.toml` in the installation's folder. A setting may also come from the environment variable beside it, which
wins; lists are written with commas there. Secrets never stand in either: they are files of mode 0600 in `credentials/`.
Nothing here turns a promise off.
"""
LEAVES: Final = """\
Each is one leaf of the public tree ([format](../formats/leaf.md)), without anybody in it. The numbers never change.
"""
MESSAGES: Final = "What leaves by mail and webhook ([channels](../channels.md)); in the webhook `event`.\n"
MADE: Final = "Made from the program by `make reference`; a test compares it.\n"


def pages(root: argparse.ArgumentParser) -> dict[str, str]:
    """Every page by its file's name."""
    return {
        "command-line.md": _command_line(root), "configuration.md": _configuration(), "events.md": _events(),
        "clauses.md": _clauses(), "doctor.md": _doctor(),
    }  # fmt: skip


def _command_line(root: argparse.ArgumentParser) -> str:
    lines = [
        f"# Command line\n\n{MADE}",
        "Every command takes `--help`, and `--data DIR` for the installation's folder.\n",
    ]
    lines += ["## Exit codes\n", *_table(("code", "means"), EXIT_CODES)]
    for name, parser in leaves(root):
        lines += [f"\n## strongroom {name}\n"]
        if parser.description:
            lines += [f"{parser.description}\n"]
        lines += ["```text", usage(parser), "```\n"]
        lines += [f"- `{shown}`: {words}" if words else f"- `{shown}`" for shown, words in options(parser)]
        lines += ["", "Examples:\n", *(f"- `{line}`: {words}" for line, words in EXAMPLES[name])]
    return _joined(lines)


def _configuration() -> str:
    lines = [
        f"# Configuration\n\n{MADE}",
        SETTINGS,
    ]
    for name, kind in SECTIONS.items():
        lines += [f"\n## [{name}]\n", f"{' '.join((kind.__doc__ or '').split())}\n"]
        rows = [
            (f"`{field.name.removesuffix('_')}`", f"`{_default(field.default)}`",
             f"`STRONGROOM_{name}_{field.name.removesuffix('_')}`".upper())
            for field in fields(kind)
        ]  # fmt: skip
        lines += _table(("setting", "default", "variable"), rows)
    return _joined(lines)


def _default(value: Any) -> str:
    """As TOML has it."""
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _events() -> str:
    lines = [
        f"# Events\n\n{MADE}",
        "## Leaves of the journal\n",
        LEAVES,
    ]
    rows = [(str(int(kind)), kind.name.lower().replace("_", " "), "key broker" if kind in SAID_BY_BROKER else "")
            for kind in Kind]  # fmt: skip
    lines += _table(("number", "what happened", "said only by the"), rows)
    lines += [
        "\n## Messages\n",
        "What leaves by mail and webhook ([channels](../channels.md)); in the webhook `event`.\n",
    ]
    lines += _table(("event", "when"), ((f"`{event}`", words) for event, words in WORDS.items()))
    return _joined(lines)


def _clauses() -> str:
    terms = built_in()
    lines = [f"# Clauses\n\n{MADE}", "What holds each stands in [controls](../controls.md).\n"]
    section = ""
    for clause in all_clauses().values():
        if clause.section != section:
            section = clause.section
            lines.append(f"\n## {section}\n")
        lines += [f"### {clause.id}: {clause.short}\n", f"{clause.promise}.\n"]
        lines.append(f"- Grade: {clause.grade}. Evidence at most: {clause.fresh}.")
        for term in terms.of(clause.id):
            scope = f" ({term.scope_words})" if term.scope else ""
            lines.append(f"- Term `{term.name}`{scope}: {values.words(term.value)}, from the profile {term.source}.")
        lines.append("")
    return _joined(lines)


def _doctor() -> str:
    lines = [f"# What the doctor looks at\n\n{MADE}", f"`strongroom doctor` makes {len(EXAMINATIONS)} examinations.\n"]
    rows = [(f"`{each.id}`", each.looks_at, each.clause, "yes" if each.mend else "") for each in EXAMINATIONS]
    lines += _table(("examination", "looks at", "clause", "`--fix`"), rows)
    return _joined(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows)]


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"
