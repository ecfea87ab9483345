"""Sabotage of links: somebody else at the other end, and something that listens without TLS (ET-1, ET-2)."""

from typing import Final

from strongroom.rehearsal.sabotage import rogue
from strongroom.rehearsal.sabotage.breaking import Sabotage

SABOTAGE: Final = (
    Sabotage("ET-1", "Another certificate answers at the printer's port", rogue.instead_of_the_printer),
    Sabotage("ET-2", "A server of ours listens without TLS", rogue.in_plain_text),
)
