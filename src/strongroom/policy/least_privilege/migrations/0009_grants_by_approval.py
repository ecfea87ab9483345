"""A role waits for an approval like everything that two people decide; whom it is for does not approve it."""

import django.db.models.deletion
from django.db import migrations, models

GUARDS = """
CREATE FUNCTION guard_approval_about() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.about_id IS DISTINCT FROM OLD.about_id THEN
        RAISE EXCEPTION 'whom a proposal is for does not change (LP-1)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approval_stays_about_whom_it_is BEFORE UPDATE ON approval
    FOR EACH ROW EXECUTE FUNCTION guard_approval_about();
"""


class Migration(migrations.Migration):
    dependencies = [("least_privilege", "0008_probe")]
    operations = [
        migrations.AddField(
            "approval",
            "about",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="least_privilege.person"
            ),
        ),
        migrations.AddConstraint(
            "approval",
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True)
                | models.Q(about__isnull=True)
                | ~models.Q(approved_by=models.F("about")),
                name="approval_is_not_by_whom_it_is_for",
            ),
        ),
        migrations.AddField(
            "grant",
            "approval",
            models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="grant",
                to="least_privilege.approval",
            ),
        ),
        migrations.AddConstraint(
            "grant",
            models.CheckConstraint(
                condition=models.Q(approved_at__isnull=True)
                | models.Q(approved_by__isnull=True)
                | models.Q(approved_by=models.F("granted_by"))
                | models.Q(approval__isnull=False),
                name="grant_by_another_has_an_approval",
            ),
        ),
        migrations.RemoveConstraint("approval", "approval_kind_is_known"),
        migrations.AddConstraint(
            "approval",
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=[
                        "grant",
                        "terms",
                        "exception",
                        "later deadline",
                        "withdrawn deadline",
                        "accepted residual",
                    ]
                ),
                name="approval_kind_is_known",
            ),
        ),
        migrations.RunSQL(GUARDS, migrations.RunSQL.noop),
    ]
