"""The probe's session: kept by the website, for the checks to look at pages as somebody who is nobody (AM-7, AM-10).

The probe is a row among people without any factor, invitation, token or password: no entrance lets it in. Its session
is made here, within the website's own process, once an hour; the cookie stands in a row that the worker may read.
"""

from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import BaseBackend
from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.policy import definitions
from strongroom.policy.access_management.models import ProbeSession, SignedIn
from strongroom.policy.access_management.sessions import KEY
from strongroom.policy.least_privilege.actions import create_probe, reference_of, wall_now
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal

MADE_ANEW_AFTER: Final = timedelta(hours=1)
NO_FACTOR: Final = 0
BACKEND: Final = "strongroom.policy.access_management.probe_session.Backend"


class Backend(BaseBackend):
    """Who stands behind the probe's session. It authenticates nobody, and finds no person."""

    def get_user(self, user_id: int) -> Person | None:
        return Person.everybody.filter(pk=user_id, is_synthetic=True, is_active=True).first()


def keep() -> bool:
    """See to it that the probe has a living session, not older than an hour; true where a new one was made."""
    if _is_good():
        return False
    with transaction.atomic():
        probe = Person.everybody.select_for_update().filter(is_synthetic=True).first() or create_probe()
        if _is_good():  # another worker of the website was quicker
            return False
        _replace(probe)
    return True


def _is_good() -> bool:
    row = ProbeSession.objects.filter(id=1, made_at__gt=wall_now() - MADE_ANEW_AFTER).first()
    return row is not None and SignedIn.objects.filter(pk=row.session, ended_at__isnull=True).exists()


def _replace(probe: Person) -> None:
    """End the one before, cookie and row, and make another; in the caller's transaction."""
    now = wall_now()
    SignedIn.objects.filter(person=probe, ended_at__isnull=True).update(ended_at=now)
    before = ProbeSession.objects.filter(id=1).first()
    if before is not None:
        _store(before.cookie).delete()
    row = SignedIn(id=definitions.reference(), person=probe, began_at=now, seen_at=now, factor=NO_FACTOR)
    row.save(force_insert=True)
    made = _store(None)
    made[SESSION_KEY] = str(probe.pk)
    made[BACKEND_SESSION_KEY] = BACKEND
    made[HASH_SESSION_KEY] = probe.get_session_auth_hash()
    made[KEY] = row.id.hex
    made.save()
    ProbeSession.objects.update_or_create(
        id=1, defaults={"cookie": made.session_key, "session": row.id, "made_at": now}
    )
    journal.record(
        Kind.PROBED, by=Actor.WEBSITE.reference, account=definitions.PROBES, subject=reference_of(probe),
        facts={Fact.SESSION: row.id.bytes},
    )  # fmt: skip


def _store(key: str | None) -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore(key)
