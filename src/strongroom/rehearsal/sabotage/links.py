"""Sabotage of what keeps links."""

from typing import Final

from strongroom.rehearsal.sabotage.breaking import Sabotage

SABOTAGE: Final[tuple[Sabotage, ...]] = ()
