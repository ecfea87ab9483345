"""Who acts at a terminal: a token that the person took from their own page, after a recent factor, for ten minutes.

So a command that changes something has a name in the journal, and no password is ever typed into a shell.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.db import transaction

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy.access_management.models import CommandToken
from strongroom.policy.least_privilege.actions import reference_of, wall_now
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal

LIVES: Final = timedelta(minutes=10)


@transaction.atomic
def make(person: Person) -> str:
    """A new token, shown once; an earlier one of the same person is void."""
    token = secrets.token_urlsafe(24)
    CommandToken.objects.update_or_create(
        person=person, defaults={"token_sha256": _digest(token), "until": wall_now() + LIVES}
    )
    journal.record(Kind.STEPPED_UP, by=reference_of(person), facts={Fact.SECONDS: int(LIVES.total_seconds())})
    return token


def person_of(token: str) -> Person:
    """Whose token this is. Raises `Refused` for an unknown or old one, or a person who may not act."""
    found = CommandToken.objects.filter(token_sha256=_digest(token.strip())).select_related("person").first()
    if found is None or wall_now() >= found.until or not found.person.is_active or found.person.locked_at is not None:
        raise Refused("AM-2", "This token is unknown or older than ten minutes. Take a new one from your page, /me.")
    return found.person


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
