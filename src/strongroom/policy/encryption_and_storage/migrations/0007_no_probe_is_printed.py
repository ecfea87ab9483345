"""No label is ever printed for a synthetic order (DESIGN 12)."""

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
    ]
