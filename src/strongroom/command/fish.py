"""Completion for fish, which the library that does bash and zsh does not know: one line a command and an option."""

import argparse
from collections.abc import Iterator

from strongroom.command.examples import commands_of


def script(root: argparse.ArgumentParser) -> str:
    """The script; `complete -c strongroom` lines that fish reads."""
    names = " ".join(commands_of(root))
    lines = ["# Made by `strongroom completion fish`.", "complete -c strongroom -f"]
    lines += _lines(root, f"not __fish_seen_subcommand_from {names}")
    for name, parser in commands_of(root).items():
        below = commands_of(parser)
        verbs = f"; and not __fish_seen_subcommand_from {' '.join(below)}" if below else ""
        lines += _lines(parser, f"__fish_seen_subcommand_from {name}{verbs}")
        for verb, one in below.items():
            lines += _lines(one, f"__fish_seen_subcommand_from {name}; and __fish_seen_subcommand_from {verb}")
    return "\n".join(lines) + "\n"


def _lines(parser: argparse.ArgumentParser, where: str) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to what it knows
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):  # noqa: SLF001
            continue
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
            for name in action.choices:
                yield _line(where, f"-a {name}", helps.get(name, ""))
        elif action.option_strings:
            takes = "" if action.nargs == 0 else " -r"
            files = " -F" if action.type is not None and getattr(action.type, "__name__", "") == "Path" else ""
            yield _line(where, f"-l {action.option_strings[-1].lstrip('-')}{takes}{files}", action.help or "")
        elif action.choices:
            yield _line(where, f"-a {_quoted(' '.join(map(str, action.choices)))}", action.help or "")


def _line(where: str, what: str, words: str) -> str:
    return f"complete -c strongroom -n {_quoted(where)} {what} -d {_quoted(words)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
