"""Believed time: what the broker concludes from wall and boot time (docs/formats/ring-and-cell.md, "Believed time").

Pure but for the store at the end. All figures are milliseconds.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from strongroom.formats.clock import Clock
from strongroom.keybroker.files import write_whole

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
FOLLOW: Final = HOUR
"""How far ahead a wall clock is followed, and how much of that a day, before it is a claim (I11)."""
BEHIND: Final = 5 * 60_000
AGREES: Final = 5 * 60_000
CLAIM_STANDS: Final = DAY

_MAGIC: Final = b"SRT1"
_LAYOUT = struct.Struct(">4sQQ16sIIQ8x")


@dataclass(frozen=True)
class Believed:
    """`now`: believed time at the last look, taken when the machine was `boot` ms up in the boot named `boot_id`.

    `followed` of the wall's lead was taken on day `followed_on`; a claim has stood for `claimed` ms of uptime, 0: none.
    """

    now: int
    boot: int
    boot_id: bytes
    followed: int = 0
    followed_on: int = 0
    claimed: int = 0
    behind: bool = False

    @property
    def in_doubt(self) -> bool:
        return self.claimed > 0


def named(boot_id: str) -> bytes:
    return hashlib.sha256(boot_id.encode()).digest()[:16]


def advance(known: Believed, *, wall: int, boot: int, boot_id: bytes) -> Believed:
    """Believed time at this look.

    Boot time has certainly passed. The wall may lead by an hour a day; more is a claim, which stands until somebody
    agrees or the machine was up for 24 hours with it. A wall behind changes nothing.
    """
    passed = max(0, boot - known.boot) if boot_id == known.boot_id else boot
    now = known.now + passed
    ahead = wall - now
    state = replace(known, now=now, boot=boot, boot_id=boot_id, behind=ahead < -BEHIND)
    if ahead > FOLLOW:
        claimed = known.claimed + passed if known.in_doubt else 1
        return believe(state, wall) if claimed > CLAIM_STANDS else replace(state, claimed=max(1, claimed))
    state = replace(state, claimed=0)
    if ahead <= 0:
        return state
    today = now // DAY
    followed = state.followed if state.followed_on == today else 0
    step = min(ahead, FOLLOW - followed)
    return replace(state, now=now + step, followed=followed + step, followed_on=today)


def believe(state: Believed, wall: int) -> Believed:
    """The claim is true: the wall's time is believed, forward only."""
    return replace(state, now=max(state.now, wall), claimed=0)


def agrees(state: Believed, *, wall: int, heard: int) -> bool:
    """Whether a time heard from Amazon confirms the wall's claim."""
    return state.in_doubt and abs(wall - heard) <= AGREES


class Watch:
    """Believed time of this process, kept on the medium in two copies written in turn."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._paths = (folder / "time", folder / "time.2")
        self._turn = 0
        self._clock = clock
        self.state = self._load()

    def look(self) -> Believed:
        """Advance to this moment."""
        self.state = advance(
            self.state, wall=self.wall(), boot=int(self._clock.boot() * 1000), boot_id=named(self._clock.boot_id())
        )
        return self.state

    def wall(self) -> int:
        return int(self._clock.wall() * 1000)

    def keep(self) -> None:
        """Write the mark: believed time, never the claim."""
        s = self.state
        body = _LAYOUT.pack(_MAGIC, s.now, s.boot, s.boot_id, s.followed, s.followed_on, s.claimed)
        write_whole(self._paths[self._turn], body + struct.pack(">I", zlib.crc32(body)))
        self._turn = 1 - self._turn

    def _load(self) -> Believed:
        """The later whole copy; at creation, when there is none, the wall."""
        found = [state for path in self._paths if (state := _read(path)) is not None]
        if not found:
            return Believed(self.wall(), int(self._clock.boot() * 1000), named(self._clock.boot_id()))
        return max(found, key=lambda state: state.now)


def _read(path: Path) -> Believed | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    body, check = data[:-4], data[-4:]
    if len(body) != _LAYOUT.size or struct.pack(">I", zlib.crc32(body)) != check or body[:4] != _MAGIC:
        return None
    _, now, boot, boot_id, followed, followed_on, claimed = _LAYOUT.unpack(body)
    return Believed(now, boot, boot_id, followed, followed_on, claimed)
