"""What a section's controls are made of: guards, checks with their verdicts, stores. Sections export tuples of them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from strongroom.policy.clauses.clauses import clause

Seen = Mapping[str, int | str]


class Outcome(StrEnum):
    """How a check ended. The words stand in the database."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"
    UNUSED = "unused"


@dataclass(frozen=True)
class Verdict:
    """What a check found. reason: plain words without anybody in them. seen: the figures it judged by.

    `UNUSED`: there is nothing yet that the promise is about, and the check looked for it.
    """

    outcome: Outcome
    reason: str
    seen: Seen = field(default_factory=dict)

    @property
    def digest(self) -> bytes:
        """SHA-256 over what was seen, canonical; 32 bytes."""
        return hashlib.sha256(json.dumps(dict(self.seen), sort_keys=True, ensure_ascii=True).encode()).digest()


def passed(reason: str, **seen: int | str) -> Verdict:
    return Verdict(Outcome.PASS, reason, seen)


def failed(reason: str, **seen: int | str) -> Verdict:
    return Verdict(Outcome.FAIL, reason, seen)


def unknown(reason: str, **seen: int | str) -> Verdict:
    return Verdict(Outcome.UNKNOWN, reason, seen)


def unused(reason: str, **seen: int | str) -> Verdict:
    return Verdict(Outcome.UNUSED, reason, seen)


@dataclass(frozen=True)
class Route:
    """A route of the website as it is declared: its pattern, such as `orders/<uuid:ref>/`, and what it asks for."""

    pattern: str
    permission: str


@dataclass(frozen=True)
class Look:
    """What a check is handed: policy time, the installation's folder, where its pages answer and whose word to take.

    ca: the certificate authority of those pages. installed_at: since when there can be evidence. hosts: whom the
    configuration names, as host:port. second_place: where checkpoints lie besides here, if
    anywhere. routes: every one of the website's.
    """

    now: datetime
    installed_at: datetime
    data: Path
    address: str
    ca: Path
    hosts: frozenset[str] = frozenset()
    second_place: Path | None = None
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True)
class Check:
    """A scheduled proof on the running system.

    id: `CLAUSE.word`, stable: runs are found by it. passes, fails: what each verdict means, in plain words.
    patience: a run that lasts longer is ended and is unknown. needs: the inspector's look that it reads, if any.
    every: how often, where that is more often than the clause's evidence may be old.
    """

    id: str
    passes: str
    fails: str
    run: Callable[[Look], Verdict]
    patience: timedelta = timedelta(seconds=30)
    needs: str = ""
    every: timedelta | None = None

    @property
    def clause(self) -> str:
        return self.id.partition(".")[0]

    @property
    def max_age(self) -> timedelta:
        """How old its last run may be; older is unknown."""
        return clause(self.clause).max_age

    @property
    def interval(self) -> timedelta:
        """How long after a run the next is due: well before the evidence is too old."""
        return self.every or self.max_age * 0.7


@dataclass(frozen=True)
class Guard:
    """What keeps a promise from being broken, where the thing is done.

    where: things that a test looks for: `module:name` in strongroom, or `db:name` of a constraint, trigger or function.
    """

    clause: str
    words: str
    where: tuple[str, ...]


@dataclass(frozen=True)
class Store:
    """A place that holds Amazon's data, who erases it, and how it is shown to be empty."""

    id: str
    words: str
    holds: str
    eraser: str


@dataclass(frozen=True)
class Controls:
    """All sections' controls, as the website's wiring lists them."""

    guards: tuple[Guard, ...]
    checks: tuple[Check, ...]
    stores: tuple[Store, ...] = ()

    def checks_of(self, clause_id: str) -> list[Check]:
        return [check for check in self.checks if check.clause == clause_id]

    def guards_of(self, clause_id: str) -> list[Guard]:
        return [guard for guard in self.guards if guard.clause == clause_id]

    def check(self, id_: str) -> Check:
        """Raises `KeyError` for an unknown one."""
        for check in self.checks:
            if check.id == id_:
                return check
        raise KeyError(id_)
