"""Obligations with warnings, breaches and approvals; runs, evidence, turns, owners, exceptions, messages."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("least_privilege", "0006_approvals"),
        ("obligations", "0003_explain"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckDue",
            fields=[
                ("check_id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("due_at", models.DateTimeField()),
                ("wanted_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "check_due",
            },
        ),
        migrations.CreateModel(
            name="ClauseException",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("clause", models.CharField(max_length=8)),
                ("reason", models.CharField(max_length=300)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "clause_exception",
            },
        ),
        migrations.CreateModel(
            name="ClauseOwner",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("clause", models.CharField(max_length=8)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "clause_owner",
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("message", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("delivered", models.BooleanField()),
                ("code", models.IntegerField(null=True)),
                ("problem", models.CharField(default="", max_length=40)),
                ("milliseconds", models.IntegerField()),
            ],
            options={
                "db_table": "delivery",
            },
        ),
        migrations.CreateModel(
            name="Evidence",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("clause", models.CharField(max_length=8)),
                ("duty", models.CharField(default="", max_length=40)),
                ("effective_from", models.DateTimeField()),
                ("effective_until", models.DateTimeField(null=True)),
                ("received_at", models.DateTimeField()),
                ("by", models.UUIDField()),
                ("words", models.TextField()),
                ("document_sha256", models.BinaryField(null=True)),
                ("kept_at", models.CharField(default="", max_length=120)),
                ("sha256", models.BinaryField()),
                ("entry", models.UUIDField()),
                ("superseded_by", models.UUIDField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "evidence",
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "heartbeat",
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("channel", models.CharField(max_length=8)),
                ("event", models.CharField(max_length=24)),
                ("to", models.BigIntegerField()),
                ("key", models.CharField(max_length=120)),
                ("subject", models.CharField(max_length=120)),
                ("body", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("state", models.CharField(max_length=12)),
                ("tries", models.IntegerField()),
                ("try_at", models.DateTimeField(null=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("sent_times", models.IntegerField()),
                ("again_after", models.IntegerField()),
                ("ack_sha256", models.BinaryField(null=True)),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("acknowledged_by", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "outbox",
            },
        ),
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                ("number", models.IntegerField(primary_key=True, serialize=False)),
                ("content", models.TextField()),
                ("digest", models.BinaryField()),
                ("since", models.DateTimeField()),
                ("approval", models.UUIDField(null=True)),
                ("entry", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "policy_version",
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("check_id", models.CharField(max_length=40)),
                ("clause", models.CharField(max_length=8)),
                ("began_at", models.DateTimeField()),
                ("limit_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(max_length=8, null=True)),
                ("reason", models.CharField(default="", max_length=400)),
                ("seen", models.TextField(default="")),
                ("inputs_sha256", models.BinaryField(null=True)),
                ("milliseconds", models.IntegerField(null=True)),
                ("source", models.CharField(max_length=12)),
                ("entry", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "run",
            },
        ),
        migrations.CreateModel(
            name="Turn",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("clause", models.CharField(max_length=8)),
                ("at", models.DateTimeField()),
                ("was", models.CharField(max_length=10)),
                ("state", models.CharField(max_length=10)),
                ("reason", models.CharField(max_length=400)),
            ],
            options={
                "db_table": "turn",
            },
        ),
        migrations.RemoveConstraint(
            model_name="obligation",
            name="obligation_is_open_once",
        ),
        migrations.RemoveConstraint(
            model_name="obligation",
            name="obligation_kind_is_known",
        ),
        migrations.AddField(
            model_name="obligation",
            name="approval",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="obligation",
            name="breached_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="obligation",
            name="duty",
            field=models.CharField(default="", max_length=40),
        ),
        migrations.AddField(
            model_name="obligation",
            name="first_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="obligation",
            name="next_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="obligation",
            name="warned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="obligation",
            name="withdrawn_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="obligation",
            index=models.Index(
                condition=models.Q(("satisfied_at__isnull", True), ("withdrawn_at__isnull", True)),
                fields=["next_at"],
                name="obligation_by_next",
            ),
        ),
        migrations.AddIndex(
            model_name="obligation",
            index=models.Index(
                condition=models.Q(("satisfied_at__isnull", True), ("withdrawn_at__isnull", True)),
                fields=["account_id", "clause", "due_at"],
                name="obligation_open_by_clause",
            ),
        ),
        migrations.AddConstraint(
            model_name="obligation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("satisfied_at__isnull", True), ("withdrawn_at__isnull", True)),
                fields=("account_id", "kind", "duty", "subject"),
                name="obligation_is_open_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="obligation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("withdrawn_at__isnull", True),
                    models.Q(("approval__isnull", False), ("satisfied_at__isnull", True)),
                    _connector="OR",
                ),
                name="obligation_is_withdrawn_by_approval",
            ),
        ),
        migrations.AddConstraint(
            model_name="obligation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "forget day",
                            "forget cancelled",
                            "ask again",
                            "explain opening",
                            "duty",
                            "answer alarm",
                            "look into lock",
                            "leaver out",
                            "forget other data",
                            "change key",
                        ],
                    )
                ),
                name="obligation_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="obligation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "duty"), models.Q(("duty", ""), _negated=True)),
                    models.Q(models.Q(("kind", "duty"), _negated=True), ("duty", "")),
                    _connector="OR",
                ),
                name="obligation_duty_is_named",
            ),
        ),
        migrations.AddField(
            model_name="clauseexception",
            name="approval",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="least_privilege.approval"
            ),
        ),
        migrations.AddField(
            model_name="clauseowner",
            name="delegate",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="clauseowner",
            name="given_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="clauseowner",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["account_id", "message", "at"], name="delivery_by_message"),
        ),
        migrations.AddIndex(
            model_name="evidence",
            index=models.Index(fields=["account_id", "clause", "-effective_from"], name="evidence_by_clause"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["account_id", "state", "try_at"], name="message_by_state"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["account_id", "-made_at"], name="message_by_time"),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                fields=("account_id", "channel", "to", "key"), name="message_is_told_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["queued", "sent", "failed", "acknowledged", "dropped"])),
                name="message_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["mail", "webhook"])), name="message_channel_is_known"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["account_id", "check_id", "-began_at"], name="run_by_check"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)), fields=["account_id", "limit_at"], name="run_unfinished"
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("entry__isnull", True), ("outcome__isnull", True)),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("entry__isnull", False),
                        ("outcome__in", ["pass", "fail", "unknown", "unused"]),
                    ),
                    _connector="OR",
                ),
                name="run_ends_with_an_outcome",
            ),
        ),
        migrations.AddIndex(
            model_name="turn",
            index=models.Index(fields=["account_id", "clause", "-at"], name="turn_by_clause"),
        ),
        migrations.AddConstraint(
            model_name="clauseexception",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)), fields=("clause",), name="clause_exception_is_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="clauseowner",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until__isnull", True)), fields=("clause",), name="clause_owner_is_one"
            ),
        ),
    ]
