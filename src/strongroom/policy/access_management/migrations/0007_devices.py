"""The company's devices, and the one a session is on (AM-6)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access_management", "0006_one_session"),
    ]

    operations = [
        migrations.CreateModel(
            name="Device",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40, unique=True)),
                ("kind", models.CharField(max_length=10)),
                ("company_owned", models.BooleanField()),
                ("managed", models.BooleanField()),
                ("added_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField(null=True)),
                ("retired_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "device",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("company_owned", True), ("managed", True)),
                        name="device_is_the_companys_and_managed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["computer", "tablet", "station"])), name="device_kind_is_known"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="signedin",
            name="device",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access_management.device"
            ),
        ),
    ]
