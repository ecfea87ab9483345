"""A role that ends says why, from a list."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("least_privilege", "0004_grants")]
    operations = [migrations.AddField("grant", "end_reason", models.SmallIntegerField(null=True))]
