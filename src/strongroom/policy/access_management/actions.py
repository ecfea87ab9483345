"""Signing in: password, then code, each counted; and the first administrator (AM-2, AM-8, AZ-1, AZ-2)."""

import hashlib
import hmac
import secrets
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from strongroom.formats.leaf import Actor, Kind, Outcome
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.access_management import totp
from strongroom.policy.access_management.models import Factor, FirstLink
from strongroom.policy.encryption_and_storage import house
from strongroom.policy.least_privilege.actions import create_person, grant_role, reference_of, wall_now
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.least_privilege.roles import Role
from strongroom.policy.logging_and_monitoring import journal

MOST_FAILURES: Final = 5
REFUSED_FOR: Final = timedelta(minutes=15)
LINK_LIVES: Final = timedelta(minutes=15)
WRONG: Final = "This e-mail address, password or code is not right. Nothing was opened."
WAIT: Final = "Too many wrong answers. Wait 15 minutes, then try again."


def check_secret(*, email: str, password: Secret) -> Person:
    """The person with this e-mail and password. Raises `Refused` with one sentence for every reason but waiting."""
    person = Person.objects.filter(email=email.casefold(), is_active=True).first()
    if person is None:
        check_password(password.text(), _nobodys())  # as slow as for somebody, so that nobody can be told apart
        _refused(None)
        raise Refused("AM-8", WRONG)
    _check_waiting(person)
    if not person.check_password(password.text()):
        _failed(person)
        raise Refused("AM-8", WRONG)
    return person


def check_code(*, person: Person, code: str) -> None:
    """A code of the person's factor, once, whichever worker sees it (ASVS 6.5.1). Raises `Refused`."""
    _check_waiting(person)
    factor = Factor.objects.get(person=person)
    secret = house.open("totp", factor.sealed)
    step = totp.matching_step(secret, code.replace(" ", ""), now=time.time(), after=factor.last_step)
    if step is None or not Factor.objects.filter(person=person, last_step__lt=step).update(last_step=step):
        _failed(person)
        raise Refused("AM-8", WRONG)
    with transaction.atomic():
        Person.objects.filter(pk=person.pk).update(failures=0, refused_until=None)
        journal.record(Kind.SIGN_IN, by=reference_of(person))


def enrol(*, person: Person, sealed: str, code: str) -> None:
    """Keep a factor once its first code was right. Raises `Refused`; never over an enrolled one."""
    secret = house.open("totp", sealed)
    step = totp.matching_step(secret, code.replace(" ", ""), now=time.time(), after=-1)
    if step is None:
        raise Refused("AZ-1", "This code is not right. Look at the newest one in your app.")
    with transaction.atomic():
        _, new = Factor.objects.get_or_create(
            person=person, defaults={"sealed": sealed, "last_step": step, "enrolled_at": definitions.now()}
        )
        if not new:
            raise Refused("AZ-1", "You have a factor already.")
        journal.record(Kind.FACTOR_ENROLLED, by=reference_of(person))
        journal.record(Kind.SIGN_IN, by=reference_of(person))


def signed_out(*, person: Person) -> None:
    journal.record_committed(Kind.SIGN_OUT, by=reference_of(person))


def issue_first_link(*, base: str, file: Path) -> str | None:
    """A one-time address for the first administrator, also in a 0600 file; `None` once anybody exists."""
    if Person.objects.exists():
        file.unlink(missing_ok=True)
        return None
    token = secrets.token_urlsafe(32)
    FirstLink.objects.update_or_create(
        id=1, defaults={"token_sha256": _digest(token), "until": wall_now() + LINK_LIVES}
    )
    link = f"{base}/first/{token}"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(link + "\n", encoding="utf-8")
    return link


def first_link_works(*, token: str) -> bool:
    """Whether this is the link, in time, and nobody exists yet."""
    link = FirstLink.objects.filter(id=1).first()
    right = link is not None and hmac.compare_digest(bytes(link.token_sha256), _digest(token))
    return bool(right and link and wall_now() < link.until and not Person.objects.exists())


def create_first_administrator(*, token: str, name: str, email: str, password: Secret, roles: list[Role]) -> Person:
    """The first person, with the roles they give themselves; self-approved, and the journal says so."""
    with transaction.atomic():
        FirstLink.objects.select_for_update().filter(id=1).first()
        if not first_link_works(token=token):
            raise Refused("AM-2", "This link was used, is too old, or is not the newest one.")
        person = create_person(name=name, email=email, password=password, by=Actor.WEBSITE.reference)
        by = reference_of(person)
        journal.record(Kind.FIRST_ADMINISTRATOR, by=by)
        for role in {Role.ADMINISTRATOR, *roles}:
            grant_role(person=person, role=role, granted_by=None, by=by)
        FirstLink.objects.all().delete()
    return person


def _check_waiting(person: Person) -> None:
    if person.refused_until is not None and wall_now() < person.refused_until:
        _refused(person)
        raise Refused("AM-8", WAIT)


def _failed(person: Person) -> None:
    """Count it, in a transaction of its own: what is refused afterwards does not roll the count back."""
    with transaction.atomic(durable=True):
        locked = Person.objects.select_for_update().get(pk=person.pk)
        locked.failures += 1
        if locked.failures >= MOST_FAILURES:
            locked.failures, locked.refused_until = 0, wall_now() + REFUSED_FOR
        locked.save(update_fields=["failures", "refused_until"])
    _refused(person)


def _refused(person: Person | None) -> None:
    by = reference_of(person) if person else Actor.WEBSITE.reference
    journal.record_committed(Kind.SIGN_IN_REFUSED, by=by, outcome=Outcome.REFUSED)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


_of_nobody: list[str] = []


def _nobodys() -> str:
    if not _of_nobody:
        _of_nobody.append(make_password(secrets.token_urlsafe(16)))
    return _of_nobody[0]
