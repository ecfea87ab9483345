from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Pending",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "entry", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("entry", models.UUIDField()),
            ],
            options={
                "db_table": "pending",
            },
        ),
        migrations.CreateModel(
            name="SellingAccount",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("region", models.CharField(max_length=8)),
                ("added_at", models.DateTimeField()),
            ],
            options={
                "db_table": "selling_account",
            },
        ),
        migrations.CreateModel(
            name="Alarm",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("kind", models.CharField(max_length=24)),
                ("subject", models.UUIDField()),
                ("count", models.BigIntegerField()),
                ("raised_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "alarm",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=("account_id", "kind", "subject"),
                        name="alarm_is_open_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["carry", "absent data"])), name="alarm_kind_is_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiCall",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("operation", models.CharField(max_length=40)),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("status", models.IntegerField(null=True)),
                ("outcome", models.CharField(max_length=24)),
                ("request_id", models.CharField(max_length=64, null=True)),
                ("rate_limit", models.CharField(max_length=16, null=True)),
                ("milliseconds", models.IntegerField(null=True)),
                ("dropped_fields", models.IntegerField(null=True)),
            ],
            options={
                "db_table": "api_call",
                "indexes": [models.Index(fields=["account_id", "began_at"], name="api_call_by_time")],
            },
        ),
        migrations.CreateModel(
            name="Bucket",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("selling_account", models.BigIntegerField()),
                ("operation", models.CharField(max_length=40)),
                ("tokens", models.FloatField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "bucket",
                "constraints": [
                    models.UniqueConstraint(fields=("selling_account", "operation"), name="bucket_is_one_an_operation")
                ],
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("kind", models.SmallIntegerField()),
                ("outcome", models.SmallIntegerField()),
                ("at", models.DateTimeField()),
                ("subject", models.UUIDField(null=True)),
                ("by", models.UUIDField()),
                ("payload", models.BinaryField()),
                ("salt", models.BinaryField()),
            ],
            options={
                "db_table": "entry",
                "indexes": [
                    models.Index(fields=["account_id", "subject", "at"], name="entry_by_subject"),
                    models.Index(fields=["account_id", "at"], name="entry_by_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Installation",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("mode", models.CharField(max_length=12)),
                ("origin", models.CharField(max_length=200)),
                ("company", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "installation",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="installation_is_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["live", "rehearsal"])), name="installation_mode_is_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "entry", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("entry", models.UUIDField()),
                ("index", models.BigIntegerField()),
            ],
            options={
                "db_table": "leaf",
                "constraints": [models.UniqueConstraint(fields=("account_id", "index"), name="leaf_index_is_unique")],
            },
        ),
        migrations.CreateModel(
            name="PersonReference",
            fields=[
                ("reference", models.UUIDField(primary_key=True, serialize=False)),
                ("person", models.BigIntegerField()),
                ("year", models.SmallIntegerField()),
            ],
            options={
                "db_table": "person_reference",
                "constraints": [
                    models.UniqueConstraint(fields=("person", "year"), name="person_reference_is_one_a_year")
                ],
            },
        ),
    ]
