"""How much may be opened and searched in 24 hours of believed time; recounted from the leaves at start (I22)."""

from collections import deque
from dataclasses import dataclass, fields
from typing import Final

from strongroom.formats.leaf import Entry, Fact, Kind
from strongroom.formats.parts import OPENS, Peer, Purpose

WINDOW: Final = 24 * 3_600_000
PROBES: Final = -1
"""The account of orders that nobody placed."""


@dataclass(frozen=True)
class Limits:
    """Compiled in; configuration may only lower them. An actor is a claim, so peers and the house are counted too.

    What checks open and search of the synthetic account is counted apart: it spends nobody's.
    """

    web_openings_an_actor: int = 300
    web_openings: int = 3_000
    worker_openings: int = 30_000
    searches_an_actor: int = 100
    searches: int = 1_000
    probe_openings: int = 1_000
    probe_searches: int = 1_000

    def lowered(self, wanted: dict[str, object]) -> "Limits":
        """These limits with some lowered. Raises `ValueError` for an unknown name or a higher number."""
        known = {field.name for field in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                raise ValueError(f"broker.toml: there is no budget named {name}; known are {', '.join(sorted(known))}")
            if not isinstance(value, int) or not 0 <= value <= getattr(self, name):
                raise ValueError(f"broker.toml: {name} may only be lowered, to 0 … {getattr(self, name)}")
        return Limits(**{name: wanted.get(name, getattr(self, name)) for name in known})  # type: ignore[arg-type]


class Budgets:
    """Openings and searches of the last 24 hours, by who is counted."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._spent: dict[tuple[str, bytes], deque[int]] = {}

    def recount(self, entry: Entry) -> None:
        """Count a leaf of the past."""
        if entry.kind is Kind.OPENED:
            purpose = entry.facts.get(Fact.PURPOSE)
            if isinstance(purpose, int) and purpose in Purpose.__members__.values():
                by_a_process = entry.by[:15] == bytes(15)  # the worker follows parcels under its own name
                peer = Peer.WEB if Peer.WEB in OPENS[Purpose(purpose)].peers and not by_a_process else Peer.WORKER
                self._count(self._openings(peer, entry.by, entry.account), entry.at)
        elif entry.kind is Kind.SEARCHED:
            self._count(self._searches(entry.by, entry.account), entry.at)

    def may_open(self, peer: Peer, by: bytes, now: int, account: int) -> bool:
        """Whether one more opening is within every limit; counts it if so."""
        return self._spend(self._openings(peer, by, account), now)

    def may_search(self, by: bytes, now: int, account: int) -> bool:
        return self._spend(self._searches(by, account), now)

    def _openings(self, peer: Peer, by: bytes, account: int) -> list[tuple[str, bytes, int]]:
        if account == PROBES:
            return [("probe opening", b"", self._limits.probe_openings)]
        if peer is Peer.WEB:
            return [
                ("web opening by", by, self._limits.web_openings_an_actor),
                ("web opening", b"", self._limits.web_openings),
            ]
        return [("worker opening", b"", self._limits.worker_openings)]

    def _searches(self, by: bytes, account: int) -> list[tuple[str, bytes, int]]:
        if account == PROBES:
            return [("probe search", b"", self._limits.probe_searches)]
        return [("search by", by, self._limits.searches_an_actor), ("search", b"", self._limits.searches)]

    def _spend(self, counted: list[tuple[str, bytes, int]], now: int) -> bool:
        for name, who, limit in counted:
            if len(self._recent(name, who, now)) >= limit:
                return False
        self._count(counted, now)
        return True

    def _count(self, counted: list[tuple[str, bytes, int]], at: int) -> None:
        for name, who, _ in counted:
            self._spent.setdefault((name, who), deque()).append(at)

    def _recent(self, name: str, who: bytes, now: int) -> deque[int]:
        spent = self._spent.setdefault((name, who), deque())
        while spent and spent[0] <= now - WINDOW:
            spent.popleft()
        return spent
