"""A grant is proposed, approved, suspended, ended; a person locks, and leaves. What was given so far stays in force."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

BEFORE = "UPDATE role_grant SET approved_at = granted_at, approved_by_id = granted_by_id"


class Migration(migrations.Migration):
    dependencies = [("least_privilege", "0003_roles")]
    operations = [
        migrations.RemoveField(model_name="person", name="refused_until"),
        migrations.AddField("person", "locked_at", models.DateTimeField(null=True)),
        migrations.AddField("person", "password_set_at", models.DateTimeField(null=True)),
        migrations.AddField("person", "left_at", models.DateTimeField(null=True)),
        migrations.AddField("grant", "reason", models.SmallIntegerField(default=5)),
        migrations.AddField("grant", "approved_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "grant",
            "approved_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("grant", "suspended_at", models.DateTimeField(null=True)),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL("GRANT SELECT (locked_at, left_at) ON person TO strongroom_auditor", migrations.RunSQL.noop),
    ]
