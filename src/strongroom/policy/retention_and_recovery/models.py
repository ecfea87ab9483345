"""Orders without people: states, dates and counts. What could name a customer is sealed elsewhere and dies."""

from enum import StrEnum

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
    priority = models.SmallIntegerField(default=0)
    warehouse = models.CharField(max_length=20, default="")
    wave = models.IntegerField(null=True)
    held_for = models.SmallIntegerField(null=True)
    held_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "amazon_order"
        constraints = (
            models.UniqueConstraint(fields=["account_id", "order_id"], name="order_id_is_unique"),
            models.UniqueConstraint(fields=["account_id", "order_hash"], name="order_hash_is_unique"),
            models.CheckConstraint(condition=models.Q(state__in=list(OrderState)), name="order_state_is_known"),
            models.CheckConstraint(
                condition=models.Q(account_id__gt=0, origin="amazon") | models.Q(account_id=-1, origin="probe"),
                name="order_has_its_origin",
            ),
            models.CheckConstraint(
                condition=models.Q(erased_at__isnull=True) | models.Q(order_id__isnull=True, done_on__isnull=False),
                name="order_erased_keeps_no_id",
            ),
            models.CheckConstraint(
                condition=models.Q(account_id__gt=0) | models.Q(account_id=-1, order_id__isnull=True),
                name="order_is_of_a_selling_account",
            ),
        )
        indexes = (
            models.Index(fields=["account_id", "received_at"], name="order_by_receipt"),
            models.Index(fields=["account_id", "call"], name="order_by_call"),
            models.Index(fields=["account_id", "state", "ship_by"], name="order_by_state"),
            models.Index(
                fields=["account_id", "ship_by", "-priority", "ref"],
                condition=models.Q(done_on__isnull=True, fulfilled_by="MERCHANT"),
                name="order_by_urgency",
            ),
            models.Index(
                fields=["account_id"],
                condition=models.Q(cancelled_at__isnull=False, state__in=[OrderState.TO_SHIP, OrderState.PART_SHIPPED]),
                name="order_reopened",
            ),
        )

    @property
    def state_words(self) -> str:
        """The state as people read it: our own last parcel counts before Amazon's word arrives."""
        if self.is_reopened:
            return OrderState.CANCELLED
        return "despatched" if self.fulfilled_at is not None and self.state != OrderState.CANCELLED else self.state

    @property
    def is_reopened(self) -> bool:
        """Whether Amazon says again that a cancelled order must ship; what was done is never sealed again (RR-2)."""
        return self.cancelled_at is not None and self.state in (OrderState.TO_SHIP, OrderState.PART_SHIPPED)


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


class Stock(models.Model):
    """What is known of a SKU: where it lies and what customs must be told. No person; account table.

    `value` in hundredths of `currency`, `weight` in grams; `hs_code` and `origin` (ISO 3166) for CN22 and CN23.
    """

    pk = models.CompositePrimaryKey("account_id", "sku")
    account_id = models.BigIntegerField()
    sku = models.CharField(max_length=80)
    title = models.CharField(max_length=80)
    warehouse = models.CharField(max_length=20)
    bin = models.CharField(max_length=20)
    weight = models.IntegerField(null=True)
    value = models.IntegerField(null=True)
    currency = models.CharField(max_length=3)
    hs_code = models.CharField(max_length=12)
    origin = models.CharField(max_length=2)

    class Meta:
        db_table = "stock"


class Wave(models.Model):
    """Orders picked together. Account table; `by` a person's reference."""

    pk = models.CompositePrimaryKey("account_id", "number")
    account_id = models.BigIntegerField()
    number = models.IntegerField()
    made_at = models.DateTimeField()
    by = models.UUIDField()
    warehouse = models.CharField(max_length=20)
    orders = models.IntegerField()

    class Meta:
        db_table = "wave"


class ParcelState(StrEnum):
    """Where a parcel is. The words stand in the database."""

    PACKING = "packing"
    LEFT = "left"
    TOLD = "told"
    REFUSED = "refused"


class Parcel(models.Model):
    """One parcel of an order. Carrier and tracking number are sealed; here is when it left, and whether Amazon knows.

    `number` counts within the order and is the package reference Amazon is told; `version` counts what was told.
    `purchase`: where a label is bought through Amazon; `asked` there means that a purchase may have been made.
    """

    pk = models.CompositePrimaryKey("account_id", "order_ref", "number")
    account_id = models.BigIntegerField()
    order_ref = models.UUIDField()
    number = models.SmallIntegerField()
    state = models.CharField(max_length=10)
    made_at = models.DateTimeField()
    made_by = models.UUIDField()
    left_at = models.DateTimeField(null=True)
    left_by = models.UUIDField(null=True)
    version = models.IntegerField()
    told_version = models.IntegerField()
    told_at = models.DateTimeField(null=True)
    tries = models.IntegerField()
    try_at = models.DateTimeField(null=True)
    asked = models.BooleanField()
    purchase = models.CharField(max_length=8, null=True)
    shipment = models.CharField(max_length=100, null=True)
    printer = models.BigIntegerField(null=True)
    problem = models.CharField(max_length=40, null=True)

    class Meta:
        db_table = "parcel"
        constraints = (
            models.CheckConstraint(condition=models.Q(account_id__gt=0), name="parcel_is_of_a_selling_account"),
            models.CheckConstraint(condition=models.Q(state__in=list(ParcelState)), name="parcel_state_is_known"),
            models.CheckConstraint(
                condition=models.Q(purchase__isnull=True)
                | models.Q(purchase__in=["wanted", "asked", "bought", "refused"]),
                name="parcel_purchase_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state="packing", left_at__isnull=True)
                | (~models.Q(state="packing") & models.Q(left_at__isnull=False)),
                name="parcel_left_at_a_time",
            ),
        )
        indexes = (models.Index(fields=["account_id", "state", "try_at"], name="parcel_by_state"),)


class ParcelItem(models.Model):
    """How many pieces of an order's line are in a parcel; dies with the line."""

    pk = models.CompositePrimaryKey("account_id", "order_ref", "number", "line")
    account_id = models.BigIntegerField()
    order_ref = models.UUIDField()
    number = models.SmallIntegerField()
    line = models.SmallIntegerField()
    quantity = models.IntegerField()

    class Meta:
        db_table = "parcel_item"
        constraints = (models.CheckConstraint(condition=models.Q(quantity__gt=0), name="parcel_item_is_something"),)


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
