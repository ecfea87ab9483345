"""Orders that were cancelled and must ship after all: hardly any, found among all that ever was."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("retention_and_recovery", "0007_other_data")]
    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("cancelled_at__isnull", False), ("state__in", ["to ship", "part shipped"])),
                fields=["account_id"],
                name="order_reopened",
            ),
        )
    ]
