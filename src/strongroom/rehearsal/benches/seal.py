"""Sealing a part: fresh key, AES-256-GCM, wrap; on one core, in this process (ES-1, DESIGN 11).

Every library seals the same padded bytes, with a fresh key each, in rounds that take turns; the best round of each
counts, so that a busy moment of the machine hits none alone. The limit is bare AES-256-GCM of the same bytes.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.formats import sealed
from strongroom.formats.parts import Part
from strongroom.formats.sealed import Contents, Day, Place
from strongroom.formats.secret import Secret
from strongroom.rehearsal.benches.figures import Through, ratio, silently
from strongroom.rehearsal.benches.seal_peers import PEERS, Seals

FIELDS: Final = {
    "name": Secret("Orla Pennifold"), "line1": Secret("17 Old Mill Lane"), "line2": Secret("Flat 2A"),
    "city": Secret("Wexcombe"), "postcode": Secret("SN8 1QX"), "phone": Secret("+44 7700 900123"),
    "instruction": Secret("Leave it with the neighbour at number 19 if nobody answers the door, and ring twice. " * 2),
}  # fmt: skip
ROUNDS: Final = 5
FOR_SLOW: Final = 500
"""A peer seals so many a round at most; its rate is the same."""


def run(*, sizes: Sequence[int], rounds: int = ROUNDS, through: Through = silently) -> dict[str, Any]:
    """A row each number of parts: how many a second, ours, each peer's, and the limit's."""
    peers = {name: made() for name, made in PEERS.items()}
    rows = [_row(size, rounds, peers, through) for size in sorted(sizes)]
    last = rows[-1]
    against = {"limit": "limit", **{name: name for name in PEERS}}
    return {
        "rows": rows,
        "ratios": {name: ratio(last["parts_per_second"], last[f"{peer}_per_second"]) for name, peer in against.items()},
    }


def _row(count: int, rounds: int, peers: dict[str, Seals | None], through: Through) -> dict[str, Any]:
    padded = sealed.encode_fields(Part.RECIPIENT, FIELDS)
    wrap, fixed, nonce = os.urandom(32), AESGCM(os.urandom(32)), bytes(12)
    works: dict[str, tuple[int, Callable[[int], object]]] = {
        "parts": (count, lambda write: _one(wrap, write, padded)),
        "with_encoding": (count, lambda write: _one(wrap, write, sealed.encode_fields(Part.RECIPIENT, FIELDS))),
        "limit": (count, lambda _: fixed.encrypt(nonce, padded, b"")),
    }
    for name, seals in peers.items():
        if seals is not None:
            works[name] = (min(count, FOR_SLOW), lambda _, seals=seals: seals(padded))  # type: ignore[misc]
    best = dict.fromkeys(works, 0.0)
    for _ in through(range(rounds), "rounds of sealing"):
        for name, (times, work) in works.items():
            best[name] = max(best[name], times / _seconds(work, times))
    return {
        "parts": count, "bytes": len(padded), **{f"{name}_per_second": None for name in peers},
        **{f"{name}_per_second": round(rate) for name, rate in best.items()},
    }  # fmt: skip


def _one(wrap: bytes, write: int, padded: bytes) -> None:
    place, day, dek = Place(1, bytes(16), Part.RECIPIENT, write), Day(1, 1, 0), os.urandom(32)
    sealed.seal(dek, place, padded)
    sealed.bundle(wrap, place, day, Contents(Secret(dek), 1, {}), nonce=os.urandom(12))


def _seconds(work: Callable[[int], object], times: int) -> float:
    """The processor's seconds, all threads of this process together."""
    began = time.process_time()
    for n in range(times):
        work(n)
    return time.process_time() - began
