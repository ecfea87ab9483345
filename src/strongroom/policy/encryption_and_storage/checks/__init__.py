"""What shows that rows are sealed, where they and their keys lie, and that only labels name a customer (ES)."""

from typing import Final

from strongroom.policy.clauses.controls import Check
from strongroom.policy.encryption_and_storage.checks import machine, printed, sealed

CHECKS: Final[tuple[Check, ...]] = (*sealed.CHECKS, *machine.CHECKS, *printed.CHECKS)
