"""Browser and place of a session move to the log's own table, which forgets them after its term (LM-4)."""

from django.db import migrations

MOVE = "SELECT note_sign_in(id, began_at, agent, place) FROM signed_in ORDER BY began_at"


class Migration(migrations.Migration):
    dependencies = [
        ("access_management", "0008_device_guards"),
        ("logging_and_monitoring", "0005_staff_detail"),
    ]

    operations = [
        migrations.RunSQL(MOVE, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="signedin", name="agent"),
        migrations.RemoveField(model_name="signedin", name="place"),
    ]
