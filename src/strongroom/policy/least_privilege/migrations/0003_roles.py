"""Manager and security join the roles."""

from django.db import migrations, models

ROLES = ["packer", "support", "administrator", "auditor", "manager", "security"]


class Migration(migrations.Migration):
    dependencies = [("least_privilege", "0002_guards")]
    operations = [
        migrations.RemoveConstraint(model_name="grant", name="grant_role_is_known"),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(condition=models.Q(role__in=ROLES), name="grant_role_is_known"),
        ),
    ]
