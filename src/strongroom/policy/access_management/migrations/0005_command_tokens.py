import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access_management", "0004_sign_in_guards"),
        ("least_privilege", "0004_grants"),
    ]

    operations = [
        migrations.CreateModel(
            name="CommandToken",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("token_sha256", models.BinaryField(unique=True)),
                ("until", models.DateTimeField()),
            ],
            options={
                "db_table": "command_token",
            },
        ),
        migrations.RunSQL(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON command_token TO strongroom_web", migrations.RunSQL.noop
        ),
    ]
