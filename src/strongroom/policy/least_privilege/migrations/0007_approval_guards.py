"""What was proposed is not changed, what is decided stays decided; another person is a constraint of the table."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION guard_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.subject <> OLD.subject OR NEW.content <> OLD.content
       OR NEW.digest <> OLD.digest OR NEW.reason <> OLD.reason OR NEW.proposed_by_id <> OLD.proposed_by_id
       OR NEW.proposed_at <> OLD.proposed_at OR NEW.expires_at <> OLD.expires_at
       OR (OLD.approved_at IS NOT NULL AND (NEW.approved_at IS DISTINCT FROM OLD.approved_at
                                            OR NEW.approved_by_id IS DISTINCT FROM OLD.approved_by_id))
       OR (OLD.declined_at IS NOT NULL AND NEW.declined_at IS DISTINCT FROM OLD.declined_at)
       OR (OLD.declined_at IS NOT NULL AND NEW.approved_at IS NOT NULL)
       OR (OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at) THEN
        RAISE EXCEPTION 'a proposal is decided once and used once (LP-1)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approval_is_decided_once BEFORE UPDATE ON approval FOR EACH ROW EXECUTE FUNCTION guard_approval();
CREATE TRIGGER approval_is_not_deleted BEFORE DELETE ON approval FOR EACH ROW EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON approval TO strongroom_web;
GRANT UPDATE (approved_by_id, approved_at, declined_by_id, declined_at, used_at) ON approval TO strongroom_web;
GRANT SELECT ON approval TO strongroom_worker, strongroom_auditor;
GRANT UPDATE (used_at) ON approval TO strongroom_worker;
"""


class Migration(migrations.Migration):
    dependencies = [("least_privilege", "0006_approvals"), ("logging_and_monitoring", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
