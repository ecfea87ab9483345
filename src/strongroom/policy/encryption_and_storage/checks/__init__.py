"""What shows that rows are sealed, and that nothing but labels names a customer on paper (ES-1, ES-5)."""

from typing import Final

from strongroom.policy.clauses.controls import Check
from strongroom.policy.encryption_and_storage.checks import printed, sealed

CHECKS: Final[tuple[Check, ...]] = (*sealed.CHECKS, *printed.CHECKS)
