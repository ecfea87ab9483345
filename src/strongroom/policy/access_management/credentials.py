"""Amazon's credentials grow old: since when each is in use, and the clock until it must be another (AZ-5).

A credential is known again by its fingerprint, scrypt under a salt of its row. When another one lies in its place, its
age starts anew, and what was due is done: nobody has to say so, and nobody can say so without it.
"""

import hashlib
import hmac
import os
import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.access_management.models import Credential
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.values import Span
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations import duties
from strongroom.policy.obligations.actions import ObligationKind, open_obligation, satisfy

HERE: Final = definitions.INSTALLATION
CLIENT_SECRET: Final = "amazon-client-secret"  # noqa: S105 - its name
REFRESH_TOKEN: Final = "amazon-refresh-token"  # noqa: S105
BY: Final = Actor.INSTALLER
TERMS: Final = {CLIENT_SECRET: "change_client_secret", REFRESH_TOKEN: "change_other_keys"}
"""How long each may be in use, by the term's name."""


def fingerprint(secret: Secret, salt: bytes) -> bytes:
    """32 bytes; slow to try, though a credential of Amazon's cannot be guessed anyway."""
    return hashlib.scrypt(secret.bytes(), salt=salt, n=2**13, r=8, p=1, dklen=32)


def see(name: str, secret: Secret) -> bool:
    """This credential lies there now; true where it is another than before, or the first. With its clock.

    Its age is counted from when it was seen first: what was there before the installation may be older.
    """
    with transaction.atomic():
        known = Credential.objects.select_for_update().filter(name=name).first()
        if known is not None and hmac.compare_digest(fingerprint(secret, bytes(known.salt)), bytes(known.fingerprint)):
            return False
        now, salt = definitions.now(), os.urandom(16)
        Credential.objects.update_or_create(
            name=name, defaults={"salt": salt, "fingerprint": fingerprint(secret, salt), "since": now}
        )
        journal.record(
            Kind.CREDENTIAL_CHANGED, by=BY.reference, facts={Fact.HASH: hashlib.sha256(name.encode()).digest()}
        )
        if name == CLIENT_SECRET and known is not None:
            duties.seen(name=TERMS[name], words="Another client secret lies in its credential file.", by=BY)
        elif name != CLIENT_SECRET:
            _count_anew(name, now)
    return True


def _count_anew(name: str, now: datetime) -> None:
    """The clock of a credential that no duty speaks of."""
    subject = uuid.uuid5(uuid.NAMESPACE_OID, name)
    satisfy(account=HERE, kind=ObligationKind.CHANGE_KEY, subject=subject, by=BY)
    open_obligation(
        account=HERE, kind=ObligationKind.CHANGE_KEY, subject=subject, due_at=_lives(name).after(now), by=BY
    )


def lives(name: str) -> timedelta:
    """How long this credential may be in use."""
    return _lives(name).length()


def _lives(name: str) -> Span:
    every = terms.in_force().cadence(TERMS[name]).every
    if every is None:
        raise KeyError(TERMS[name])
    return every
