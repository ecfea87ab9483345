"""Who leaves: everything ends in one transaction, at once or at the moment that was announced (AM-5).

Each leaver has a clock from the moment of leaving, 24 hours by the policy; the website lets them out within seconds.
"""

import uuid
from datetime import datetime

from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.access_management import factors, sessions
from strongroom.policy.access_management.actions import forget_password
from strongroom.policy.access_management.models import Invitation
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.actions import end_grant, reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import EndReason, Grant, Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.actions import ObligationKind, open_obligation, satisfy

HERE = definitions.INSTALLATION


@transaction.atomic
def announce(*, person: Person, at: datetime, by: Person) -> None:
    """They leave at that moment, in policy time. An earlier moment takes the place of a later one, never the reverse.

    Raises `Refused` for somebody who left, and for a later moment than the one announced.
    """
    require(Permission.PEOPLE_MANAGE, of=by)
    held = Person.objects.select_for_update().get(pk=person.pk)
    if not held.is_active:
        raise Refused("AM-5", "This person has left.")
    if held.leaves_at is not None and at > held.leaves_at:
        raise Refused("AM-5", "They leave earlier already. Invite them anew if they stay.")
    Person.objects.filter(pk=person.pk).update(leaves_at=at)
    _open_clock(person, at, reference_of(by))
    journal.record(Kind.PERSON_CHANGED, by=reference_of(by), facts={Fact.PERSON: reference_of(person)})


@transaction.atomic
def leave(*, person: Person, by: bytes) -> None:
    """Sessions, tokens, factors, roles, password and invitation end. Raises `Refused` for the last administrator."""
    now = definitions.now()
    held = Person.objects.select_for_update().get(pk=person.pk)
    _open_clock(person, min(held.leaves_at or now, now), by)
    sessions.end_all(person=person, by=by)
    factors.remove_all(person=person, by=by)
    for grant in Grant.objects.filter(person=person, ended_at__isnull=True):
        end_grant(grant=grant, reason=EndReason.LEFT, by=by)
    forget_password(person)
    Invitation.objects.filter(person=person).delete()
    Person.objects.filter(pk=person.pk).update(is_active=False, left_at=now)
    journal.record(Kind.PERSON_CHANGED, by=by, facts={Fact.PERSON: reference_of(person)})
    satisfy(account=HERE, kind=ObligationKind.LEAVER_OUT, subject=_subject(person), by=by)


def let_out() -> int:
    """Everybody whose announced moment has come; how many. Whoever may not go yet keeps their clock."""
    gone = 0
    for person in Person.objects.filter(is_active=True, leaves_at__lte=definitions.now()):
        try:
            leave(person=person, by=Actor.WEBSITE.reference)
        except Refused:
            continue  # the last administrator: the clock goes on, and says so
        gone += 1
    return gone


def _open_clock(person: Person, at: datetime, by: bytes) -> None:
    due = terms.in_force().span("leaver_out_after").after(at)
    open_obligation(
        account=HERE, kind=ObligationKind.LEAVER_OUT, subject=_subject(person), due_at=due, by=by, opened_at=at
    )


def _subject(person: Person) -> uuid.UUID:
    """A person as the subject of an obligation: their number, never the name."""
    return uuid.UUID(int=person.pk)
