"""The shapes of lines that our programs write into their logs; a line of another shape may hold anything (LM-3, RR-4).

Shapes say nothing of words: what a line of a known shape says is looked through for canaries by the scan.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MOST: Final = 64 << 20
"""Bytes of a log; it is begun anew long before."""

LONGEST: Final = 2000
"""More bytes than any line of ours has."""
_OURS: Final = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+: .*"
_PLACES: Final = rb"  [\w.]+|    \S+\.py:\d+ \S+|    <[\w ]+>:\d+ \S+"
_SENTENCE: Final = rb"[A-Z][^@]*\."
"""What is said of a start that failed: whole sentences, which the supervisor shows."""
_SERVER: Final = rb"\[(?:INFO|WARNING|ERROR)\] .*"
_DATABASE: Final = rb"[\d-]{10} [\d:.]{12} \w{1,6} \[\d+\] (?:LOG|FATAL|ERROR|WARNING|PANIC|HINT):  .*"
_PROGRAM: Final = rb"[a-z]+: .*"
_TRACE: Final = rb"Traceback \(most recent call last\):|  File \".*\", line \d+, in \S+|    .*|[\w.]+(?:: .*)?"
SHAPES: Final = {
    "website": (_OURS, _PLACES, _SERVER, _SENTENCE),
    "worker": (_OURS, _PLACES, _SENTENCE),
    "postgres": (_DATABASE,),
    "keybroker": (_PROGRAM, _OURS, _PLACES, _SENTENCE),
    "inspector": (_PROGRAM, _OURS, _PLACES, _SENTENCE, _TRACE),  # it holds no customer, no key and no database
}
"""By the program whose log it is, which is the file's name up to its first dot."""
PERSONAL: Final = re.compile(rb"[^\s@]@[^\s@]|\+\d[\d ()-]{8,}\d|\b\d{3}-\d{7}-\d{7}\b|[\x80-\xff]")
"""What stands in no line of any program: an address of mail, a telephone number, Amazon's number, other scripts."""
_COMPILED: Final = {name: re.compile(b"|".join(b"(?:%s)" % one for one in of)) for name, of in SHAPES.items()}


def strange(program: str, data: bytes) -> Iterator[int]:
    """Numbers of the lines, from 1, that have no shape of this program's. Another program's lines have any shape."""
    shape = _COMPILED.get(program)
    for number, line in enumerate(data.split(b"\n"), 1):
        known = not line or shape is None or (len(line) <= LONGEST and shape.fullmatch(line) is not None)
        if not known or PERSONAL.search(line):
            yield number


@dataclass
class Lines:
    """What a folder of logs holds: files, lines, numbers of strange lines by file, and why a file was not read."""

    files: int = 0
    lines: int = 0
    strange: dict[Path, list[int]] = field(default_factory=dict)
    unread: dict[Path, str] = field(default_factory=dict)

    def problem(self) -> str:
        """The first strange line, in words; empty where there is none."""
        for path, numbers in self.strange.items():
            return f"{path.name} has lines that no program of ours writes: {len(numbers)}, the first is {numbers[0]}."
        return ""


def in_folder(logs: Path) -> Lines:
    """Every line of every log in a folder."""
    found = Lines()
    try:
        paths = sorted(logs.iterdir())
    except OSError as why:
        found.unread[logs] = str(why.strerror)
        return found
    for path in paths:
        try:
            data = _read(path)
        except FileNotFoundError:
            continue
        except OSError as why:
            found.unread[path] = str(why.strerror)
            continue
        found.files, found.lines = found.files + 1, found.lines + data.count(b"\n")
        if numbers := list(strange(path.name.partition(".")[0], data)):
            found.strange[path] = numbers
    return found


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MOST)
