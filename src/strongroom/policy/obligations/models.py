"""Obligations: each due act that a clause creates is one row (DESIGN 1). Here they are opened and satisfied."""

from django.db import models


class Obligation(models.Model):
    """A due act. `subject` is an order's reference, or the number of a day as a UUID; `evidence` a journal entry."""

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    kind = models.CharField(max_length=24)
    clause = models.CharField(max_length=8)
    subject = models.UUIDField()
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    satisfied_at = models.DateTimeField(null=True)
    evidence = models.UUIDField(null=True)

    class Meta:
        db_table = "obligation"
        constraints = (
            models.UniqueConstraint(
                fields=["account_id", "kind", "subject"],
                condition=models.Q(satisfied_at__isnull=True),
                name="obligation_is_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(satisfied_at__isnull=True, evidence__isnull=True)
                | models.Q(satisfied_at__isnull=False, evidence__isnull=False),
                name="obligation_is_satisfied_with_evidence",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["forget day", "forget cancelled", "ask again", "explain opening"]),
                name="obligation_kind_is_known",
            ),
        )
        indexes = (models.Index(fields=["account_id", "due_at"], name="obligation_by_due"),)
