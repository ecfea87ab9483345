"""Locked accounts and unusual openings raise alarms too; entries are read by kind and time for the feed of openings."""

from django.db import migrations, models

KINDS = ["carry", "absent data", "lockout", "openings"]


class Migration(migrations.Migration):
    dependencies = [("logging_and_monitoring", "0002_guards")]
    operations = [
        migrations.RemoveConstraint(model_name="alarm", name="alarm_kind_is_known"),
        migrations.AddConstraint(
            model_name="alarm",
            constraint=models.CheckConstraint(condition=models.Q(kind__in=KINDS), name="alarm_kind_is_known"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["account_id", "kind", "at"], name="entry_by_kind"),
        ),
    ]
