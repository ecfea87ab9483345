"""What the wall counts of open deadlines is read from an index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("obligations", "0007_channel_guards")]
    operations = [
        migrations.AddIndex(
            model_name="obligation",
            index=models.Index(
                fields=["account_id", "kind", "duty", "clause", "due_at"],
                include=["warned_at"],
                condition=models.Q(satisfied_at__isnull=True, withdrawn_at__isnull=True),
                name="obligation_open_by_kind",
            ),
        ),
    ]
