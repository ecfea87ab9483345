from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("retention_and_recovery", "0004_despatch_guards"),
    ]

    operations = [
        migrations.AddField(
            model_name="parcel",
            name="printer",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="parcel",
            name="purchase",
            field=models.CharField(max_length=8, null=True),
        ),
        migrations.AddField(
            model_name="parcel",
            name="shipment",
            field=models.CharField(max_length=100, null=True),
        ),
        migrations.AddConstraint(
            model_name="parcel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("purchase__isnull", True),
                    ("purchase__in", ["wanted", "asked", "bought", "refused"]),
                    _connector="OR",
                ),
                name="parcel_purchase_is_known",
            ),
        ),
    ]
