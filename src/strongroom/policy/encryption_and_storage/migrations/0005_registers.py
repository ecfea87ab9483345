"""Places, equipment, threats and links; a printer stands in a place, and a threat speaks of it (GS-1, GS-2)."""

import django.db.models.deletion
from django.db import migrations, models

BEFORE = """
INSERT INTO place (name, kind, controls, recorded_at)
    SELECT DISTINCT place, 'bench', 'not recorded yet', TIMESTAMPTZ '1970-01-01 00:00:00+00' FROM printer;
INSERT INTO threat (subject, words, control, residual, recorded_at, reviewed_at) VALUES
    ('link:printer', '', 'TLS and a pinned certificate', '',
     TIMESTAMPTZ '1970-01-01 00:00:00+00', TIMESTAMPTZ '1970-01-01 00:00:00+00');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("encryption_and_storage", "0004_printing_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Place",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=12)),
                ("controls", models.CharField(max_length=300)),
                ("recorded_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "place",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["server room", "bench", "office", "store", "elsewhere"])),
                        name="place_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("controls", ""), _negated=True), name="place_has_a_control"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Threat",
            fields=[
                ("subject", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("words", models.CharField(max_length=300)),
                ("control", models.CharField(max_length=300)),
                ("residual", models.CharField(max_length=300)),
                ("accepted_by", models.BigIntegerField(null=True)),
                ("recorded_at", models.DateTimeField()),
                ("reviewed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "threat",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("control", ""), _negated=True), ("accepted_by__isnull", False), _connector="OR"
                        ),
                        name="threat_is_answered",
                    )
                ],
            },
        ),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="printer",
            name="place",
            field=models.ForeignKey(
                db_column="place",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="encryption_and_storage.place",
            ),
        ),
        migrations.AddField(
            model_name="printer",
            name="threat",
            field=models.ForeignKey(
                db_column="threat",
                default="link:printer",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="encryption_and_storage.threat",
            ),
        ),
        migrations.CreateModel(
            name="Equipment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64, unique=True)),
                ("kind", models.CharField(max_length=8)),
                ("added_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
                (
                    "place",
                    models.ForeignKey(
                        db_column="place",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="encryption_and_storage.place",
                    ),
                ),
            ],
            options={
                "db_table": "equipment",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["server", "bin"])), name="equipment_kind_is_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40, unique=True)),
                ("direction", models.CharField(max_length=4)),
                ("peer", models.CharField(max_length=200)),
                ("transport", models.CharField(max_length=20)),
                ("carries", models.CharField(max_length=20)),
                ("added_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
                (
                    "threat",
                    models.ForeignKey(
                        db_column="threat",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="encryption_and_storage.threat",
                    ),
                ),
            ],
            options={
                "db_table": "link",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("transport__in", ["TLS 1.3", "TLS 1.2", "Unix socket"])),
                        name="link_is_encrypted_or_here",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("direction__in", ["in", "out", "here"])), name="link_has_a_direction"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("carries__in", ["personal data", "other Amazon data", "no Amazon data"])),
                        name="link_says_what_it_carries",
                    ),
                ],
            },
        ),
    ]
