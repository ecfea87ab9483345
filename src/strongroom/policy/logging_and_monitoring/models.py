"""Tables of the journal, the API log and what names accounts and people without naming them (LM-1 to LM-6)."""

from django.db import models


class SellingAccount(models.Model):
    """A selling account. Reference table: small, read everywhere. 0 is the installation, -1 synthetic probes."""

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=80)
    region = models.CharField(max_length=8)
    added_at = models.DateTimeField()

    class Meta:
        db_table = "selling_account"


class Installation(models.Model):
    """The one row that says what this installation is. Local table.

    journal_key: the verifier key that its journal began with; another key in the journal's folder is a forger's (LM-2).
    """

    id = models.IntegerField(primary_key=True)
    mode = models.CharField(max_length=12)
    origin = models.CharField(max_length=200)
    company = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    journal_key = models.CharField(max_length=200, null=True)

    class Meta:
        db_table = "installation"
        constraints = (
            models.CheckConstraint(condition=models.Q(id=1), name="installation_is_one_row"),
            models.CheckConstraint(
                condition=models.Q(mode__in=["live", "rehearsal"]), name="installation_mode_is_known"
            ),
        )


class Entry(models.Model):
    """One record of the journal: canonical bytes (docs/formats/leaf.md), salt, columns to find it by. Append-only."""

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    kind = models.SmallIntegerField()
    outcome = models.SmallIntegerField()
    at = models.DateTimeField()
    subject = models.UUIDField(null=True)
    by = models.UUIDField()
    payload = models.BinaryField()
    salt = models.BinaryField()

    class Meta:
        db_table = "entry"
        indexes = (
            models.Index(fields=["account_id", "subject", "at"], name="entry_by_subject"),
            models.Index(fields=["account_id", "at"], name="entry_by_time"),
            models.Index(fields=["account_id", "kind", "at"], name="entry_by_kind"),
        )


class Pending(models.Model):
    """An entry that has no place in the tree yet. Written with it, deleted by the sequencer."""

    pk = models.CompositePrimaryKey("account_id", "entry")
    account_id = models.BigIntegerField()
    entry = models.UUIDField()

    class Meta:
        db_table = "pending"


class Leaf(models.Model):
    """Where an entry stands in the tree. Insert-only, by the sequencer."""

    pk = models.CompositePrimaryKey("account_id", "entry")
    account_id = models.BigIntegerField()
    entry = models.UUIDField()
    index = models.BigIntegerField()

    class Meta:
        db_table = "leaf"
        constraints = (models.UniqueConstraint(fields=["account_id", "index"], name="leaf_index_is_unique"),)


class ApiCall(models.Model):
    """One call of Amazon: written before it is made, completed after. Never a body (LM-6)."""

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    operation = models.CharField(max_length=40)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    status = models.IntegerField(null=True)
    outcome = models.CharField(max_length=24)
    request_id = models.CharField(max_length=64, null=True)
    rate_limit = models.CharField(max_length=16, null=True)
    milliseconds = models.IntegerField(null=True)
    dropped_fields = models.IntegerField(null=True)

    class Meta:
        db_table = "api_call"
        indexes = (models.Index(fields=["account_id", "began_at"], name="api_call_by_time"),)


class Alarm(models.Model):
    """Something a person must look at. Told upwards as a row; closed by the case that answers it (DF-4).

    level: 1 a notice, 2 high: an incident or a written dismissal must follow.
    """

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    kind = models.CharField(max_length=24)
    subject = models.UUIDField()
    count = models.BigIntegerField()
    level = models.SmallIntegerField(default=2)
    raised_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "alarm"
        constraints = (
            models.UniqueConstraint(
                fields=["account_id", "kind", "subject"],
                condition=models.Q(closed_at__isnull=True),
                name="alarm_is_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=[
                        "carry",
                        "absent data",
                        "lockout",
                        "openings",
                        "promise broken",
                        "watch lost",
                        "forged verdict",
                        "deadline missed",
                        "probe failed",
                    ]
                ),
                name="alarm_kind_is_known",
            ),
        )


class Bucket(models.Model):
    """Tokens left for one operation of one account, shared by all processes. Local table."""

    id = models.BigAutoField(primary_key=True)
    selling_account = models.BigIntegerField()
    operation = models.CharField(max_length=40)
    tokens = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        db_table = "bucket"
        constraints = (
            models.UniqueConstraint(fields=["selling_account", "operation"], name="bucket_is_one_an_operation"),
        )


class SignInDetail(models.Model):
    """From which browser and place a session began. Local table, a partition a month, dropped after the term (LM-4).

    agent: a coarse word for the browser; place: the first eight characters of a keyed hash of its address.
    """

    pk = models.CompositePrimaryKey("at", "session")
    session = models.UUIDField()
    at = models.DateTimeField()
    agent = models.CharField(max_length=40)
    place = models.CharField(max_length=8)

    class Meta:
        db_table = "sign_in_detail"
        managed = False  # Django knows no partitioned tables; the migration makes it


class PersonReference(models.Model):
    """Who a random reference of one year stands for. Local table; it dies with the person, the journal does not."""

    reference = models.UUIDField(primary_key=True)
    person = models.BigIntegerField()
    year = models.SmallIntegerField()

    class Meta:
        db_table = "person_reference"
        constraints = (models.UniqueConstraint(fields=["person", "year"], name="person_reference_is_one_a_year"),)
