"""Every look with how often it is due and how long it may take."""

from dataclasses import dataclass
from typing import Final

from strongroom.formats.verdict import Look
from strongroom.installation.inspector import (
    build,
    database_files,
    file_modes,
    firewall,
    leaks,
    listeners,
    log_lines,
    machine_clock,
    mounts,
    other_folders,
    process_flags,
    seen,
    swap,
)


@dataclass(frozen=True)
class Plan:
    """A look; `every`: seconds of policy time, well below the greatest age of the clauses that need it; `within`."""

    look: Look
    run: seen.Look
    every: int
    within: float = 30.0


WHEN_ASKED: Final = 365 * 86_400
"""Looks that need to be told what to look for."""
PLANS: Final = (
    Plan(Look.PROCESS_FLAGS, process_flags.look, 15 * 60),
    Plan(Look.LISTENERS, listeners.look, 15 * 60),
    Plan(Look.FILE_MODES, file_modes.look, 15 * 60, within=60.0),
    Plan(Look.MOUNTS, mounts.look, 15 * 60),
    Plan(Look.SWAP, swap.look, 15 * 60),
    Plan(Look.FIREWALL, firewall.look, 15 * 60),
    Plan(Look.DATABASE_FILES, database_files.look, 3600, within=60.0),
    Plan(Look.CLOCK, machine_clock.look, 3600),
    Plan(Look.BUILD, build.look, 6 * 3600),
    Plan(Look.OTHER_FOLDERS, other_folders.look, 30 * 60, within=90.0),
    Plan(Look.LOG_LINES, log_lines.look, 3600),
    Plan(Look.LEAKS_IN_LOGS, leaks.look_at_logs, WHEN_ASKED, within=300.0),
    Plan(Look.LEAKS, leaks.look, WHEN_ASKED, within=1800.0),
)
