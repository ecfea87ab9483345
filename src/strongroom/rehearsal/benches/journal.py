"""The journal: leaves appended durably in batches at the real broker, and verified as any stranger may (LM-2).

Appending is timed at the worker's end of the socket, entries made before. Its limit is the bare file system: a write
and a flush of as many bytes in as many batches, in the journal's own folder, in turn. Verifying is timed on one core.
"""

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from strongroom.rehearsal.benches.figures import Through, ratio, silently
from strongroom.rehearsal.benches.house import Side
from strongroom.rehearsal.installation import Rehearsal

BATCH: Final = 2_000
"""As many as the worker's sequencer hands over at once."""
A_LEAF: Final = 116
"""Bytes of a leaf in the tail, with its place, length and check."""
SIGNED_WITHIN: Final = 10.0


def run(rehearsal: Rehearsal, *, sizes: Sequence[int], through: Through = silently) -> dict[str, Any]:
    """A row each number of leaves: appended and verified a second, beside bare writes and flushes."""
    with Side.of(rehearsal, "worker") as worker:
        worker.ask("append", batch=1, batches=1)
        rows = [_row(rehearsal, worker, size, through) for size in sorted(sizes)]
    last = rows[-1]
    return {
        "rows": rows,
        "ratios": {
            "limit": ratio(last["appended_per_second"], last["flushed_per_second"]),
        },
    }


def _row(rehearsal: Rehearsal, worker: Side, size: int, through: Through) -> dict[str, Any]:
    batches = [min(BATCH, size - at) for at in range(0, size, BATCH)]
    ours, bare = [], []
    for batch in through(batches, "batches"):
        ours.append(worker.ask("append", batch=batch, batches=1)["seconds"] / batch)
        bare.append(_flushed(rehearsal.folders.journal, batch) / batch)
    leaves, taken = _verified(rehearsal.folders.journal, size)
    return {
        "leaves": size, "batch": min(BATCH, size), "appended_per_second": round(1 / statistics.median(ours)),
        "flushed_per_second": round(1 / statistics.median(bare)), "verified": leaves,
        "verified_per_second": round(leaves / taken),
    }  # fmt: skip


def _flushed(folder: Path, leaves: int) -> float:
    """One write of as many bytes, and one flush."""
    path, data = folder / "bench.new", os.urandom(A_LEAF * leaves)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        began = time.perf_counter()
        os.write(descriptor, data)
        os.fsync(descriptor)
        return time.perf_counter() - began
    finally:
        os.close(descriptor)
        path.unlink()


def _verified(folder: Path, least: int) -> tuple[int, float]:
    """Every leaf under the newest signed head, and the processor's seconds of it. The head is signed each second."""
    deadline = time.monotonic() + SIGNED_WITHIN
    while (tree := PublishedTree(folder)).size < least and time.monotonic() < deadline:
        time.sleep(0.1)
    began = time.process_time()
    verified = tree.verify()
    return verified.leaves, time.process_time() - began
