"""No label is ever printed for a synthetic order (DESIGN 12), and no part is carried from a day it was carried to."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("encryption_and_storage", "0006_register_guards")]

    operations = [
        migrations.AddConstraint(
            model_name="labelprint",
            constraint=models.CheckConstraint(
                condition=models.Q(("account_id__gt", 0)), name="label_is_of_a_selling_account"
            ),
        ),
        # A key lives 28 days, so what was carried once has come that far at most (RR-2).
        migrations.RunSQL(
            "ALTER TABLE sealed ADD CONSTRAINT sealed_is_carried_once CHECK (day - born <= 28)",
            migrations.RunSQL.noop,
        ),
    ]
