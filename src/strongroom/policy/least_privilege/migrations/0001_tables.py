import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import strongroom.policy.least_privilege.roles


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Person",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("email", models.CharField(max_length=254, unique=True)),
                ("is_active", models.BooleanField()),
                ("created_at", models.DateTimeField()),
                ("failures", models.IntegerField()),
                ("refused_until", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "person",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("failures__gte", 0)), name="person_failures_are_counted")
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("role", models.CharField(max_length=20)),
                ("granted_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "granted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="grants", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "role_grant",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("person", "role"),
                        name="grant_is_given_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                [
                                    strongroom.policy.least_privilege.roles.Role["PACKER"],
                                    strongroom.policy.least_privilege.roles.Role["SUPPORT"],
                                    strongroom.policy.least_privilege.roles.Role["ADMINISTRATOR"],
                                    strongroom.policy.least_privilege.roles.Role["AUDITOR"],
                                ],
                            )
                        ),
                        name="grant_role_is_known",
                    ),
                ],
            },
        ),
    ]
