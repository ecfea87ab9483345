"""What a person signs in with besides the password, and the one link by which the first administrator comes."""

from django.db import models

from strongroom.policy.least_privilege.models import Person


class Factor(models.Model):
    """A time-based code's secret, sealed under a house key from the first moment. Local table.

    `last_step`: the newest time step whose code was used; a code works once, whichever worker sees it.
    """

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True)
    sealed = models.TextField()
    last_step = models.BigIntegerField()
    enrolled_at = models.DateTimeField()

    class Meta:
        db_table = "factor"


class FirstLink(models.Model):
    """SHA-256 of the first administrator's link, and until when it works (wall time). One row at most."""

    id = models.IntegerField(primary_key=True)
    token_sha256 = models.BinaryField()
    until = models.DateTimeField()

    class Meta:
        db_table = "first_link"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="first_link_is_one"),)
