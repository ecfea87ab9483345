"""`strongroom bench`: what we claim of speed, as ratios measured in one run on this machine."""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from strongroom.command import bench_words, progress
from strongroom.command.drill import a_rehearsal
from strongroom.command.installed import show, tell
from strongroom.installation.problems import CannotStart
from strongroom.rehearsal.benches import (
    figures,
    forget,
    journal,
    pages,
    receipt,
    reveal,
    scan,
    seal,
    search,
    wall,
)  # fmt: skip
from strongroom.rehearsal.benches.house import a_house
from strongroom.rehearsal.installation import Rehearsal


@dataclass(frozen=True)
class _Bench:
    """One bench: what it is, the sizes that it takes unless told others, and what they count.

    `in_a_house`: it makes database and broker of its own, of any PostgreSQL.
    """

    help: str
    sizes: str
    unit: str
    run: Callable[[argparse.Namespace, list[int]], dict[str, Any]]
    in_a_house: bool = True


def add(commands: Any) -> None:
    parser = commands.add_parser("bench", help="seal, receipt, reveal, forget, search, journal, scan, pages, wall")
    names = parser.add_subparsers(dest="name", required=True)
    for name in (*BENCHES, *ALSO):
        bench = BENCHES[ALSO.get(name, name)]
        one = names.add_parser(name, help=bench.help)
        one.add_argument("--sizes", default=bench.sizes, help=f"how many {bench.unit}, several by commas")
        if bench.in_a_house:
            one.add_argument("--pg-bindir", type=Path, help="bin folder of another PostgreSQL, 15 to 18")
        one.add_argument("--json", action="store_true")
        one.set_defaults(run=_run, bench=ALSO.get(name, name))
    one = names.add_parser("wall", help="the wall and the sweeper over many rows, in a rehearsal of its own")
    one.add_argument("--orders", type=int, default=1_000_000)
    one.add_argument("--obligations", type=int, default=50_000, help="open deadlines")
    one.add_argument("--runs", type=int, default=1_000_000, help="runs of checks")
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=_wall)


def _run(options: argparse.Namespace) -> int:
    try:
        sizes = figures.sizes_of(options.sizes)
    except ValueError as why:
        raise CannotStart(f"--sizes {options.sizes} was not understood: {why}.", "Say it as 1000,100000.") from None
    data = BENCHES[options.bench].run(options, sizes) | figures.machine()
    show(data, bench_words.words(options.bench, data), as_json=options.json)
    return 0


def _in_a_house(bench: Callable[..., dict[str, Any]]) -> Callable[[argparse.Namespace, list[int]], dict[str, Any]]:
    """A bench that needs database and broker alone."""

    def run(options: argparse.Namespace, sizes: list[int]) -> dict[str, Any]:
        with _a_house(options) as house:
            return bench(house, sizes=sizes, through=progress.through)

    return run


def _pages(options: argparse.Namespace, sizes: list[int]) -> dict[str, Any]:
    with a_rehearsal(options) as rehearsal:
        return pages.run(rehearsal, sizes=sizes, say=progress.tell, through=progress.through)


BENCHES: Final[Mapping[str, _Bench]] = {
    "seal": _Bench(
        "fresh key, AES-256-GCM, wrap; one core, beside Tink, aws-encryption-sdk and Fernet", "20000", "parts",
        lambda _, sizes: seal.run(sizes=sizes, through=progress.through), in_a_house=False,
    ),
    "receipt": _Bench(
        "from typed records to durable sealed orders, beside COPY, encrypted fields and pgcrypto", "1000,10000",
        "orders", _in_a_house(receipt.run),
    ),
    "reveal": _Bench(
        "eight clients that open, beside as many bare durable commits", "2000", "reveals",
        _in_a_house(reveal.run),
    ),
    "forget": _Bench(
        "a day's key destroyed, beside DELETE and VACUUM of its rows", "1000,10000", "orders of a day",
        _in_a_house(forget.run),
    ),
    "search": _Bench(
        "a customer by e-mail, in the database and end to end", "20000", "orders", _in_a_house(search.run)
    ),
    "journal": _Bench(
        "leaves appended durably in batches, and verified", "100000", "leaves", _in_a_house(journal.run)
    ),
    "scan": _Bench(
        "all needles at once over plain and compressed bytes, beside bytes.find and grep -F", "50",
        "megabytes of each kind", lambda _, sizes: scan.run(sizes=sizes, through=progress.through), in_a_house=False,
    ),
    "pages": _Bench("the main pages over many orders", "100000", "orders", _pages, in_a_house=False),
}  # fmt: skip


ALSO: Final = {"erase": "forget"}
"""Another name of a bench."""


@contextmanager
def _a_house(options: argparse.Namespace) -> Iterator[Rehearsal]:
    """In the named folder, which is kept, or in one of its own, which goes."""
    folder = options.data or Path(tempfile.mkdtemp(prefix="strongroom-bench-"))
    if (folder / "keys").exists():
        raise CannotStart(f"{folder} is not empty.", "A bench starts from an empty folder; name another with --data.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with a_house(folder, pg_bindir=options.pg_bindir) as house:
            yield house
    finally:
        if options.data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _wall(options: argparse.Namespace) -> int:
    with a_rehearsal(options) as rehearsal:
        data = wall.run(rehearsal, orders=options.orders, obligations=options.obligations, runs=options.runs, say=tell)
    data |= figures.machine()
    show(data, bench_words.wall(data), as_json=options.json)
    return 0
