"""`strongroom bench`: what we claim of speed, as ratios measured in one run on this machine."""

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.command.drill import a_rehearsal
from strongroom.command.installed import show, tell
from strongroom.formats import sealed
from strongroom.formats.parts import Part
from strongroom.formats.sealed import Contents, Day, Place
from strongroom.formats.secret import Secret
from strongroom.rehearsal import benches

FIELDS: Final = {
    "name": Secret("Orla Pennifold"), "line1": Secret("17 Old Mill Lane"), "line2": Secret("Flat 2A"),
    "city": Secret("Wexcombe"), "postcode": Secret("SN8 1QX"), "phone": Secret("+44 7700 900123"),
    "instruction": Secret("Leave it with the neighbour at number 19 if nobody answers the door, and ring twice. " * 2),
}  # fmt: skip
ROUNDS: Final = 5


def add(commands: Any) -> None:
    parser = commands.add_parser("bench", help="seal, wall")
    names = parser.add_subparsers(dest="name", required=True)
    seal = names.add_parser("seal", help="fresh key, AES-256-GCM, wrap; one core")
    seal.add_argument("--sizes", default="20000", help="how many parts, several by commas")
    seal.add_argument("--json", action="store_true")
    seal.set_defaults(run=_sealing)
    wall = names.add_parser("wall", help="the wall and the sweeper over many rows, in a rehearsal of its own")
    wall.add_argument("--orders", type=int, default=1_000_000)
    wall.add_argument("--obligations", type=int, default=50_000, help="open deadlines")
    wall.add_argument("--runs", type=int, default=1_000_000, help="runs of checks")
    wall.add_argument("--json", action="store_true")
    wall.set_defaults(run=_wall)


def _wall(options: argparse.Namespace) -> int:
    with a_rehearsal(options) as rehearsal:
        data = benches.wall.run(
            rehearsal, orders=options.orders, obligations=options.obligations, runs=options.runs, say=tell
        )
    lines = [
        f"{name:8} p50 {times['p50_ms']:>7} ms, p95 {times['p95_ms']:>7} ms" for name, times in data["pages"].items()
    ]
    sweep = data["sweep"]
    lines += [
        f"sweep    {sweep['quiet_ms']} ms with nothing due; {sweep['all_passed_ms']} ms for {sweep['passed']:,}",
        f"limit    {sweep['limit_ms']} ms to read all deadlines in the database",
        f"limit    {data['limit_ms']} ms for the wall's rows alone; wall / limit: {data['ratios']['wall / limit']}",
    ]
    show(data | _machine(), "\n".join(lines), as_json=options.json)
    return 0


def _sealing(options: argparse.Namespace) -> int:
    rows = [_seal(int(size)) for size in options.sizes.split(",")]
    last = rows[-1]
    ratio = round(last["parts_per_second"] / last["limit_per_second"], 3)
    data = {
        "rows": rows,
        "ratios": {
            "limit": ratio,
            "tink_envelope": None, "aws_encryption_sdk": None, "django_fernet": None,
        },
    } | _machine()  # fmt: skip
    lines = [
        f"{row['parts']:>9,} parts of {row['bytes']} bytes: {row['parts_per_second']:>9,} sealed a second, "
        f"{row['with_encoding_per_second']:>9,} with JSON and padding; bare AES-256-GCM of the same bytes "
        f"{row['limit_per_second']:>9,}"
        for row in rows
    ]
    show(data, "\n".join([*lines, f"ours / limit: {ratio}"]), as_json=options.json)
    return 0


def _seal(count: int) -> dict[str, Any]:
    """Best of five rounds each, taken in turn, so that a busy moment of the machine hits both alike."""
    padded = sealed.encode_fields(Part.RECIPIENT, FIELDS)
    wrap, fixed, nonce = os.urandom(32), AESGCM(os.urandom(32)), bytes(12)

    def ours() -> None:
        for write in range(count):
            _one(wrap, write, padded)

    def encoded() -> None:
        for write in range(count):
            _one(wrap, write, sealed.encode_fields(Part.RECIPIENT, FIELDS))

    def limit() -> None:
        for _ in range(count):
            fixed.encrypt(nonce, padded, b"")

    best = {ours: 0.0, encoded: 0.0, limit: 0.0}
    for _ in range(ROUNDS):
        for work, fastest in list(best.items()):
            best[work] = max(fastest, count / _seconds(work))
    return {
        "parts": count, "bytes": len(padded), "parts_per_second": round(best[ours]),
        "with_encoding_per_second": round(best[encoded]), "limit_per_second": round(best[limit]),
    }  # fmt: skip


def _one(wrap: bytes, write: int, padded: bytes) -> None:
    place, day, dek = Place(1, bytes(16), Part.RECIPIENT, write), Day(1, 1, 0), os.urandom(32)
    sealed.seal(dek, place, padded)
    sealed.bundle(wrap, place, day, Contents(Secret(dek), 1, {}), nonce=os.urandom(12))


def _seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _machine() -> dict[str, Any]:
    """On what it was measured."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "commit": _commit(),
    }


def _commit() -> str | None:
    here = Path(__file__).parent
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
