"""People and their grants. Local tables: no account table refers to them (DESIGN 12)."""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.roles import ROLES, Role


class People(BaseUserManager["Person"]):
    """People: everybody who can sign in. The probe is nobody, so it is in no list, count or choice of ours."""

    def get_queryset(self) -> models.QuerySet["Person"]:
        return super().get_queryset().filter(is_synthetic=False)

    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email=(username or "").casefold())


class Person(AbstractBaseUser):
    """One person, one login (AM-2). `failures` counts wrong answers of any factor; at the limit it locks (AM-8).

    `locked_at`, `password_set_at` in wall time; `left_at`: the leaver's moment, `leaves_at`: the one announced, in
    policy time (AM-5). `is_synthetic`: the one probe, without any factor, of whom only the checks know.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=80)
    email = models.CharField(max_length=254, unique=True)
    is_active = models.BooleanField()
    created_at = models.DateTimeField()
    failures = models.IntegerField()
    locked_at = models.DateTimeField(null=True)
    password_set_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    leaves_at = models.DateTimeField(null=True)
    is_synthetic = models.BooleanField(default=False)

    objects: ClassVar[People] = People()
    everybody: ClassVar[models.Manager["Person"]] = models.Manager()
    USERNAME_FIELD = "email"

    class Meta:
        db_table = "person"
        constraints = (
            models.CheckConstraint(condition=models.Q(failures__gte=0), name="person_failures_are_counted"),
            models.UniqueConstraint(
                fields=["is_synthetic"], condition=models.Q(is_synthetic=True), name="person_is_one_probe"
            ),
            models.CheckConstraint(
                condition=models.Q(is_synthetic=False) | models.Q(password__startswith="!"),  # noqa: S106
                name="person_probe_has_no_password",
            ),
        )

    def __repr__(self) -> str:
        return f"<Person {self.pk}>"

    def roles(self) -> list[Role]:
        """The roles in force now, in the order of the table; read from the database each time (AM-10)."""
        granted = set(Grant.objects.in_force().filter(person=self).values_list("role", flat=True))
        return [role for role in ROLES if role in granted]

    def permissions(self, roles: Iterable[Role] | None = None) -> frozenset[Permission]:
        """All that the roles allow, read now where they are not handed in; nothing for who is not active or locked."""
        if not self.is_active or self.locked_at is not None:
            return frozenset()
        return frozenset().union(*(ROLES[role].permissions for role in (self.roles() if roles is None else roles)))


class Grants(models.QuerySet["Grant"]):
    """Grants by what they are worth."""

    def in_force(self) -> Self:
        """Approved, not suspended, not ended."""
        return self.filter(approved_at__isnull=False, suspended_at__isnull=True, ended_at__isnull=True)

    def proposed(self) -> Self:
        return self.filter(approved_at__isnull=True, ended_at__isnull=True)


class Reason(IntEnum):
    """Why a role is given. The numbers stand in the database and the journal."""

    JOB = 1
    COVER = 2
    PROJECT = 3
    AUDIT = 4
    FIRST = 5

    @property
    def words(self) -> str:
        return REASON_WORDS[self]


REASON_WORDS = {
    Reason.JOB: "part of the job",
    Reason.COVER: "covers for somebody",
    Reason.PROJECT: "a task with an end",
    Reason.AUDIT: "an audit",
    Reason.FIRST: "the first person here",
}


class EndReason(IntEnum):
    """Why a role ends. The numbers stand in the database and the journal, apart from those it was given for."""

    NOT_NEEDED = 21
    OTHER_JOB = 22
    LEFT = 23
    REVIEW = 24
    MISTAKE = 25
    DECLINED = 26
    NEW_FACTORS = 27
    TOO_OLD = 28

    @property
    def words(self) -> str:
        return END_WORDS[self]


END_WORDS = {
    EndReason.NOT_NEEDED: "no longer needed",
    EndReason.OTHER_JOB: "does another job now",
    EndReason.LEFT: "left",
    EndReason.REVIEW: "a review of access",
    EndReason.MISTAKE: "given by mistake",
    EndReason.DECLINED: "declined",
    EndReason.NEW_FACTORS: "all factors were replaced; approved anew",
    EndReason.TOO_OLD: "nobody approved it in time",
}


class ApprovalKind(StrEnum):
    """What two people decide together. The words stand in the database."""

    GRANT = "grant"
    TERMS = "terms"
    EXCEPTION = "exception"
    LATER = "later deadline"
    WITHDRAWAL = "withdrawn deadline"
    RESIDUAL = "accepted residual"


class Approvals(models.QuerySet["Approval"]):
    """Proposals by whether they still wait."""

    def waiting(self, now: datetime) -> Self:
        return self.filter(approved_at__isnull=True, declined_at__isnull=True, expires_at__gt=now)

    def usable(self, now: datetime) -> Self:
        """Approved, in time, and not used up."""
        return self.filter(approved_at__isnull=False, used_at__isnull=True, expires_at__gt=now)


class Approval(models.Model):
    """A proposal with its hash, and the one other person who approved exactly that (DESIGN 1). Local table.

    subject: what it is about, in the words of its kind; about: the person whom it is for, who never approves it either.
    content: canonical JSON of the proposal; digest: its SHA-256. The verb that needs it hashes what it is about to do:
    another hash is not approved.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=80)
    content = models.TextField()
    digest = models.BinaryField()
    reason = models.CharField(max_length=300)
    about = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    proposed_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    declined_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    declined_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    objects = Approvals.as_manager()

    class Meta:
        db_table = "approval"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True) | ~models.Q(approved_by=models.F("proposed_by")),
                name="approval_is_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True)
                | models.Q(about__isnull=True)
                | ~models.Q(approved_by=models.F("about")),
                name="approval_is_not_by_whom_it_is_for",
            ),
            models.CheckConstraint(
                condition=models.Q(approved_at__isnull=True, approved_by__isnull=True, used_at__isnull=True)
                | models.Q(approved_at__isnull=False, approved_by__isnull=False, declined_at__isnull=True),
                name="approval_is_given_before_it_is_used",
            ),
            models.CheckConstraint(condition=models.Q(kind__in=list(ApprovalKind)), name="approval_kind_is_known"),
        )
        indexes = (models.Index(fields=["kind", "proposed_at"], name="approval_by_kind"),)


class Grant(models.Model):
    """A role proposed for a person, by whom, why and approved by whom; ended, never deleted.

    It waits for its approval like everything that two people decide. Without one it was given at once by whoever could
    ask nobody else: then it is shown as a deficiency (LP-1).
    """

    id = models.BigAutoField(primary_key=True)
    person = models.ForeignKey(Person, models.PROTECT, related_name="grants")
    role = models.CharField(max_length=20)
    reason = models.SmallIntegerField(default=Reason.FIRST)
    granted_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField()
    granted_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    suspended_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.SmallIntegerField(null=True)
    approval = models.OneToOneField(Approval, models.PROTECT, null=True, related_name="grant")

    objects = Grants.as_manager()

    class Meta:
        db_table = "role_grant"
        constraints = (
            models.UniqueConstraint(
                fields=["person", "role"], condition=models.Q(ended_at__isnull=True), name="grant_is_given_once"
            ),
            models.CheckConstraint(condition=models.Q(role__in=list(Role)), name="grant_role_is_known"),
            models.CheckConstraint(
                condition=models.Q(approved_at__isnull=True)
                | models.Q(approved_by__isnull=True)
                | models.Q(approved_by=models.F("granted_by"))
                | models.Q(approval__isnull=False),
                name="grant_by_another_has_an_approval",
            ),
        )

    @property
    def is_self_approved(self) -> bool:
        return self.approved_at is not None and (
            self.approved_by_id is None or self.approved_by_id == self.granted_by_id
        )
