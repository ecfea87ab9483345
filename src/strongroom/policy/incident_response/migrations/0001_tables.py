"""Cases of alarms (DF-4)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Case",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("number", models.IntegerField()),
                ("alarm_account", models.BigIntegerField()),
                ("alarm", models.UUIDField()),
                ("alarm_kind", models.CharField(max_length=24)),
                ("opened_at", models.DateTimeField()),
                ("owner", models.BigIntegerField()),
                ("decision", models.CharField(max_length=10)),
                ("words", models.CharField(max_length=600)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "incident_case",
                "indexes": [models.Index(fields=["account_id", "decision", "opened_at"], name="case_by_decision")],
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "number"), name="case_number_is_unique"),
                    models.UniqueConstraint(
                        fields=("account_id", "alarm_account", "alarm"), name="case_is_one_an_alarm"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at__isnull", True), ("decided_by__isnull", True), ("decision", "open")),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                                ("decision__in", ["incident", "dismissed"]),
                                models.Q(("words", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="case_is_decided_in_writing",
                    ),
                ],
            },
        ),
    ]
