"""The broker's state and its tick: time first, then deaths, then whatever was asked (DESIGN 4)."""

import hashlib
import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.formats import house, leaf
from strongroom.formats.broker import LivingKey, Told
from strongroom.formats.clock import Clock
from strongroom.formats.house import HouseKind
from strongroom.formats.leaf import Entry, Fact, Facts, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.note import parse_verifier_key, verify_checkpoint
from strongroom.formats.ring import KeyKind, Mode, Row, Unlocks
from strongroom.formats.ring import dies_at as death_of
from strongroom.formats.sealed import CannotOpen
from strongroom.keybroker import secrets
from strongroom.keybroker.believed_time import Watch, agrees, believe
from strongroom.keybroker.budgets import WINDOW, Budgets, Limits
from strongroom.keybroker.journal import Journal, RolledBack, own
from strongroom.keybroker.keys import KeyRing

KEEP_TIME_EVERY: Final = 10_000
HOUSE_KEY_LIFE: Final = 365 * 86_400_000
GREATEST_LIFE: Final = 28
ACTS: Final = frozenset({Kind.OPENED, Kind.CARRIED, Kind.SEARCHED})
"""What the broker does for an entry, once."""


@dataclass(frozen=True)
class Settings:
    """What `broker.toml` may say: lower lives, lower budgets; nothing turns a control off."""

    day_key_days: int = GREATEST_LIFE
    limits: Limits = field(default_factory=Limits)
    digest: bytes = bytes(32)


def read_settings(path: Path | None) -> Settings:
    """Settings from a file, or the compiled-in ones. Raises `ValueError` with a sentence for whoever wrote it."""
    if path is None or not path.exists():
        return Settings()
    data = path.read_bytes()
    loaded = tomllib.loads(data.decode())
    unknown = set(loaded) - {"day_key_days", "budgets"}
    if unknown:
        raise ValueError(f"broker.toml: unknown setting {min(unknown)}; known are day_key_days and budgets")
    days = loaded.get("day_key_days", GREATEST_LIFE)
    if not isinstance(days, int) or not 1 <= days <= GREATEST_LIFE:
        raise ValueError(f"broker.toml: day_key_days may only be lowered, to 1 … {GREATEST_LIFE}")
    return Settings(days, Limits().lowered(loaded.get("budgets", {})), hashlib.sha256(data).digest())


class Broker:
    """Keys, journal, time and budgets of one installation."""

    def __init__(
        self,
        *,
        keys: Path,
        journal: Path,
        clock: Clock,
        mode: Mode,
        settings: Settings,
        outside: str | None = None,
        reached: Callable[[str], None],
    ) -> None:
        self._folder = keys
        self._clock = clock
        self._settings = settings
        self._reached = reached
        self.ring = KeyRing(keys, reached=reached)
        if self.ring.ring.mode is not mode:
            raise RolledBack(
                f"this key ring is of a {self.ring.ring.mode.name.lower()} installation; "
                f"this program serves {mode.name.lower()} ones only"
            )
        self.rehearsal = mode is Mode.REHEARSAL
        self.watch = Watch(keys, clock)
        self.origin = (keys / "origin").read_text(encoding="utf-8").strip()
        self.journal = Journal(journal, keys, origin=self.origin, rehearsal=self.rehearsal)
        self.budgets = Budgets(settings.limits)
        self.wants_rebirth = False
        self.strangers = 0
        self._appended: set[bytes] = set()
        self._house: dict[tuple[HouseKind, int], bytes] = {}
        self._steps = 0
        self._kept_at = 0
        self._behind_at = 0
        self._was_in_doubt = self.watch.state.in_doubt
        self.watch.look()
        self.journal.read_back(self._hear, self.watch.state.now - WINDOW)
        self._check_outside(journal, outside)

    def _hear(self, entry: Entry) -> None:
        """A leaf of the past: what it spent, and which steps of a rehearsal's clock were said before this process."""
        if entry.at > self.watch.state.now - WINDOW:
            self.budgets.recount(entry)
        if entry.kind is Kind.CLOCK_STEPPED:
            self._steps = leaf.number(entry.facts, Fact.COUNT)

    def stranger(self, uid: int) -> None:
        """Somebody of a uid that is nobody's connected and was refused: counted for STATUS, named in the log (ES-3)."""
        self.strangers += 1
        if self.strangers & (self.strangers - 1) == 0:  # at 1, 2, 4, 8 …: a flood does not fill the disk
            sys.stderr.write(f"keybroker: uid {uid} connected and was refused ({self.strangers} so far)\n")

    def appended(self, entry: Entry) -> None:
        """The sequencer was quicker than the act the entry speaks of: that act may still use it, once."""
        if entry.kind in ACTS and self.journal.place(entry.id) is None:
            self._appended.add(entry.id)

    def use_once(self, entry: Entry) -> bool:
        """Whether an entry may be acted on: it is new, or only the sequencer brought it. True once (I4)."""
        if entry.id in self._appended:
            self._appended.discard(entry.id)
            return True
        return self.journal.place(entry.id) is None

    @property
    def now(self) -> int:
        """Believed time at the last tick, milliseconds."""
        return self.watch.state.now

    @property
    def today(self) -> int:
        return self.now // 86_400_000

    @property
    def in_doubt(self) -> bool:
        return self.watch.state.in_doubt

    def start(self) -> None:
        """Before anything listens: deaths that are due or were interrupted, then a leaf that we are here."""
        self.tick()
        self.journal.say(
            Kind.STARTED, at=self.now, facts={Fact.MODE: self.ring.ring.mode, Fact.HASH: self._settings.digest}
        )

    def tick(self) -> None:
        """Advance time, then kill what is due. Called before every request and at least five times a second."""
        steps = self._clock.steps()
        state = self.watch.look()
        while steps != (steps := self._clock.steps()):  # a rehearsal's clock moved meanwhile: one look sees both
            state = self.watch.look()
        due = self.ring.dead_or_due(state.now, self.journal.destroyed_names.__contains__)
        for row in due:  # first of all, since it needs no leaf and no room on the medium
            self.ring.efface(row)
        self._tell_time(steps)
        if due:
            self._write_deaths(due)
        if abs(state.now - self._kept_at) >= KEEP_TIME_EVERY:
            self._keep_time()
        if self.journal.silent_for_a_minute():
            self.journal.say(Kind.HEARTBEAT, at=self.now, facts={Fact.SIZE: self.journal.size})
        if not self.ring.locked and not self.in_doubt:
            self._renew_house_key()
        self.journal.sign_if_due()
        self.journal.keep(self.now - WINDOW)

    def unlock(self, kind: Unlocks, secret: bytes) -> None:
        """Open the ring. Raises `CannotOpen`, after a leaf that says so, where the secret is wrong."""
        try:
            self.unlock_with(secrets.open_envelopes(self.ring.ring, kind, secret))
        except CannotOpen:
            self.journal.say(Kind.UNLOCK_REFUSED, at=self.now, outcome=Outcome.REFUSED)
            raise
        self.journal.say(Kind.UNLOCKED, at=self.now)

    def unlock_with(self, unlock: bytes) -> None:
        """Open the ring with the unlock secret itself, as kept over a re-execution."""
        for row in self.ring.unlock(unlock):
            self.journal.say(
                Kind.UNLOCK_REFUSED, at=self.now, account=row.account, outcome=Outcome.FAILED,
                facts={Fact.DAY: row.day, Fact.GENERATION: row.generation},
            )  # fmt: skip
        self.journal.may_sign(secrets.read_signing_key(self._folder / "signing", unlock, self.origin))

    def lock(self) -> None:
        self.journal.sign()
        self.ring.lock()
        self._house.clear()
        self.journal.may_sign(None)
        self.journal.say(Kind.LOCKED, at=self.now)
        self.wants_rebirth = True

    def key_of_today(self, account: int) -> Row:
        """The row of today's key, born now if it is the first; never one that was destroyed (the fence)."""
        generation = 0
        row = self.ring.find(KeyKind.DAY, account, self.today, generation)
        if row is not None:
            return row
        if (account, self.today, generation) in self.journal.destroyed_names:
            raise CannotOpen("the key of that day was destroyed and is never made again")
        row = self.ring.bear(
            KeyKind.DAY,
            account=account,
            day=self.today,
            generation=generation,
            now=self.now,
            life_days=self._settings.day_key_days,
        )
        self.journal.say(
            Kind.KEY_BORN, at=self.now, account=account,
            facts={Fact.DAY: row.day, Fact.GENERATION: generation, Fact.HASH: row.key_id},
        )  # fmt: skip
        self._reached("birth: leaf written")
        return row

    def house_secret(self, kind: HouseKind, version: int = 1) -> bytes:
        """The tag key or the order-hash key of a version."""
        if (kind, version) not in self._house:
            path = self._folder / "house" / f"{kind.name.lower()}-{version}"
            key = self.ring.house_key(house.key_version(path.read_bytes()))
            self._house[kind, version] = secrets.read_under_house(path, kind, key)
        return self._house[kind, version]

    def told(self) -> Told:
        return Told(self.now, self.in_doubt, self.ring.locked, self.rehearsal)

    def living_keys(self) -> Sequence[LivingKey]:
        return [
            LivingKey(
                row.kind is KeyKind.HOUSE, row.account, row.day, row.generation, row.born, death_of(row), row.key_id
            )
            for row in self.ring.ring.rows
        ]

    def destroyed_through(self) -> int:
        return max((destroyed.day for _, destroyed in self.journal.destroyed), default=0)

    def date_heard(self, seconds: int) -> None:
        """Amazon's clock: it can only confirm what the wall claims, never set a time."""
        if agrees(self.watch.state, wall=self.watch.wall(), heard=seconds * 1000):
            self._believe()

    def agree(self) -> None:
        """A person at the terminal confirms the wall's claim."""
        if self.in_doubt:
            self._believe()

    def close(self) -> None:
        """An orderly end: the time kept and the last head signed."""
        self._keep_time()
        self.journal.sign()
        self.ring.lock()
        self.journal.close()

    def _believe(self) -> None:
        self.watch.state = believe(self.watch.state, self.watch.wall())
        self.tick()

    def _tell_time(self, steps: int) -> None:
        state = self.watch.state
        if steps != self._steps:
            self._steps = steps
            self.journal.say(
                Kind.CLOCK_STEPPED, at=state.now, facts={Fact.COUNT: self._steps, Fact.SECONDS: state.now // 1000}
            )
        if state.in_doubt != self._was_in_doubt:
            self._was_in_doubt = state.in_doubt
            kind = Kind.TIME_CLAIMED if state.in_doubt else Kind.TIME_BELIEVED
            self.journal.say(kind, at=state.now, facts={Fact.SECONDS: max(0, self.watch.wall()) // 1000})
            self._keep_time()
        if state.behind and state.now - self._behind_at >= 3_600_000:
            self._behind_at = state.now
            self.journal.say(Kind.TIME_BEHIND, at=state.now, facts={Fact.SECONDS: max(0, self.watch.wall()) // 1000})

    def _write_deaths(self, due: Sequence[Row]) -> None:
        """Steps 3 and 4 of docs/formats/ring-and-cell.md; each may be the last before a kill -9."""
        self._keep_time()
        fresh = [row for row in due if (row.account, row.day, row.generation) not in self.journal.destroyed_names]
        self.journal.append([(_destroyed(row, self.now), os.urandom(leaf.SALT_BYTES)) for row in fresh])
        self._reached("death: leaf written")
        for row in due:
            self.ring.forget(row)
        if not self.ring.locked:
            self.wants_rebirth = True

    def _renew_house_key(self) -> None:
        newest = self.ring.newest_house_key()
        if self.now - newest.born < HOUSE_KEY_LIFE:
            return
        row = self.ring.bear(KeyKind.HOUSE, account=0, day=newest.day + 1, generation=0, now=self.now, life_days=0)
        self.journal.say(Kind.KEY_BORN, at=self.now, facts={Fact.VERSION: row.day, Fact.HASH: row.key_id})

    def _keep_time(self) -> None:
        self._kept_at = self.watch.state.now
        self.watch.keep()

    def _check_outside(self, journal: Path, outside: str | None) -> None:
        """A head that was kept elsewhere must be a prefix of the tree."""
        if outside is None:
            return
        key = parse_verifier_key(next(journal.glob("*.vkey")).read_text(encoding="utf-8"))
        try:
            whole = self.journal.extends(verify_checkpoint(outside, key))
        except Malformed:
            whole = False
        if not whole:
            raise RolledBack("the journal does not extend the checkpoint that was kept outside")


def _destroyed(row: Row, now: int) -> Entry:
    facts: Facts = {Fact.DAY: row.day, Fact.GENERATION: row.generation, Fact.TOKEN: row.token, Fact.HASH: row.key_id}
    return own(Kind.KEY_DESTROYED, at=now, account=row.account, facts=facts)
