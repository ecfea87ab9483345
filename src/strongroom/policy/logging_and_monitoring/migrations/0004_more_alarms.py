"""Alarms of promises, deadlines and watches, each with its level."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("logging_and_monitoring", "0003_alarms"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="alarm",
            name="alarm_kind_is_known",
        ),
        migrations.AddField(
            model_name="alarm",
            name="level",
            field=models.SmallIntegerField(default=2),
        ),
        migrations.AddConstraint(
            model_name="alarm",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "carry",
                            "absent data",
                            "lockout",
                            "openings",
                            "promise broken",
                            "watch lost",
                            "forged verdict",
                            "deadline missed",
                            "probe failed",
                        ],
                    )
                ),
                name="alarm_kind_is_known",
            ),
        ),
    ]
