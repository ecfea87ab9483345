"""Cases: what each high alarm becomes, an incident or a dismissal in writing (DF-4)."""

from django.db import models


class Case(models.Model):
    """One alarm's case. Account table. `owner`: a person's number, 0 while nobody has it; `decided_by` a reference.

    words: why it was dismissed, or what the incident is; looked at before it is saved, and never changed after.
    """

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    number = models.IntegerField()
    alarm_account = models.BigIntegerField()
    alarm = models.UUIDField()
    alarm_kind = models.CharField(max_length=24)
    opened_at = models.DateTimeField()
    owner = models.BigIntegerField()
    decision = models.CharField(max_length=10)
    words = models.CharField(max_length=600)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.UUIDField(null=True)

    class Meta:
        db_table = "incident_case"
        constraints = (
            models.UniqueConstraint(fields=["account_id", "number"], name="case_number_is_unique"),
            models.UniqueConstraint(fields=["account_id", "alarm_account", "alarm"], name="case_is_one_an_alarm"),
            models.CheckConstraint(
                condition=models.Q(decision="open", decided_at__isnull=True, decided_by__isnull=True)
                | models.Q(decision__in=["incident", "dismissed"], decided_at__isnull=False, decided_by__isnull=False)
                & ~models.Q(words=""),
                name="case_is_decided_in_writing",
            ),
        )
        indexes = (models.Index(fields=["account_id", "decision", "opened_at"], name="case_by_decision"),)
