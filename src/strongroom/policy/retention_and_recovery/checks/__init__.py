"""What shows that data comes in by one gate, is what it should be, and goes on time (DF, RR, ES-1, AZ-3, AZ-12)."""

from typing import Final

from strongroom.policy.clauses.controls import Check
from strongroom.policy.retention_and_recovery.checks import (
    database_files,
    forgetting,
    leaking,
    opening,
    probing,
    received,
    stored,
    witnessed,
)

CHECKS: Final[tuple[Check, ...]] = (
    *received.CHECKS,
    *stored.CHECKS,
    *opening.CHECKS,
    *forgetting.CHECKS,
    *probing.CHECKS,
    *witnessed.CHECKS,
    *leaking.CHECKS,
    *database_files.CHECKS,
)
