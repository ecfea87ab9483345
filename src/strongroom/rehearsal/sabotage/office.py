"""Sabotage of what keeps office."""

from typing import Final

from strongroom.rehearsal.sabotage.breaking import Sabotage

SABOTAGE: Final[tuple[Sabotage, ...]] = ()
