import django.db.models.deletion
from django.db import migrations, models

import strongroom.policy.encryption_and_storage.models


class Migration(migrations.Migration):
    dependencies = [
        ("encryption_and_storage", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="LabelPrint",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("order_ref", models.UUIDField()),
                ("parcel", models.SmallIntegerField()),
                ("reason", models.SmallIntegerField()),
                ("copies", models.SmallIntegerField()),
                ("printer", models.BigIntegerField()),
                ("by", models.UUIDField()),
                ("state", models.CharField(max_length=10)),
                ("queued_at", models.DateTimeField()),
                ("since", models.DateTimeField()),
                ("try_at", models.DateTimeField()),
                ("tries", models.IntegerField()),
                ("claimed_until", models.DateTimeField(null=True)),
                ("job", models.IntegerField(null=True)),
                ("problem", models.CharField(max_length=40, null=True)),
                ("decided_by", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "label_print",
                "indexes": [
                    models.Index(fields=["account_id", "order_ref"], name="label_print_by_order"),
                    models.Index(fields=["account_id", "state", "try_at"], name="label_print_by_state"),
                    models.Index(fields=["account_id", "queued_at"], name="label_print_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("reason", strongroom.policy.encryption_and_storage.models.PrintReason["FIRST"]),
                            models.Q(("state__in", ["stopped", "lost"]), _negated=True),
                        ),
                        fields=("account_id", "order_ref", "parcel"),
                        name="label_is_printed_first_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    strongroom.policy.encryption_and_storage.models.PrintState["QUEUED"],
                                    strongroom.policy.encryption_and_storage.models.PrintState["SENT"],
                                    strongroom.policy.encryption_and_storage.models.PrintState["CONFIRMED"],
                                    strongroom.policy.encryption_and_storage.models.PrintState["UNKNOWN"],
                                    strongroom.policy.encryption_and_storage.models.PrintState["STOPPED"],
                                    strongroom.policy.encryption_and_storage.models.PrintState["LOST"],
                                ],
                            )
                        ),
                        name="label_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "reason__in",
                                [
                                    strongroom.policy.encryption_and_storage.models.PrintReason["FIRST"],
                                    strongroom.policy.encryption_and_storage.models.PrintReason["DAMAGED"],
                                    strongroom.policy.encryption_and_storage.models.PrintReason["MISFEED"],
                                    strongroom.policy.encryption_and_storage.models.PrintReason["MISSING"],
                                    strongroom.policy.encryption_and_storage.models.PrintReason["DID_NOT_COME_OUT"],
                                ],
                            )
                        ),
                        name="label_reason_is_known",
                    ),
                    models.CheckConstraint(condition=models.Q(("copies", 1)), name="label_is_one_copy"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Printer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=20, unique=True)),
                ("place", models.CharField(max_length=40)),
                ("uri", models.CharField(max_length=200)),
                ("fingerprint", models.BinaryField()),
                ("format", models.CharField(max_length=4)),
                ("added_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
                ("condition", models.CharField(max_length=12)),
                ("reasons", models.CharField(max_length=120)),
                ("asked_at", models.DateTimeField(null=True)),
                (
                    "second",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="encryption_and_storage.printer",
                    ),
                ),
            ],
            options={
                "db_table": "printer",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("uri__startswith", "ipps://")), name="printer_speaks_tls_only"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("format__in", ["pdf", "zpl"])), name="printer_format_is_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("condition__in", ["unasked", "ready", "busy", "stopped", "down", "wrong"])),
                        name="printer_condition_is_known",
                    ),
                ],
            },
        ),
    ]
