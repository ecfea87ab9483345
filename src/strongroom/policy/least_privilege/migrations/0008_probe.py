"""The probe: a row among people that is nobody, with one role of its own that nobody else has (DESIGN 3)."""

from django.db import migrations, models

ROLES = ["packer", "support", "administrator", "auditor", "manager", "security", "director", "probe"]
GUARDS = """
CREATE FUNCTION guard_probe_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.role = 'probe') IS DISTINCT FROM (SELECT is_synthetic FROM person WHERE id = NEW.person_id) THEN
        RAISE EXCEPTION 'the role of the probe is the probe''s alone, and its only one (LP-1)'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_of_the_probe_is_its_own BEFORE INSERT OR UPDATE ON role_grant
    FOR EACH ROW EXECUTE FUNCTION guard_probe_role();
CREATE FUNCTION guard_synthetic() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_synthetic <> OLD.is_synthetic OR (OLD.is_synthetic AND NEW.email <> OLD.email) THEN
        RAISE EXCEPTION 'nobody becomes the probe, and the probe becomes nobody (AM-2)'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER person_stays_a_person BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION guard_synthetic();
GRANT SELECT (is_synthetic, leaves_at) ON person TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("least_privilege", "0007_approval_guards")]
    operations = [
        migrations.AddField("person", "leaves_at", models.DateTimeField(null=True)),
        migrations.AddField("person", "is_synthetic", models.BooleanField(default=False)),
        migrations.AddConstraint(
            "person",
            models.UniqueConstraint(
                fields=["is_synthetic"], condition=models.Q(is_synthetic=True), name="person_is_one_probe"
            ),
        ),
        migrations.AddConstraint(
            "person",
            models.CheckConstraint(
                condition=models.Q(is_synthetic=False) | models.Q(password__startswith="!"),  # noqa: S106
                name="person_probe_has_no_password",
            ),
        ),
        migrations.RemoveConstraint(model_name="grant", name="grant_role_is_known"),
        migrations.AddConstraint(
            "grant", models.CheckConstraint(condition=models.Q(role__in=ROLES), name="grant_role_is_known")
        ),
        migrations.RunSQL(GUARDS, migrations.RunSQL.noop),
    ]
