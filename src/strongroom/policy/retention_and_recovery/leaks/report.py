"""What a scan says. A plant that was not found makes it invalid; something that was not read makes it unknown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from strongroom.policy.retention_and_recovery.leaks.looking import Hit, Seen
from strongroom.policy.retention_and_recovery.leaks.places import LeftOut


class State(StrEnum):
    """The one word."""

    CLEAN = "clean"
    LEAK = "leak"
    UNKNOWN = "unknown"
    INVALID = "invalid"


@dataclass(frozen=True)
class Planted:
    """A leak of our own making that a scan must find: its canary, the form it was written in, and where (a path)."""

    canary: str
    form: str
    where: str


@dataclass(frozen=True)
class LeakReport:
    """Paths, names of canaries and of forms; never a text."""

    files_scanned: int
    bytes_scanned: int
    bytes_unpacked: int
    needles: int
    seconds: float
    found: tuple[Hit, ...]
    planted: int
    missed: tuple[Planted, ...]
    unknown: dict[str, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    vanished: int = 0

    @property
    def state(self) -> State:
        """The worst first: a scan that misses its own plants says nothing, not even that something leaks."""
        if self.missed or not self.planted:
            return State.INVALID
        if self.found:
            return State.LEAK
        return State.UNKNOWN if self.unknown else State.CLEAN

    @property
    def gigabytes_per_second(self) -> float:
        return round(self.bytes_scanned / 1e9 / self.seconds, 3) if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """DESIGN 9's contract: `leaks` and `sinks`, and what explains them."""
        return {
            "state": self.state.value,
            "leaks": {
                "files_scanned": self.files_scanned, "bytes_scanned": self.bytes_scanned, "needles": self.needles,
                "found": len(self.found), "positive_control_found": self.planted - len(self.missed),
                "positive_control_planted": self.planted, "bytes_unpacked": self.bytes_unpacked,
                "seconds": round(self.seconds, 2), "gigabytes_per_second": self.gigabytes_per_second,
                "vanished": self.vanished,
            },
            "sinks": [{"path": hit.path, "canary": hit.canary, "form": hit.form} for hit in self.found],
            "missed": [{"canary": p.canary, "form": p.form, "where": p.where} for p in self.missed],
            "unknown": [{"path": path, "reason": reason} for path, reason in sorted(self.unknown.items())],
            "left_out": [{"path": str(each.path), "reason": each.reason} for each in self.left_out],
        }  # fmt: skip


def judge(
    seen: Seen, *, needles: int, seconds: float, planted: Sequence[Planted] = (), left_out: Sequence[LeftOut] = ()
) -> LeakReport:
    """The report of what was seen. Canaries of plants are no leaks, wherever else they were seen too."""
    own = {plant.canary for plant in planted}
    missed = [plant for plant in planted if not any(_is(hit, plant) for hit in seen.hits)]
    return LeakReport(
        files_scanned=seen.files, bytes_scanned=seen.bytes, bytes_unpacked=seen.unpacked, needles=needles,
        seconds=seconds, found=tuple(sorted(hit for hit in seen.hits if hit.canary not in own)),
        planted=len(planted), missed=tuple(missed), unknown=dict(seen.unknown), left_out=tuple(left_out),
        vanished=seen.vanished,
    )  # fmt: skip


def _is(hit: Hit, plant: Planted) -> bool:
    return hit.canary == plant.canary and hit.form == plant.form and hit.path.startswith(plant.where)
