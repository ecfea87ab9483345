"""Invitations, sessions, devices, credentials, old passwords, counted failures. Factors are allauth's, sealed by us."""

from enum import IntEnum

from django.db import models

from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring.models import SignInDetail


class FirstLink(models.Model):
    """SHA-256 of the first administrator's link, and until when it works (wall time). One row at most."""

    id = models.IntegerField(primary_key=True)
    token_sha256 = models.BinaryField()
    until = models.DateTimeField()

    class Meta:
        db_table = "first_link"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="first_link_is_one"),)


class Invitation(models.Model):
    """SHA-256 of the one link by which a new person sets password and factor, within a day (wall time)."""

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True)
    token_sha256 = models.BinaryField(unique=True)
    until = models.DateTimeField()

    class Meta:
        db_table = "invitation"


class CommandToken(models.Model):
    """SHA-256 of the token by which a person acts at a terminal, for ten minutes (wall time)."""

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True)
    token_sha256 = models.BinaryField(unique=True)
    until = models.DateTimeField()

    class Meta:
        db_table = "command_token"


class Device(models.Model):
    """A company's device that may show personal data (AM-6). Local table; personal devices cannot be recorded.

    owner: whose it is, always the company; managed: locked disk, updates, screen lock.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=10)
    company_owned = models.BooleanField()
    managed = models.BooleanField()
    added_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "device"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(company_owned=True, managed=True), name="device_is_the_companys_and_managed"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["computer", "tablet", "station"]), name="device_kind_is_known"
            ),
        )


class SignedIn(models.Model):
    """A session: whose, since when, by which factor. Its end here ends it at once, whatever the cookie says (AM-10).

    Where it was is a log's business and forgotten with it (LM-4).
    """

    id = models.UUIDField(primary_key=True)
    person = models.ForeignKey(Person, models.CASCADE, related_name="sessions")
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    factor = models.SmallIntegerField()
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "signed_in"
        constraints = (
            models.UniqueConstraint(
                fields=["person"], condition=models.Q(ended_at__isnull=True), name="signed_in_is_one_a_person"
            ),
        )

    @property
    def agent(self) -> str:
        """A coarse word for the browser, as long as the log keeps it."""
        found = SignInDetail.objects.filter(session=self.pk).values_list("agent", flat=True).first()
        return found or "not kept any more"


class ProbeSession(models.Model):
    """The cookie of the probe's session, for the checks to look at pages with (DESIGN 3). One row; wall time.

    The website makes a new one each hour. It opens the synthetic account and pages that hold nobody; no person's
    session is ever kept like this.
    """

    id = models.IntegerField(primary_key=True)
    cookie = models.CharField(max_length=64)
    session = models.UUIDField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "probe_session"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="probe_session_is_one"),)


class Credential(models.Model):
    """A credential of Amazon's: since when it is the one in use, known again by a salted fingerprint (AZ-5).

    fingerprint: scrypt of the credential under the salt; whoever has the row learns nothing from it.
    """

    name = models.CharField(max_length=40, primary_key=True)
    salt = models.BinaryField()
    fingerprint = models.BinaryField()
    since = models.DateTimeField()

    class Meta:
        db_table = "credential"


class OldPassword(models.Model):
    """The argon2 hash of a password somebody had; the last ones are not taken again (AZ-2). The database keeps it."""

    id = models.BigAutoField(primary_key=True)
    person = models.ForeignKey(Person, models.CASCADE, related_name="old_passwords")
    password = models.CharField(max_length=128)
    set_at = models.DateTimeField()

    class Meta:
        db_table = "old_password"


class Counted(IntEnum):
    """What tries are counted by, where they count against no person. The numbers stand in the database."""

    PLACE = 1
    NOBODY = 2


class Attempts(models.Model):
    """How often somebody tried to sign in from one place, or with an address of nobody. `source`: a keyed hash."""

    source = models.BinaryField(primary_key=True)
    kind = models.SmallIntegerField()
    began_at = models.DateTimeField()
    count = models.IntegerField()

    class Meta:
        db_table = "attempts"
        indexes = (models.Index(fields=["kind", "began_at"], name="attempts_by_age"),)
