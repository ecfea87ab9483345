"""The manual page in troff's man macros, made from the parser (man-pages(7))."""

import argparse
from collections.abc import Iterator
from typing import Final

from strongroom.command.examples import EXAMPLES, leaves

HEAD: Final = """.\\" Made by `strongroom man`.
.TH STRONGROOM 1 "" "Strongroom" "Strongroom"
.SH NAME
strongroom \\- sealed Amazon orders, timely forgetting, offline proof
.SH SYNOPSIS
.B strongroom
[\\-\\-data DIR] COMMAND ..."""
EXIT_CODES: Final = (
    (0, "all is well"), (1, "it failed; the last line says why and what to do"), (2, "the words were not understood"),
    (3, "something is wrong: a promise is false, a deadline passed, an examination found a problem"),
    (4, "something is unknown, and nothing is wrong"), (5, "the key broker is locked"), (7, "it was refused"),
)  # fmt: skip
FILES: Final = (
    ("~/.local/share/strongroom", "an ordinary user's installation"),
    ("/var/lib/strongroom", "root's, and the service's"),
    ("strongroom.toml", "settings, in the installation's folder"),
    ("credentials/", "secrets, mode 0600, in the installation's folder"),
)


def page(root: argparse.ArgumentParser) -> str:
    """The whole page."""
    lines = [HEAD, ".SH DESCRIPTION", _text(root.description or ""), ".SH COMMANDS"]
    for name, parser in leaves(root):
        lines += _command(name, parser)
    lines += [".SH EXIT STATUS"]
    for code, words in EXIT_CODES:
        lines += [".TP", f".B {code}", _text(words)]
    lines += [".SH FILES"]
    for path, words in FILES:
        lines += [".TP", f".I {_text(path)}", _text(words)]
    return "\n".join(lines) + "\n"


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (f".SS {_text(name)}", _text(" ".join(usage(parser).split())))
    for shown, words in options(parser):
        yield from (".TP", f".B {_text(shown)}", _text(words))
    for line, words in EXAMPLES[name]:
        yield from (".PP", _text(f"{words}:"), ".RS", ".nf", _text(line), ".fi", ".RE")


def usage(parser: argparse.ArgumentParser) -> str:
    """The usage without its first word, on one line."""
    return " ".join(parser.format_usage().removeprefix("usage: ").split())


def options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """What a command takes, as its help shows it, with the words beside it; not what every command takes."""
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to what it knows
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction) or action.dest == "data":  # noqa: SLF001
            continue
        value = action.metavar or action.dest.upper() if action.nargs != 0 else ""
        if action.choices is not None:
            value = "{" + ",".join(map(str, action.choices)) + "}"
        names = ", ".join(action.option_strings)
        yield f"{names} {value}".strip(), action.help or ""


def _text(words: str) -> str:
    """Fit for troff: backslashes, hyphens, and a line that would begin a macro."""
    kept = words.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{kept}" if kept.startswith((".", "'")) else kept
