"""Account -1 may hold one kind of order: a probe, which bears its own origin and no number of Amazon's (DESIGN 12).

No parcel is made for it, so it is never told to Amazon.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("retention_and_recovery", "0005_purchases")]

    operations = [
        migrations.RemoveConstraint(model_name="order", name="order_origin_is_amazon"),
        migrations.RemoveConstraint(model_name="order", name="order_is_of_a_selling_account"),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("account_id__gt", 0), ("origin", "amazon"))
                | models.Q(("account_id", -1), ("origin", "probe")),
                name="order_has_its_origin",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("account_id__gt", 0)) | models.Q(("account_id", -1), ("order_id__isnull", True)),
                name="order_is_of_a_selling_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="parcel",
            constraint=models.CheckConstraint(
                condition=models.Q(("account_id__gt", 0)), name="parcel_is_of_a_selling_account"
            ),
        ),
    ]
