"""Explaining an opening is a due act too (AM-3)."""

from django.db import migrations, models

KINDS = ["forget day", "forget cancelled", "ask again", "explain opening"]


class Migration(migrations.Migration):
    dependencies = [("obligations", "0002_guards")]
    operations = [
        migrations.RemoveConstraint(model_name="obligation", name="obligation_kind_is_known"),
        migrations.AddConstraint(
            model_name="obligation",
            constraint=models.CheckConstraint(condition=models.Q(kind__in=KINDS), name="obligation_kind_is_known"),
        ),
    ]
