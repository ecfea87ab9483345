"""What describes the command line, from the one parser: completion for a shell, the man page, the reference."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import shtab

from strongroom.command import fish, manual, reference
from strongroom.command.installed import tell

SHELLS: Final = ("bash", "zsh", "fish")


def add(commands: Any) -> None:
    completion = commands.add_parser("completion", help="a script that completes commands and options in your shell")
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(run=_completion)
    commands.add_parser("man", help="the manual page, as troff").set_defaults(run=_man)
    written = commands.add_parser("reference", help="write the reference pages, generated from the program")
    written.add_argument("to", type=Path, help="their folder")
    written.set_defaults(run=_reference)


def _completion(options: argparse.Namespace) -> int:
    root: argparse.ArgumentParser = options.root
    script = fish.script(root) if options.shell == "fish" else shtab.complete(root, options.shell)
    sys.stdout.write(script.rstrip("\n") + "\n")
    return 0


def _man(options: argparse.Namespace) -> int:
    sys.stdout.write(manual.page(options.root))
    return 0


def _reference(options: argparse.Namespace) -> int:
    options.to.mkdir(parents=True, exist_ok=True)
    for name, text in reference.pages(options.root).items():
        (options.to / name).write_text(text, encoding="utf-8")
        tell(f"{options.to / name} written.")
    return 0
