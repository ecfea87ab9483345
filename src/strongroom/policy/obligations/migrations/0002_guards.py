"""A deadline of retention moves earlier only, and what was satisfied stays so (DESIGN 1)."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION refuse_longer_obligation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.satisfied_at IS NOT NULL THEN
        RAISE EXCEPTION 'a satisfied obligation is not changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.due_at > OLD.due_at OR NEW.opened_at <> OLD.opened_at OR NEW.account_id <> OLD.account_id
       OR NEW.kind <> OLD.kind OR NEW.subject <> OLD.subject THEN
        RAISE EXCEPTION 'a retention deadline moves earlier only (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER obligation_moves_earlier BEFORE UPDATE ON obligation
    FOR EACH ROW EXECUTE FUNCTION refuse_longer_obligation();
CREATE TRIGGER obligation_is_not_deleted BEFORE DELETE ON obligation
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER obligation_is_not_truncated BEFORE TRUNCATE ON obligation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE obligation ADD CONSTRAINT obligation_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;

GRANT SELECT, INSERT ON obligation TO strongroom_web, strongroom_worker;
GRANT UPDATE (due_at, satisfied_at, evidence) ON obligation TO strongroom_web, strongroom_worker;
GRANT SELECT ON obligation TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("obligations", "0001_tables"), ("logging_and_monitoring", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
