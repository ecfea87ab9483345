"""Create people, grant and end roles; each journalled in its own transaction and sequenced before it returns."""

from datetime import UTC, datetime

from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.least_privilege.models import Grant, Person
from strongroom.policy.least_privilege.roles import ROLES, Role
from strongroom.policy.logging_and_monitoring import journal, references


@transaction.atomic
def create_person(*, name: str, email: str, password: Secret, by: bytes = Actor.COMMAND.reference) -> Person:
    """A person with a password and no role. Raises `IntegrityError` where the e-mail is taken."""
    now = definitions.now()
    person = Person(name=name, email=email.casefold(), is_active=True, created_at=now, failures=0)
    person.set_password(password.text())
    person.save(force_insert=True)
    journal.record(Kind.PERSON_CREATED, by=by, facts={Fact.PERSON: references.of_person(person.pk, now)})
    return person


@transaction.atomic
def grant_role(*, person: Person, role: Role, granted_by: Person | None, by: bytes) -> Grant:
    """Give a role. Until a second person exists a grant is self-approved, and the journal shows it."""
    now = definitions.now()
    grant = Grant(person=person, role=role, granted_at=now, granted_by=granted_by)
    grant.save(force_insert=True)
    journal.record(
        Kind.ROLE_GRANTED,
        by=by,
        facts={Fact.PERSON: references.of_person(person.pk, now), Fact.ROLE: ROLES[role].number},
    )
    return grant


@transaction.atomic
def end_grant(*, grant: Grant, by: bytes) -> None:
    """Take a role away, from this moment on."""
    now = definitions.now()
    if Grant.objects.filter(pk=grant.pk, ended_at__isnull=True).update(ended_at=now):
        journal.record(
            Kind.GRANT_ENDED,
            by=by,
            facts={
                Fact.PERSON: references.of_person(grant.person_id, now),
                Fact.ROLE: ROLES[Role(grant.role)].number,
            },
        )


def reference_of(person: Person) -> bytes:
    """How the journal names this person this year."""
    return references.of_person(person.pk, definitions.now())


def wall_now() -> datetime:
    """The machine's own time, for what third parties judge by it: sign-in delays, codes; never a policy deadline."""
    return datetime.now(UTC)
