"""People and their grants. Local tables: no account table refers to them (DESIGN 12)."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.roles import ROLES, Role


class People(BaseUserManager["Person"]):
    """Finds people by e-mail, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email=(username or "").casefold())


class Person(AbstractBaseUser):
    """One person, one login (AM-2). `failures` and `refused_until` count wrong passwords and codes, in wall time."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=80)
    email = models.CharField(max_length=254, unique=True)
    is_active = models.BooleanField()
    created_at = models.DateTimeField()
    failures = models.IntegerField()
    refused_until = models.DateTimeField(null=True)

    objects: ClassVar[People] = People()
    USERNAME_FIELD = "email"

    class Meta:
        db_table = "person"
        constraints = (models.CheckConstraint(condition=models.Q(failures__gte=0), name="person_failures_are_counted"),)

    def __repr__(self) -> str:
        return f"<Person {self.pk}>"

    def roles(self) -> list[Role]:
        """The roles granted now, in the order of the table."""
        granted = set(Grant.objects.filter(person=self, ended_at__isnull=True).values_list("role", flat=True))
        return [role for role in ROLES if role in granted]

    def permissions(self) -> frozenset[Permission]:
        """All that the roles allow; nothing for who is not active."""
        if not self.is_active:
            return frozenset()
        return frozenset().union(*(ROLES[role].permissions for role in self.roles()))


class Grant(models.Model):
    """A role given to a person, by whom and why; ended, never deleted."""

    id = models.BigAutoField(primary_key=True)
    person = models.ForeignKey(Person, models.PROTECT, related_name="grants")
    role = models.CharField(max_length=20)
    granted_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField()
    granted_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "role_grant"
        constraints = (
            models.UniqueConstraint(
                fields=["person", "role"], condition=models.Q(ended_at__isnull=True), name="grant_is_given_once"
            ),
            models.CheckConstraint(condition=models.Q(role__in=list(Role)), name="grant_role_is_known"),
        )
