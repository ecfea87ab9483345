"""What is made from the program: the reference pages are up to date, and help, man page and completion know all of it."""

import os
import pty
import shlex
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from strongroom.command import main, reference
from strongroom.command.examples import EXAMPLES, leaves
from strongroom.formats.clock import SystemClock
from strongroom.formats.ring import Mode, Unlocks
from strongroom.keybroker.create import create
from tests.docs.pages import DOCS

ROOT = main.parser()
COMMANDS = dict(leaves(ROOT))


def strongroom(*words: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "strongroom.command.main", *words], capture_output=True, text=True, check=True
    )
    return ran.stdout


def test_the_reference_is_what_the_program_says() -> None:
    for name, text in reference.pages(ROOT).items():
        assert (DOCS / "reference" / name).read_text(encoding="utf-8") == text, "run: make reference"


def test_every_page_of_the_reference_is_made() -> None:
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(reference.pages(ROOT))


def test_every_command_has_examples_and_no_example_is_of_another() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert all(EXAMPLES.values())


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_every_example_is_understood_as_that_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for line, _ in EXAMPLES[name]:
        words = shlex.split(line.partition(" > ")[0])
        assert words[0] == "strongroom"
        assert ROOT.parse_args(words[1:]).run == COMMANDS[name].get_default("run")
    with pytest.raises(SystemExit) as ended:
        ROOT.parse_args([*name.split(), "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(line in shown for line, _ in EXAMPLES[name])


def test_the_man_page_has_every_command_and_is_sound(folder: Path) -> None:
    page = strongroom("man")
    for name in COMMANDS:
        assert f".SS {name}\n" in page
    if shutil.which("groff") is None:
        pytest.skip("needs the package groff")
    ran = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True, check=False)
    assert [line for line in ran.stderr.splitlines() if "cannot adjust line" not in line] == []
    assert "strongroom keys unlock" in ran.stdout.replace("‐", "-")


def test_bash_completes_commands_options_and_choices() -> None:
    script = strongroom("completion", "bash")
    for words, wanted in (
        ("jour", "journal"),
        ("keys unl", "unlock"),
        ("doctor --f", "--fix"),
        ("completion z", "zsh"),
    ):
        code = (
            f"COMP_WORDS=(strongroom {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
            "$(complete -p strongroom | sed 's/.*-F \\([^ ]*\\) .*/\\1/') strongroom\necho ${COMPREPLY[@]}"
        )
        ran = subprocess.run(["bash", "-c", f"{script}\n{code}"], capture_output=True, text=True, check=False)
        assert wanted in ran.stdout.split(), (words, ran.stdout, ran.stderr)


def test_zsh_reads_its_script() -> None:
    if shutil.which("zsh") is None:
        pytest.skip("needs the package zsh")
    subprocess.run(["zsh", "-n"], input=strongroom("completion", "zsh"), text=True, check=True)


def test_fish_is_told_every_command_option_and_word() -> None:
    script = strongroom("completion", "fish")
    for name in COMMANDS:
        assert f"-a {name.split()[-1]} -d" in script
    assert "-l fix -d" in script
    if shutil.which("fish") is None:
        pytest.skip("needs the package fish")
    asked = f"{script}\ncomplete -C 'strongroom keys unl'"
    assert "unlock" in subprocess.run(["fish", "-c", asked], capture_output=True, text=True, check=True).stdout


def test_progress_is_shown_on_a_terminal_and_nowhere_else(folder: Path) -> None:
    create(keys=folder / "keys", journal=folder / "journal", mode=Mode.LIVE, clock=SystemClock(), unlocks=Unlocks.FILE,
           secret=b"u" * 32, origin="progress.invalid/x")  # fmt: skip
    words = [sys.executable, "-m", "strongroom.command.main", "journal", "verify", "--folder", str(folder / "journal")]
    silent = subprocess.run(words, capture_output=True, text=True, check=True)
    assert silent.stderr == ""
    outside, inside = pty.openpty()
    termios.tcsetwinsize(inside, (24, 80))
    with subprocess.Popen(words, stderr=inside, stdout=subprocess.PIPE, text=True):
        os.close(inside)
        said = b""
        try:
            while piece := os.read(outside, 4096):
                said += piece
        except OSError:  # the terminal's end
            pass
    os.close(outside)
    assert b"bundles" in said
    assert b"1/1" in said or b"0/1" in said
