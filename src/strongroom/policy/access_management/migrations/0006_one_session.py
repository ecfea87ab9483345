"""The database keeps one living session a person; tries are counted by place or by an address of nobody."""

from django.db import migrations, models

BEFORE = """
UPDATE signed_in SET ended_at = seen_at WHERE ended_at IS NULL;
DELETE FROM attempts;
"""


class Migration(migrations.Migration):
    dependencies = [("access_management", "0005_command_tokens")]
    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="signedin", name="signed_in_by_person"),
        migrations.AddConstraint(
            model_name="signedin",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)), fields=("person",), name="signed_in_is_one_a_person"
            ),
        ),
        migrations.AddField("attempts", "kind", models.SmallIntegerField(default=1), preserve_default=False),
        migrations.AddIndex("attempts", models.Index(fields=["kind", "began_at"], name="attempts_by_age")),
    ]
