from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Sealed",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "day",
                        "order_ref",
                        "part",
                        "write",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("order_ref", models.UUIDField()),
                ("part", models.SmallIntegerField()),
                ("write", models.BigIntegerField()),
                ("born", models.DateField()),
                ("generation", models.SmallIntegerField()),
                ("bundle", models.BinaryField()),
                ("body", models.BinaryField()),
                ("index_email", models.BinaryField(null=True)),
                ("index_phone", models.BinaryField(null=True)),
                ("index_place", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "sealed",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="DayKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "day", "generation", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("generation", models.SmallIntegerField()),
                ("token_sha256", models.BinaryField()),
                ("dropped_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "day_key",
            },
        ),
        migrations.CreateModel(
            name="SealedPart",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "order_ref", "part", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("order_ref", models.UUIDField()),
                ("part", models.SmallIntegerField()),
                ("write", models.BigIntegerField()),
                ("day", models.DateField()),
            ],
            options={
                "db_table": "part",
                "indexes": [models.Index(fields=["account_id", "day"], name="part_by_day")],
            },
        ),
    ]
