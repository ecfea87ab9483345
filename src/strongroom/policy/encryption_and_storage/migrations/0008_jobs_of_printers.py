"""What printers themselves say that they printed, in counts (ES-5)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("encryption_and_storage", "0007_probe_and_carry")]

    operations = [
        *(
            migrations.AddField(model_name="printer", name=name, field=models.IntegerField(null=True))
            for name in ("jobs_from", "jobs_last", "jobs_seen", "jobs_foreign")
        ),
        migrations.AddField(model_name="printer", name="jobs_at", field=models.DateTimeField(null=True)),
        migrations.RunSQL(
            "GRANT UPDATE (jobs_from, jobs_last, jobs_seen, jobs_foreign, jobs_at) ON printer TO strongroom_worker",
            migrations.RunSQL.noop,
        ),
    ]
