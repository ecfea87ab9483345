"""So many wrong answers lock an account, for all workers at once; its roles rest until somebody looked (AM-8, AM-9).

Each failure commits by itself, so a request that fails afterwards takes none back. An e-mail address that nobody
signs in with is counted and refused in the same words: no lock tells who has an account. Places are counted besides.
How many lock is the term `lock_after_failures`.
"""

import hashlib
import hmac
import ipaddress
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F

from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.access_management import sessions
from strongroom.policy.access_management.models import Attempts, Counted
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.encryption_and_storage.connection import Forgotten, Unavailable
from strongroom.policy.least_privilege.actions import reference_of, restore_grants, suspend_grants, wall_now
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Alarm

MOST_FROM_A_PLACE: Final = 30
WINDOW: Final = timedelta(minutes=15)
NOBODYS_LOCK: Final = timedelta(days=30)
"""How long an address of nobody goes on looking locked."""
MOST_NOBODIES: Final = 10_000
"""Rows of addresses of nobody; the oldest make room, so that guessing fills no disk."""
LOCKED: Final = (
    "This account is locked after wrong answers. Your manager or security unlocks it once they looked into it."
)
TOO_MANY: Final = "Too many tries from here. Wait a quarter of an hour."


def most_failures() -> int:
    """The wrong answer that locks."""
    return terms.count("lock_after_failures")


class TooMany(Refused):
    """Too many tries from one place (HTTP 429)."""


class UnlockReason(IntEnum):
    """What a look into a lock found. The numbers stand in the journal, apart from the reasons of grants."""

    FORGOT = 41
    NEW_DEVICE = 42
    OTHERS_TRIED = 43
    FAULT = 44

    @property
    def words(self) -> str:
        return UNLOCK_WORDS[self]


UNLOCK_WORDS: Final = {
    UnlockReason.FORGOT: "they mistyped or forgot it",
    UnlockReason.NEW_DEVICE: "a new device or app",
    UnlockReason.OTHERS_TRIED: "somebody else tried; looked into",
    UnlockReason.FAULT: "a fault of ours",
}


def count_place(address: str) -> None:
    """Count a try from an address. Raises `TooMany` beyond 30 in a quarter of an hour; the count is committed first."""
    now = wall_now()
    count = _count(place_hash(address), Counted.PLACE, began_after=now - WINDOW)
    Attempts.objects.filter(kind=Counted.PLACE, began_at__lt=now - 4 * WINDOW).delete()
    if count > MOST_FROM_A_PLACE:
        raise TooMany("AM-8", TOO_MANY)


def take_back_place(address: str) -> None:
    """An answer from there was right: it was no guess. Earlier wrong ones stay counted."""
    Attempts.objects.filter(source=place_hash(address), count__gt=0).update(count=F("count") - 1)


def count_nobody(email: str) -> None:
    """Count a try for an address that nobody signs in with. Raises the same `Refused` as a locked account's.

    Nothing else comes of it: no alarm, nobody's roles rest.
    """
    source = _keyed(b"email", email.casefold())
    count = _count(source, Counted.NOBODY, began_after=wall_now() - NOBODYS_LOCK)
    oldest = Attempts.objects.filter(kind=Counted.NOBODY).order_by("-began_at").values_list("began_at", flat=True)
    if over := oldest[MOST_NOBODIES : MOST_NOBODIES + 1]:
        Attempts.objects.filter(kind=Counted.NOBODY, began_at__lte=over[0]).delete()
    refused(None)
    if count > most_failures():
        raise Refused("AM-8", LOCKED)


@contextmanager
def one_try(person: Person) -> Iterator[None]:
    """Charge a try, then look at the answer within. `Refused` from within is a failure.

    What the key broker kept from being looked at is taken back: a locked broker shuts nobody out.
    """
    charge(person)
    try:
        yield
    except Refused:
        failed(person)
        raise
    except (Unavailable, Forgotten, definitions.TimeUnknown):
        take_back(person)
        raise


def charge(person: Person) -> None:
    """Count a try before it is looked at, committed: of answers sent all at once, no more than the limit are looked at.

    Raises `Refused` for a locked account. One try more locks it, also where those before never came to an answer
    because their process died: a lock is seen, and undone by a person; an account that only waits is neither.
    """
    with transaction.atomic(durable=True):
        locked = Person.objects.select_for_update().get(pk=person.pk)
        looked_at = locked.locked_at is None and locked.failures < most_failures()
        if looked_at:
            locked.failures += 1
            locked.save(update_fields=["failures"])
        elif locked.locked_at is None:
            _lock(locked)
            locked.save(update_fields=["locked_at"])
    if not looked_at:
        refused(person)
        raise Refused("AM-8", LOCKED)


def failed(person: Person) -> None:
    """The answer was wrong, whichever factor it was; the last of them locks. Committed before this returns."""
    with transaction.atomic(durable=True):
        locked = Person.objects.select_for_update().get(pk=person.pk)
        if locked.locked_at is None and locked.failures >= most_failures():
            _lock(locked)
            locked.save(update_fields=["locked_at"])
        journal.record(Kind.SIGN_IN_REFUSED, by=reference_of(person), outcome=Outcome.REFUSED)


def take_back(person: Person) -> None:
    """The charge of one try: its answer was right so far (a password is no success yet), or could not be looked at."""
    Person.objects.filter(pk=person.pk, failures__gt=0, locked_at__isnull=True).update(failures=F("failures") - 1)


def succeeded(person: Person) -> bool:
    """Start counting anew; false where the account was locked meanwhile. In the caller's transaction."""
    return bool(Person.objects.filter(pk=person.pk, locked_at__isnull=True, is_active=True).update(failures=0))


def refused(person: Person | None) -> None:
    by = reference_of(person) if person else Actor.WEBSITE.reference
    journal.record_committed(Kind.SIGN_IN_REFUSED, by=by, outcome=Outcome.REFUSED)


def unlock(*, person: Person, restore: bool, reason: UnlockReason, by: Person) -> None:
    """After a look, with what it found: the account opens again, its roles if wanted; never by themselves (AM-9)."""
    require(Permission.PEOPLE_MANAGE, of=by)
    if person.pk == by.pk:
        raise Refused("AM-9", "Somebody else unlocks your account.")
    unlock_as(person=person, restore=restore, reason=reason, by=reference_of(by))


@transaction.atomic
def unlock_as(*, person: Person, restore: bool, reason: UnlockReason, by: bytes) -> None:
    """`unlock` for whoever owns the installation's folder, where no administrator is left to do it.

    The case that the lock opened stays open: whoever looks into it decides it, and so answers its alarm (DF-4).
    """
    if not Person.objects.filter(pk=person.pk, locked_at__isnull=False).update(locked_at=None, failures=0):
        raise Refused("AM-9", "This account is not locked.")
    if restore:
        restore_grants(person=person, by=by)
    facts: dict[Fact, int | bytes] = {Fact.PERSON: reference_of(person), Fact.REASON: reason}
    journal.record(Kind.ACCOUNT_UNLOCKED, by=by, facts=facts)


def place_hash(address: str) -> bytes:
    """A keyed hash of where somebody comes from; the address itself is kept nowhere. A /64 of IPv6 is one place."""
    try:
        at = ipaddress.ip_address(address)
    except ValueError:
        return _keyed(b"place", address)
    return _keyed(b"place", str(ipaddress.ip_network(f"{at}/64", strict=False) if at.version == 6 else at))


def _keyed(what: bytes, text: str) -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), what + b"\0" + text.encode(), hashlib.sha256).digest()


def _count(source: bytes, kind: Counted, *, began_after: datetime) -> int:
    """One more, committed; from one on where the window is over."""
    now = wall_now()
    with transaction.atomic(durable=True):
        row, _ = Attempts.objects.select_for_update().get_or_create(
            source=source, defaults={"kind": kind, "began_at": now, "count": 0}
        )
        if row.began_at < began_after:
            row.began_at, row.count = now, 0
        row.count += 1
        row.save(update_fields=["began_at", "count"])
    return int(row.count)


def _lock(person: Person) -> None:
    """Within the transaction of the failure that trips it: lock, rest the roles, end the sessions, raise the alarm."""
    person.locked_at = wall_now()
    by = Actor.WEBSITE.reference
    suspend_grants(person=person, by=by)
    sessions.end_all(person=person, by=by)
    Alarm.objects.get_or_create(
        account_id=definitions.INSTALLATION, kind="lockout", subject=_subject(person), closed_at__isnull=True,
        defaults={"id": definitions.reference(), "count": most_failures(), "raised_at": definitions.now()},
    )  # fmt: skip
    journal.record(Kind.ACCOUNT_LOCKED, by=by, facts={Fact.PERSON: reference_of(person)})


def _subject(person: Person) -> uuid.UUID:
    """A person as an alarm's subject: never the name, the same for every lock of one person."""
    return uuid.UUID(int=person.pk)
