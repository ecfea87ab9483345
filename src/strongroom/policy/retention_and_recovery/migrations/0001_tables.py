from django.db import migrations, models

import strongroom.policy.definitions


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="OrderItem",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "order_ref", "line", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("order_ref", models.UUIDField()),
                ("line", models.SmallIntegerField()),
                ("order_item_id", models.CharField(max_length=40)),
                ("sku", models.CharField(max_length=80)),
                ("asin", models.CharField(max_length=20)),
                ("title", models.CharField(max_length=200)),
                ("quantity", models.IntegerField()),
                ("quantity_fulfilled", models.IntegerField()),
            ],
            options={
                "db_table": "order_item",
            },
        ),
        migrations.CreateModel(
            name="Receiver",
            fields=[
                ("account_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("watermark", models.DateTimeField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("lease_holder", models.UUIDField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("failure", models.CharField(max_length=24, null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("wanted_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "receiver",
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "ref", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("ref", models.UUIDField()),
                ("order_id", models.CharField(max_length=40, null=True)),
                ("order_hash", models.BinaryField()),
                ("hash_version", models.IntegerField()),
                ("state", models.CharField(max_length=16)),
                ("status", models.CharField(max_length=40)),
                ("fulfilled_by", models.CharField(max_length=16)),
                ("marketplace", models.CharField(max_length=24)),
                ("country", models.CharField(max_length=2, null=True)),
                ("service", models.CharField(max_length=40, null=True)),
                ("placed_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("ship_by", models.DateTimeField(null=True)),
                ("deliver_by", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField()),
                ("call", models.UUIDField()),
                ("lines", models.IntegerField()),
                ("units", models.IntegerField()),
                ("sealed_version", models.DateTimeField(null=True)),
                ("asked_at", models.DateTimeField(null=True)),
                ("data_absent", models.BooleanField()),
                ("fulfilled_at", models.DateTimeField(null=True)),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("erased_at", models.DateTimeField(null=True)),
                ("done_on", models.DateTimeField(null=True)),
                ("left_confirmed", models.BooleanField()),
                ("origin", models.CharField(max_length=8)),
            ],
            options={
                "db_table": "amazon_order",
                "indexes": [
                    models.Index(fields=["account_id", "received_at"], name="order_by_receipt"),
                    models.Index(fields=["account_id", "state", "ship_by"], name="order_by_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "order_id"), name="order_id_is_unique"),
                    models.UniqueConstraint(fields=("account_id", "order_hash"), name="order_hash_is_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    strongroom.policy.definitions.OrderState["PENDING"],
                                    strongroom.policy.definitions.OrderState["TO_SHIP"],
                                    strongroom.policy.definitions.OrderState["PART_SHIPPED"],
                                    strongroom.policy.definitions.OrderState["FULFILLED"],
                                    strongroom.policy.definitions.OrderState["CANCELLED"],
                                    strongroom.policy.definitions.OrderState["UNKNOWN"],
                                ],
                            )
                        ),
                        name="order_state_is_known",
                    ),
                    models.CheckConstraint(condition=models.Q(("origin", "amazon")), name="order_origin_is_amazon"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("erased_at__isnull", True),
                            models.Q(("done_on__isnull", False), ("order_id__isnull", True)),
                            _connector="OR",
                        ),
                        name="order_erased_keeps_no_id",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("account_id__gt", 0)), name="order_is_of_a_selling_account"
                    ),
                ],
            },
        ),
    ]
