"""Sabotage of what keeps sealing."""

from typing import Final

from strongroom.rehearsal.sabotage.breaking import Sabotage

SABOTAGE: Final[tuple[Sabotage, ...]] = ()
