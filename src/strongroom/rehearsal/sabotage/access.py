"""Sabotage of what keeps access."""

from typing import Final

from strongroom.rehearsal.sabotage.breaking import Sabotage

SABOTAGE: Final[tuple[Sabotage, ...]] = ()
