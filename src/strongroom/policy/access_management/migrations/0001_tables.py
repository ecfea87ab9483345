import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("least_privilege", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Factor",
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
                ("sealed", models.TextField()),
                ("last_step", models.BigIntegerField()),
                ("enrolled_at", models.DateTimeField()),
            ],
            options={
                "db_table": "factor",
            },
        ),
        migrations.CreateModel(
            name="FirstLink",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("token_sha256", models.BinaryField()),
                ("until", models.DateTimeField()),
            ],
            options={
                "db_table": "first_link",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="first_link_is_one")],
            },
        ),
    ]
