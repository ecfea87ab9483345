"""What a run remembers from look to look, and what people in it met since the last one."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from strongroom.formats.ring import Ring, Row
from strongroom.rehearsal.rehearse.seen import Eyes


@dataclass
class Memory:
    """What a run remembers from look to look."""

    eyes: Eyes
    marker: bytes
    """Stands in every text of the canary customers, and nowhere else."""
    canaries: int = 0
    note: str = ""
    ids: set[bytes] = field(default_factory=set)
    deadlines: dict[Any, datetime] = field(default_factory=dict)
    orders: dict[Any, Any] = field(default_factory=dict)
    tokens: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    calls: set[Any] = field(default_factory=set)
    rings: list[tuple[Ring, bytes]] = field(default_factory=list)
    """Copies of the ring, as whoever stole one would keep it, each with its unlock secret."""
    failed: dict[tuple[Row, bytes], set[bytes]] = field(default_factory=dict)
    """Of a dead key's row and the unlock secret: with which bytes of a cell it did not open."""
    label_openings: int = 0
    states: dict[Any, str] = field(default_factory=dict)
    openings: list[tuple[str, bool, bool]] = field(default_factory=list)
    """Reveals since the last look: what was asked, whether it showed anything, whether its leaf stood then."""
    forgotten: list[bool] = field(default_factory=list)
    """Reveals asked of what was forgotten: whether one showed anything."""
    leavers: list[bool] = field(default_factory=list)
    """Pages asked with a leaver's session: whether one answered."""
    shown_true: list[tuple[str, str, float]] = field(default_factory=list)
    """Checks that true tiles rested on just before this look: id, clause, seconds that a run may be old."""
    while_frozen: list[tuple[bool, float]] = field(default_factory=list)
    """Reveals asked while the key broker was frozen: whether it showed anything, and after how many seconds."""
