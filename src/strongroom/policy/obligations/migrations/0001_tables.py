from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Obligation",
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
                ("clause", models.CharField(max_length=8)),
                ("subject", models.UUIDField()),
                ("opened_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("satisfied_at", models.DateTimeField(null=True)),
                ("evidence", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "obligation",
                "indexes": [models.Index(fields=["account_id", "due_at"], name="obligation_by_due")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("satisfied_at__isnull", True)),
                        fields=("account_id", "kind", "subject"),
                        name="obligation_is_open_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("evidence__isnull", True), ("satisfied_at__isnull", True)),
                            models.Q(("evidence__isnull", False), ("satisfied_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="obligation_is_satisfied_with_evidence",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["forget day", "forget cancelled", "ask again"])),
                        name="obligation_kind_is_known",
                    ),
                ],
            },
        ),
    ]
