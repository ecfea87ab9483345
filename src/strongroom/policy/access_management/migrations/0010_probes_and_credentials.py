"""The probe's session, and since when each of Amazon's credentials is in use."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access_management", "0009_sign_in_detail"), ("least_privilege", "0008_probe")]

    operations = [
        migrations.CreateModel(
            name="Credential",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("salt", models.BinaryField()),
                ("fingerprint", models.BinaryField()),
                ("since", models.DateTimeField()),
            ],
            options={"db_table": "credential"},
        ),
        migrations.CreateModel(
            name="ProbeSession",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("cookie", models.CharField(max_length=64)),
                ("session", models.UUIDField()),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "db_table": "probe_session",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="probe_session_is_one")],
            },
        ),
    ]
