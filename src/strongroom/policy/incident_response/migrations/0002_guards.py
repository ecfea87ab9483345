"""A decision on a case is written once; cases are never deleted (DF-4, IR-5)."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION guard_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.account_id <> OLD.account_id OR NEW.id <> OLD.id OR NEW.number <> OLD.number OR NEW.alarm <> OLD.alarm
       OR NEW.alarm_account <> OLD.alarm_account OR NEW.opened_at <> OLD.opened_at
       OR (OLD.decision <> 'open' AND (NEW.decision <> OLD.decision OR NEW.words <> OLD.words
                                       OR NEW.decided_at IS DISTINCT FROM OLD.decided_at
                                       OR NEW.decided_by IS DISTINCT FROM OLD.decided_by)) THEN
        RAISE EXCEPTION 'a decided case is not rewritten (IR-5)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER case_is_decided_once BEFORE UPDATE ON incident_case FOR EACH ROW EXECUTE FUNCTION guard_case();
CREATE TRIGGER case_is_not_deleted BEFORE DELETE ON incident_case FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER case_is_not_truncated BEFORE TRUNCATE ON incident_case
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE incident_case ADD CONSTRAINT case_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
GRANT SELECT, INSERT ON incident_case TO strongroom_web, strongroom_worker;
GRANT UPDATE (owner, decision, words, decided_at, decided_by) ON incident_case TO strongroom_web;
GRANT SELECT ON incident_case, alarm TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("incident_response", "0001_tables"), ("logging_and_monitoring", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
