"""Sealed parts and the days they can be opened in. Only ciphertext reaches these tables (ES-1)."""

from django.db import models


class DayKey(models.Model):
    """A day key that was born: the hash of the token its destroy leaf will reveal. Never the key."""

    pk = models.CompositePrimaryKey("account_id", "day", "generation")
    account_id = models.BigIntegerField()
    day = models.DateField()
    generation = models.SmallIntegerField()
    token_sha256 = models.BinaryField()
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "day_key"


class SealedPart(models.Model):
    """Which write of a part is current, and the day whose key wraps it."""

    pk = models.CompositePrimaryKey("account_id", "order_ref", "part")
    account_id = models.BigIntegerField()
    order_ref = models.UUIDField()
    part = models.SmallIntegerField()
    write = models.BigIntegerField()
    day = models.DateField()

    class Meta:
        db_table = "part"
        indexes = (models.Index(fields=["account_id", "day"], name="part_by_day"),)


class Sealed(models.Model):
    """A sealed part (docs/formats/sealed-part.md). Partitioned by UTC day: forgetting a day drops its partition."""

    pk = models.CompositePrimaryKey("account_id", "day", "order_ref", "part", "write")
    account_id = models.BigIntegerField()
    day = models.DateField()
    order_ref = models.UUIDField()
    part = models.SmallIntegerField()
    write = models.BigIntegerField()
    born = models.DateField()
    generation = models.SmallIntegerField()
    bundle = models.BinaryField()
    body = models.BinaryField()
    index_email = models.BinaryField(null=True)
    index_phone = models.BinaryField(null=True)
    index_place = models.BinaryField(null=True)

    class Meta:
        db_table = "sealed"
        managed = False  # Django knows no partitioned tables; the migration makes it
