"""The sabotage drill: break, look, mend, look again; a clause whose tile does not turn fails the build (CLAUSES)."""

import importlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from strongroom.installation import firewall
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from strongroom.rehearsal.watchman import Watchman

SECTIONS: Final = (
    "data", "forgetting", "sealing", "access", "doors", "logs", "links", "machine", "office", "publishing", "leaking",
)  # fmt: skip
"""The files of this folder, each with its tuple SABOTAGE."""
HOLDS: Final = ("true", "attested")


@dataclass(frozen=True)
class Result:
    """What one sabotage did. turned: the tile was true before, and was not while it was broken; mended: true again."""

    clause: str
    breaks: str
    seconds: float
    before: str
    tile: str
    after: str
    reason: str
    skipped: str = ""

    @property
    def turned(self) -> bool:
        return self.before in HOLDS and self.tile not in HOLDS

    @property
    def mended(self) -> bool:
        return self.after in HOLDS

    def row(self) -> dict[str, Any]:
        """As `drill sabotage --json` shows it (DESIGN 9)."""
        return {
            "clause": self.clause, "break": self.breaks, "seconds": self.seconds, "turned": self.turned,
            "tile": self.tile, "before": self.before, "after": self.after, "reason": self.reason,
            "skipped": self.skipped or None,
        }  # fmt: skip


def all_sabotage() -> tuple[Sabotage, ...]:
    """Every sabotage there is, by section."""
    modules = [importlib.import_module(f"{__package__}.{name}") for name in SECTIONS]
    return tuple(sabotage for module in modules for sabotage in module.SABOTAGE)


def run(
    rehearsal: Rehearsal, watchman: Watchman, chosen: Iterable[Sabotage], say: Callable[[str], None]
) -> list[Result]:
    """Each in turn. The wall is looked at with all checks first, so that what is not true already is known."""
    watchman.run()
    results = []
    for sabotage in chosen:
        try:
            result = one(rehearsal, watchman, sabotage)
        except Exception as problem:  # noqa: BLE001 - what cannot be broken is told, and the others have their turn
            reason = f"The break itself failed: {type(problem).__name__}: {problem}"
            result = Result(sabotage.clause, sabotage.breaks, 0.0, "", "", "", reason)
        say(f"{sabotage.clause:6} {result.skipped or result.tile or 'FAILED':9} {sabotage.breaks}")
        results.append(result)
    return results


def one(rehearsal: Rehearsal, watchman: Watchman, sabotage: Sabotage) -> Result:
    """Break one clause, see its tile, mend it, see it again."""
    missing = why_not(rehearsal, sabotage)
    if missing:
        return Result(sabotage.clause, sabotage.breaks, 0.0, "", "", "", "", missing)
    which = sabotage.checks or (sabotage.clause,)
    watchman.run(*which)
    before = watchman.tiles()[sabotage.clause]
    began = time.monotonic()
    with sabotage.act(Target(rehearsal)):
        watchman.run(*which)
        broken = watchman.tiles()[sabotage.clause]
        seconds = round(time.monotonic() - began, 2)
    watchman.run(*which)
    after = watchman.tiles()[sabotage.clause]
    return Result(
        sabotage.clause, sabotage.breaks, seconds, before["state"], broken["state"], after["state"], broken["reason"]
    )


def why_not(rehearsal: Rehearsal, sabotage: Sabotage) -> str:
    """What is missing for this sabotage here, in words; empty where it can be done."""
    if sabotage.needs == "root" and os.getuid() != 0:
        return "needs root"
    if sabotage.needs == "own uids" and not rehearsal.running.who.is_service:
        return "needs processes with uids of their own"
    if sabotage.needs == "firewall" and not (rehearsal.folders.data / firewall.WANTED).exists():
        return "needs root, the package nftables and a kernel that gives a network of its own"
    return ""
