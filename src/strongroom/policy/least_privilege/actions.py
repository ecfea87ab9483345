"""Create people, propose, approve, suspend and end roles; each journalled in its own transaction and sequenced."""

from datetime import UTC, datetime
from typing import Final

from django.db import IntegrityError, transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege import approvals
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Approval, ApprovalKind, EndReason, Grant, Person, Reason
from strongroom.policy.least_privilege.roles import ROLES, Role
from strongroom.policy.logging_and_monitoring import journal, references

PROBE_EMAIL: Final = "probe@strongroom.invalid"


@transaction.atomic
def create_person(
    *, name: str, email: str, password: Secret | None, by: bytes = Actor.COMMAND.reference
) -> Person:  # fmt: skip
    """A person without a role; without a password until they choose one. Raises `IntegrityError` for a taken e-mail."""
    now = definitions.now()
    person = Person(name=name, email=email.casefold(), is_active=True, created_at=now, failures=0)
    if password is None:
        person.set_unusable_password()
    else:
        person.set_password(password.text())
        person.password_set_at = wall_now()
    person.save(force_insert=True)
    journal.record(Kind.PERSON_CREATED, by=by, facts={Fact.PERSON: references.of_person(person.pk, now)})
    return person


@transaction.atomic
def create_probe() -> Person:
    """The probe, once: a row without any way in, with the one role that is nobody else's. Journalled like a person."""
    by, now = Actor.WEBSITE.reference, definitions.now()
    probe = Person(name="Probe", email=PROBE_EMAIL, is_active=True, created_at=now, failures=0, is_synthetic=True)
    probe.set_unusable_password()
    probe.save(force_insert=True)
    journal.record(Kind.PERSON_CREATED, by=by, facts={Fact.PERSON: references.of_person(probe.pk, now)})
    grant_role(person=probe, role=Role.PROBE, granted_by=None, by=by)
    return probe


@transaction.atomic
def grant_role(*, person: Person, role: Role, granted_by: Person | None, by: bytes) -> Grant:
    """Give a role at once, as installers do and the first administrator does. It shows as self-approved (LP-1)."""
    now = definitions.now()
    grant = Grant(
        person=person, role=role, reason=Reason.FIRST, granted_at=now, granted_by=granted_by, approved_at=now,
        approved_by=granted_by,
    )  # fmt: skip
    grant.save(force_insert=True)
    _journal(Kind.ROLE_GRANTED, grant, by)
    return grant


def propose_grant(*, person: Person, role: Role, reason: Reason, by: Person) -> Grant:
    """Propose a role for a reason. One other person approves it; while nobody else could, the proposer does (LP-1)."""
    require(Permission.PEOPLE_MANAGE, of=by)
    if not person.is_active:
        raise Refused("AM-5", "This person has left.")
    now, me = definitions.now(), reference_of(by)
    try:
        with transaction.atomic():
            _end_too_old(person, role, me)
            grant = Grant(person=person, role=role, reason=reason, granted_at=now, granted_by=by)
            others = approvers(besides=(by.pk, person.pk))
            if others:
                grant.approval = approvals.propose(
                    kind=ApprovalKind.GRANT, subject=role.value, content=_content(grant), reason=reason.words, by=by,
                    about=person,
                )  # fmt: skip
            grant.save(force_insert=True)
            _journal(Kind.GRANT_PROPOSED, grant, me)
            if not others:
                _put_in_force(grant, by)
    except IntegrityError:
        raise Refused("LP-1", "This person has that role already, or it waits for approval.") from None
    return grant


@transaction.atomic
def approve_grant(*, grant: Grant, by: Person) -> None:
    """The second pair of eyes: neither who proposed it nor whom it is for (LP-1)."""
    if grant.approval_id is None:
        require(Permission.PEOPLE_APPROVE, of=by)
        raise Refused("LP-1", "This proposal is decided already.")
    use_grant(approval=approvals.approve(id_=grant.approval_id, by=by), by=by)


@transaction.atomic
def use_grant(*, approval: Approval, by: Person) -> None:
    """Put the approved role in force. Raises `Refused` for any other than was proposed."""
    grant = Grant.objects.select_for_update().get(approval=approval)
    if grant.ended_at is not None:
        raise Refused("LP-1", "This proposal is decided already.")
    approvals.use(id_=approval.pk, kind=ApprovalKind.GRANT, content=_content(grant), by=reference_of(by))
    _put_in_force(grant, by)


@transaction.atomic
def decline_grant(*, approval: Approval, by: Person) -> None:
    """What was declined does not wait any more."""
    end_grant(grant=Grant.objects.get(approval=approval), reason=EndReason.DECLINED, by=reference_of(by))


@transaction.atomic
def end_grant(*, grant: Grant, reason: EndReason, by: bytes) -> None:
    """Take a role away, or decline a proposal, from this moment on. Raises `Refused` for the last administrator's."""
    if grant.role == Role.ADMINISTRATOR and grant.approved_at is not None:
        keep_an_administrator(besides=grant.person_id)
    now = definitions.now()
    if Grant.objects.filter(pk=grant.pk, ended_at__isnull=True).update(ended_at=now, end_reason=reason):
        _journal(Kind.GRANT_ENDED, grant, by, reason)
        if grant.approval_id is not None:
            approvals.lapse(id_=grant.approval_id, by=by)


def keep_an_administrator(*, besides: int) -> None:
    """Raise `Refused` where nobody but this person administers. In a transaction: of two at once, one waits."""
    others = Grant.objects.select_for_update().filter(role=Role.ADMINISTRATOR, ended_at__isnull=True).order_by("pk")
    administer = [grant for grant in others if grant.approved_at is not None and grant.suspended_at is None]
    people = Person.objects.filter(pk__in=[grant.person_id for grant in administer], is_active=True)
    if not people.filter(locked_at__isnull=True).exclude(pk=besides).exists():
        raise Refused("AM-4", "This is the last administrator. Give somebody else the role first.")


@transaction.atomic
def propose_grants_anew(*, person: Person, by: Person) -> None:
    """Roles in force end and wait for somebody else: who replaced a person's factors could act as them (LP-1)."""
    for grant in Grant.objects.select_for_update().filter(person=person, ended_at__isnull=True).order_by("pk"):
        end_grant(grant=grant, reason=EndReason.NEW_FACTORS, by=reference_of(by))
        propose_grant(person=person, role=Role(grant.role), reason=Reason(grant.reason), by=by)


@transaction.atomic
def suspend_grants(*, person: Person, by: bytes) -> int:
    """All roles of a person rest, as a lock asks (AM-9); how many."""
    grants = list(
        Grant.objects.select_for_update().filter(person=person, suspended_at__isnull=True, ended_at__isnull=True)
    )
    Grant.objects.filter(pk__in=[grant.pk for grant in grants]).update(suspended_at=definitions.now())
    for grant in grants:
        _journal(Kind.GRANT_SUSPENDED, grant, by)
    return len(grants)


@transaction.atomic
def restore_grants(*, person: Person, by: bytes) -> int:
    """Suspended roles are in force again."""
    grants = list(
        Grant.objects.select_for_update().filter(person=person, suspended_at__isnull=False, ended_at__isnull=True)
    )
    Grant.objects.filter(pk__in=[grant.pk for grant in grants]).update(suspended_at=None)
    for grant in grants:
        _journal(Kind.GRANT_RESTORED, grant, by)
    return len(grants)


def approvers(*, besides: tuple[int, ...] = ()) -> list[Person]:
    """Who may approve grants now."""
    may = [role for role, facts in ROLES.items() if Permission.PEOPLE_APPROVE in facts.permissions]
    held = Grant.objects.in_force().filter(role__in=may).values("person")
    return list(Person.objects.filter(pk__in=held, is_active=True, locked_at__isnull=True).exclude(pk__in=besides))


def reference_of(person: Person) -> bytes:
    """How the journal names this person this year."""
    return references.of_person(person.pk, definitions.now())


def wall_now() -> datetime:
    """The machine's own time, for what third parties judge by it: sign-in delays, codes; never a policy deadline."""
    return datetime.now(UTC)


def _content(grant: Grant) -> approvals.Content:
    """What two people decide about a role."""
    return {"person": grant.person_id, "role": str(grant.role), "reason": int(grant.reason)}


def _end_too_old(person: Person, role: Role, by: bytes) -> None:
    """A proposal that nobody approved in time does not stand in the way of the next."""
    old = Grant.objects.proposed().filter(person=person, role=role, approval__expires_at__lte=definitions.now())
    for grant in old.select_for_update(of=("self",)):
        end_grant(grant=grant, reason=EndReason.TOO_OLD, by=by)


def _put_in_force(grant: Grant, by: Person) -> None:
    grant.approved_at, grant.approved_by = definitions.now(), by
    grant.save(update_fields=["approved_at", "approved_by"])
    _journal(Kind.ROLE_GRANTED, grant, reference_of(by))


def _journal(kind: Kind, grant: Grant, by: bytes, reason: EndReason | None = None) -> None:
    now = definitions.now()
    journal.record(
        kind,
        by=by,
        facts={
            Fact.PERSON: references.of_person(grant.person_id, now),
            Fact.ROLE: ROLES[Role(grant.role)].number,
            Fact.REASON: reason or grant.reason,
        },
    )
