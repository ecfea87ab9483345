"""What all benches say alike: times in order, rates, shares, and on what machine and commit they were taken."""

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

Item = TypeVar("Item")
NOT_INSTALLED: Final = "not installed: pip install -r requirements-bench.lock"


class Through(Protocol):
    """Goes through items in their order; whoever waits may show how far it is."""

    def __call__(self, items: Iterable[Item], what: str, /) -> Iterable[Item]: ...


def silently(items: Iterable[Item], _: str, /) -> Iterable[Item]:
    """Through the items, with nobody told."""
    return items


def spread(taken: Sequence[float]) -> dict[str, float]:
    """p50 and p95 in milliseconds, of seconds."""
    ordered = sorted(taken)
    at = min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))
    return {"p50_ms": round(statistics.median(ordered) * 1000, 3), "p95_ms": round(ordered[at] * 1000, 3)}


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Ours by theirs, with three figures that count; `None` where one of them was not measured."""
    return float(f"{ours / theirs:.3g}") if ours is not None and theirs else None


def growth(costs: Sequence[float]) -> dict[str, float | None]:
    """The cost at the largest size by that at the smallest; nothing where there is only one."""
    return {"growth": ratio(costs[-1], costs[0])} if len(costs) > 1 else {}


def sizes_of(text: str) -> list[int]:
    """`1000,100000` as numbers, smallest first. Raises `ValueError`."""
    found = sorted({int(part) for part in text.split(",")})
    if not found or found[0] < 1:
        raise ValueError("sizes are whole numbers above 0, with commas between")
    return found


def machine() -> dict[str, Any]:
    """On what it was measured."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}",
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _commit() -> str | None:
    here = Path(__file__).parent
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
