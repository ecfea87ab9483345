from django.db import migrations, models

import strongroom.policy.retention_and_recovery.models


class Migration(migrations.Migration):
    dependencies = [
        ("retention_and_recovery", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Parcel",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "order_ref",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("order_ref", models.UUIDField()),
                ("number", models.SmallIntegerField()),
                ("state", models.CharField(max_length=10)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.UUIDField()),
                ("left_at", models.DateTimeField(null=True)),
                ("left_by", models.UUIDField(null=True)),
                ("version", models.IntegerField()),
                ("told_version", models.IntegerField()),
                ("told_at", models.DateTimeField(null=True)),
                ("tries", models.IntegerField()),
                ("try_at", models.DateTimeField(null=True)),
                ("asked", models.BooleanField()),
                ("problem", models.CharField(max_length=40, null=True)),
            ],
            options={
                "db_table": "parcel",
            },
        ),
        migrations.CreateModel(
            name="ParcelItem",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "order_ref",
                        "number",
                        "line",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("order_ref", models.UUIDField()),
                ("number", models.SmallIntegerField()),
                ("line", models.SmallIntegerField()),
                ("quantity", models.IntegerField()),
            ],
            options={
                "db_table": "parcel_item",
            },
        ),
        migrations.CreateModel(
            name="Stock",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "sku", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("sku", models.CharField(max_length=80)),
                ("title", models.CharField(max_length=80)),
                ("warehouse", models.CharField(max_length=20)),
                ("bin", models.CharField(max_length=20)),
                ("weight", models.IntegerField(null=True)),
                ("value", models.IntegerField(null=True)),
                ("currency", models.CharField(max_length=3)),
                ("hs_code", models.CharField(max_length=12)),
                ("origin", models.CharField(max_length=2)),
            ],
            options={
                "db_table": "stock",
            },
        ),
        migrations.CreateModel(
            name="Wave",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("number", models.IntegerField()),
                ("made_at", models.DateTimeField()),
                ("by", models.UUIDField()),
                ("warehouse", models.CharField(max_length=20)),
                ("orders", models.IntegerField()),
            ],
            options={
                "db_table": "wave",
            },
        ),
        migrations.AddField(
            model_name="order",
            name="held_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="held_for",
            field=models.SmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="priority",
            field=models.SmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="order",
            name="warehouse",
            field=models.CharField(default="", max_length=20),
        ),
        migrations.AddField(
            model_name="order",
            name="wave",
            field=models.IntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("done_on__isnull", True), ("fulfilled_by", "MERCHANT")),
                fields=["account_id", "ship_by", "-priority", "ref"],
                name="order_by_urgency",
            ),
        ),
        migrations.AddIndex(
            model_name="parcel",
            index=models.Index(fields=["account_id", "state", "try_at"], name="parcel_by_state"),
        ),
        migrations.AddConstraint(
            model_name="parcel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            strongroom.policy.retention_and_recovery.models.ParcelState["PACKING"],
                            strongroom.policy.retention_and_recovery.models.ParcelState["LEFT"],
                            strongroom.policy.retention_and_recovery.models.ParcelState["TOLD"],
                            strongroom.policy.retention_and_recovery.models.ParcelState["REFUSED"],
                        ],
                    )
                ),
                name="parcel_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="parcel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("left_at__isnull", True), ("state", "packing")),
                    models.Q(models.Q(("state", "packing"), _negated=True), ("left_at__isnull", False)),
                    _connector="OR",
                ),
                name="parcel_left_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="parcelitem",
            constraint=models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="parcel_item_is_something"),
        ),
    ]
