"""Five wrong answers lock an account, for every worker at once; its roles rest until somebody looked (AM-8, AM-9).

Each failure commits by itself, so a request that fails afterwards takes none back. Where nobody is known by an e-mail
address, the address it came from is counted instead: guessing names gets slower, and locks nobody.
"""

import hashlib
import hmac
import uuid
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F

from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.access_management import sessions
from strongroom.policy.access_management.models import Attempts
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.actions import reference_of, restore_grants, suspend_grants, wall_now
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Alarm

MOST_FAILURES: Final = 5
MOST_FROM_A_PLACE: Final = 30
WINDOW: Final = timedelta(minutes=15)
LOCKED: Final = (
    "This account is locked after wrong answers. Your manager or security unlocks it once they looked into it."
)
WAIT: Final = "Earlier answers are still being looked at. Wait a moment."
TOO_MANY: Final = "Too many tries from here. Wait a quarter of an hour."


class TooMany(Refused):
    """Too many tries from one place (HTTP 429)."""


def count_place(address: str) -> None:
    """Count a try from an address. Raises `TooMany` beyond 30 in a quarter of an hour; the count is committed first."""
    source, now = place_hash(address), wall_now()
    with transaction.atomic(durable=True):
        row, _ = Attempts.objects.select_for_update().get_or_create(
            source=source, defaults={"began_at": now, "count": 0}
        )  # fmt: skip
        if now - row.began_at > WINDOW:
            row.began_at, row.count = now, 0
        row.count += 1
        row.save(update_fields=["began_at", "count"])
        Attempts.objects.filter(began_at__lt=now - 4 * WINDOW).delete()
    if row.count > MOST_FROM_A_PLACE:
        raise TooMany("AM-8", TOO_MANY)


def forgive_place(address: str) -> None:
    """Somebody came in from there; its tries count anew."""
    Attempts.objects.filter(source=place_hash(address)).delete()


def charge(person: Person) -> None:
    """Count a try before it is looked at, committed: of answers sent all at once, five are looked at and no sixth.

    Raises `Refused` for a locked account and while five are under way; their answers are not looked at.
    """
    with transaction.atomic(durable=True):
        locked = Person.objects.select_for_update().get(pk=person.pk)
        sentence = LOCKED if locked.locked_at is not None else WAIT if locked.failures >= MOST_FAILURES else None
        if sentence is None:
            locked.failures += 1
            locked.save(update_fields=["failures"])
    if sentence is not None:
        refused(person)
        raise Refused("AM-8", sentence)


def failed(person: Person) -> None:
    """The answer was wrong, whichever factor it was; the fifth locks. Committed before this returns."""
    with transaction.atomic(durable=True):
        locked = Person.objects.select_for_update().get(pk=person.pk)
        if locked.locked_at is None and locked.failures >= MOST_FAILURES:
            _lock(locked)
            locked.save(update_fields=["locked_at"])
        journal.record(Kind.SIGN_IN_REFUSED, by=reference_of(person), outcome=Outcome.REFUSED)


def was_right(person: Person) -> None:
    """A right password is no failure, and no success yet either: only its own charge is taken back."""
    Person.objects.filter(pk=person.pk, failures__gt=0, locked_at__isnull=True).update(failures=F("failures") - 1)


def succeeded(person: Person) -> bool:
    """Start counting anew; false where the account was locked meanwhile. In the caller's transaction."""
    return bool(Person.objects.filter(pk=person.pk, locked_at__isnull=True, is_active=True).update(failures=0))


def refused(person: Person | None) -> None:
    by = reference_of(person) if person else Actor.WEBSITE.reference
    journal.record_committed(Kind.SIGN_IN_REFUSED, by=by, outcome=Outcome.REFUSED)


def unlock(*, person: Person, restore: bool, by: Person) -> None:
    """After a look: the account opens again, its roles only if wanted. Nobody unlocks themselves (AM-9)."""
    require(Permission.PEOPLE_MANAGE, of=by)
    if person.pk == by.pk:
        raise Refused("AM-9", "Somebody else unlocks your account.")
    unlock_as(person=person, restore=restore, by=reference_of(by))


@transaction.atomic
def unlock_as(*, person: Person, restore: bool, by: bytes) -> None:
    """`unlock` for whoever owns the installation's folder, where no administrator is left to do it."""
    if not Person.objects.filter(pk=person.pk, locked_at__isnull=False).update(locked_at=None, failures=0):
        raise Refused("AM-9", "This account is not locked.")
    if restore:
        restore_grants(person=person, by=by)
    Alarm.objects.filter(
        account_id=definitions.INSTALLATION, kind="lockout", subject=_subject(person), closed_at__isnull=True
    ).update(closed_at=definitions.now())  # fmt: skip
    journal.record(Kind.ACCOUNT_UNLOCKED, by=by, facts={Fact.PERSON: reference_of(person)})


def place_hash(address: str) -> bytes:
    """A keyed hash of where somebody comes from; the address itself is kept nowhere."""
    return hmac.new(settings.SECRET_KEY.encode(), b"place\0" + address.encode(), hashlib.sha256).digest()


def _lock(person: Person) -> None:
    """Within the transaction of the failure that trips it: lock, rest the roles, end the sessions, raise the alarm."""
    person.locked_at = wall_now()
    by = Actor.WEBSITE.reference
    suspend_grants(person=person, by=by)
    sessions.end_all(person=person, by=by)
    Alarm.objects.get_or_create(
        account_id=definitions.INSTALLATION, kind="lockout", subject=_subject(person), closed_at__isnull=True,
        defaults={"id": definitions.reference(), "count": MOST_FAILURES, "raised_at": definitions.now()},
    )  # fmt: skip
    journal.record(Kind.ACCOUNT_LOCKED, by=by, facts={Fact.PERSON: reference_of(person)})


def _subject(person: Person) -> uuid.UUID:
    """A person as an alarm's subject: never the name, the same for every lock of one person."""
    return uuid.UUID(int=person.pk)
