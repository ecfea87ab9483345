"""What shows that the journal and the API log are whole, and stay for their term (LM-2 to LM-4, LM-6)."""

from typing import Final

from strongroom.policy.clauses.controls import Check
from strongroom.policy.logging_and_monitoring.checks import calls, kept, shapes, whole

CHECKS: Final[tuple[Check, ...]] = (*whole.CHECKS, *kept.CHECKS, *calls.CHECKS, *shapes.CHECKS)
