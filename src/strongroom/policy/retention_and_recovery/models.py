"""Orders without people: states, dates and counts. What could name a customer is sealed elsewhere and dies."""

from django.db import models

from strongroom.policy.definitions import OrderState


class Order(models.Model):
    """One order. `order_id` (Amazon's) and the item lines live as long as the order's PII; then a keyed hash remains.

    `done_on` is a latch: an order once fulfilled, cancelled or erased is never sealed again (RR-2).
    """

    pk = models.CompositePrimaryKey("account_id", "ref")
    account_id = models.BigIntegerField()
    ref = models.UUIDField()
    order_id = models.CharField(max_length=40, null=True)
    order_hash = models.BinaryField()
    hash_version = models.IntegerField()
    state = models.CharField(max_length=16)
    status = models.CharField(max_length=40)
    fulfilled_by = models.CharField(max_length=16)
    marketplace = models.CharField(max_length=24)
    country = models.CharField(max_length=2, null=True)
    service = models.CharField(max_length=40, null=True)
    placed_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    received_at = models.DateTimeField()
    ship_by = models.DateTimeField(null=True)
    deliver_by = models.DateTimeField(null=True)
    answered_at = models.DateTimeField()
    call = models.UUIDField()
    lines = models.IntegerField()
    units = models.IntegerField()
    sealed_version = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    data_absent = models.BooleanField()
    fulfilled_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    done_on = models.DateTimeField(null=True)
    left_confirmed = models.BooleanField()
    origin = models.CharField(max_length=8)

    class Meta:
        db_table = "amazon_order"
        constraints = (
            models.UniqueConstraint(fields=["account_id", "order_id"], name="order_id_is_unique"),
            models.UniqueConstraint(fields=["account_id", "order_hash"], name="order_hash_is_unique"),
            models.CheckConstraint(condition=models.Q(state__in=list(OrderState)), name="order_state_is_known"),
            models.CheckConstraint(condition=models.Q(origin="amazon"), name="order_origin_is_amazon"),
            models.CheckConstraint(
                condition=models.Q(erased_at__isnull=True) | models.Q(order_id__isnull=True, done_on__isnull=False),
                name="order_erased_keeps_no_id",
            ),
            models.CheckConstraint(condition=models.Q(account_id__gt=0), name="order_is_of_a_selling_account"),
        )
        indexes = (
            models.Index(fields=["account_id", "received_at"], name="order_by_receipt"),
            models.Index(fields=["account_id", "state", "ship_by"], name="order_by_state"),
        )


class OrderItem(models.Model):
    """One line of an order; dies with the order's PII (DF-3: purchases)."""

    pk = models.CompositePrimaryKey("account_id", "order_ref", "line")
    account_id = models.BigIntegerField()
    order_ref = models.UUIDField()
    line = models.SmallIntegerField()
    order_item_id = models.CharField(max_length=40)
    sku = models.CharField(max_length=80)
    asin = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    quantity = models.IntegerField()
    quantity_fulfilled = models.IntegerField()

    class Meta:
        db_table = "order_item"


class Receiver(models.Model):
    """How far Amazon was read for an account, and which worker holds the lease."""

    account_id = models.BigIntegerField(primary_key=True)
    watermark = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_holder = models.UUIDField(null=True)
    answered_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=24, null=True)
    failed_at = models.DateTimeField(null=True)
    wanted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "receiver"
