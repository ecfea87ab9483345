"""Messages with their mailbox, clause and end; attempts that are written before they are made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("obligations", "0005_engine_guards"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="message",
            name="message_is_told_once",
        ),
        migrations.RemoveField(
            model_name="message",
            name="ack_sha256",
        ),
        migrations.AddField(
            model_name="delivery",
            name="ended_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="link_sha256",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="proof",
            field=models.CharField(default="", max_length=80),
        ),
        migrations.AddField(
            model_name="message",
            name="clause",
            field=models.CharField(default="", max_length=8),
        ),
        migrations.AddField(
            model_name="message",
            name="mailbox",
            field=models.CharField(default="", max_length=24),
        ),
        migrations.AddField(
            model_name="message",
            name="over_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="delivered",
            field=models.BooleanField(null=True),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="milliseconds",
            field=models.IntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("link_sha256__isnull", False)),
                fields=["account_id", "link_sha256"],
                name="delivery_by_link",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["account_id", "key"], name="message_by_key"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("delivered__isnull", True), ("ended_at__isnull", True)),
                    models.Q(("delivered__isnull", False), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="delivery_ends_with_an_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                fields=("account_id", "channel", "to", "mailbox", "key"), name="message_is_told_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("acknowledged_at__isnull", True),
                        ("acknowledged_by__isnull", True),
                        models.Q(("state", "acknowledged"), _negated=True),
                    ),
                    models.Q(
                        ("acknowledged_at__isnull", False),
                        ("acknowledged_by__isnull", False),
                        ("state", "acknowledged"),
                    ),
                    _connector="OR",
                ),
                name="message_is_acknowledged_by_somebody",
            ),
        ),
    ]
