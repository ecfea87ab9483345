"""The leak scan's pass over bytes: all needles at once, over plain files and into compressed ones (RR-4, LM-3).

The same engine and the same looking into containers as the scheduled check. Its peer looks for the same needles as
anybody would at first: `bytes.find`, a needle at a time; `grep -F` with all of them where this machine has it.
"""

import gzip
import shutil
import statistics
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from strongroom.formats.secret import Secret
from strongroom.policy.retention_and_recovery.leaks.canaries import canaries_of, customers
from strongroom.policy.retention_and_recovery.leaks.engine import Engine
from strongroom.policy.retention_and_recovery.leaks.forms import Needle, needles
from strongroom.policy.retention_and_recovery.leaks.looking import Scanner
from strongroom.rehearsal.benches.figures import Through, ratio, silently

MEGABYTE: Final = 1_000_000
ROUNDS: Final = 3
FOR_FIND: Final = MEGABYTE // 2
"""A needle at a time is so slow that it gets a piece only; its rate is the same."""
KINDS: Final = {"binary": "rows.bin", "text": "plain.log", "gzip": "packed.gz", "zip": "archive.zip"}
WORDS: Final = ("order", "shipped", "worker", "INFO", "journal", "leaf", "2026-03-01T12:00:00Z", "account", "page")


def run(*, sizes: Sequence[int], rounds: int = ROUNDS, through: Through = silently) -> dict[str, Any]:
    """A row each size, in megabytes of each kind: gigabytes a second, of bytes as they lie and as they unpack."""
    wanted = needles(canaries_of(customers(Secret(b"a bench's own"))))
    engine, grep = Engine(wanted), shutil.which("grep")
    rows = []
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as name:
        for size in sorted(sizes):
            files = _files(Path(name), size * MEGABYTE, wanted[0])
            rows.append(_row(engine, wanted, files, grep, rounds, through))
    last = rows[-1]
    return {
        "needles": len(wanted),
        "rows": rows,
        "ratios": {
            "find": ratio(last["text_gb_per_second"], last["find_gb_per_second"]),
            "grep": ratio(last["text_gb_per_second"], last["grep_gb_per_second"]),
        },
    }


def _row(
    engine: Engine,
    wanted: Sequence[Needle],
    files: dict[str, tuple[Path, int]],
    grep: str | None,
    rounds: int,
    through: Through,
) -> dict[str, Any]:
    """Each kind and each peer in turn; medians of the rounds."""
    plain, size = files["text"]
    piece = plain.read_bytes()[:FOR_FIND]
    works: dict[str, tuple[Callable[[], object], int]] = {
        kind: (partial(_scanned, engine, path), unpacked) for kind, (path, unpacked) in files.items()
    }
    works["find"] = (lambda: [piece.find(needle.data) for needle in wanted], len(piece))
    if grep is not None:
        works["grep"] = (lambda: _grepped(grep, wanted, plain), size)
    rates: dict[str, list[float]] = {name: [] for name in works}
    for _ in through(range(rounds), "rounds of scans"):
        for name, (work, bytes_) in works.items():
            began = time.perf_counter()
            work()
            rates[name].append(bytes_ / 1e9 / (time.perf_counter() - began))
    medians = {f"{name}_gb_per_second": round(statistics.median(found), 4) for name, found in rates.items()}
    return {"megabytes": round(size / MEGABYTE, 1), "grep_gb_per_second": None, **medians}


def _scanned(engine: Engine, path: Path) -> None:
    scanner = Scanner(engine)
    scanner.file(path)
    assert len({hit.canary for hit in scanner.seen.hits}) == 1, scanner.seen  # noqa: S101 - else nothing is measured


def _grepped(grep: str, wanted: Sequence[Needle], path: Path) -> None:
    """All needles without a line break at once, as bytes; they are invented people's, and go over its input."""
    lines = b"\n".join(needle.data for needle in wanted if b"\n" not in needle.data)
    subprocess.run(
        [grep, "-caF", "-f", "-", str(path)], input=lines, capture_output=True, check=False, env={"LC_ALL": "C"}
    )


def _files(folder: Path, size: int, needle: Needle) -> dict[str, tuple[Path, int]]:
    """Files by kind with how much they unpack to: log lines or ciphertext, and one needle near the end."""
    dice = Random(15)  # noqa: S311 - the same bytes each time
    block = b"".join(
        " ".join(dice.choice(WORDS) for _ in range(12)).encode() + b" " + dice.randbytes(60).hex().encode() + b"\n"
        for _ in range(4_000)
    )  # fmt: skip
    data = (block * (size // len(block) + 1))[: size - 100] + needle.data + b"\n" * (100 - len(needle.data))
    binary = dice.randbytes(size - 100) + needle.data + bytes(100 - len(needle.data))
    named = {kind: folder / name for kind, name in KINDS.items()}
    named["text"].write_bytes(data)
    named["binary"].write_bytes(binary)
    named["gzip"].write_bytes(gzip.compress(data, 6))
    with zipfile.ZipFile(named["zip"], "w", zipfile.ZIP_DEFLATED) as into:
        into.writestr("inside.log", data)
    return {kind: (path, size) for kind, path in named.items()}
