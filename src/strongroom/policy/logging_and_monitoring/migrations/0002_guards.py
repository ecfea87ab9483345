"""The journal is append-only in the database itself (LM-2), and the API log is completed once (LM-6)."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused (LM-2)', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER entry_is_append_only BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_is_not_truncated BEFORE TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER leaf_is_append_only BEFORE UPDATE OR DELETE ON leaf
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER leaf_is_not_truncated BEFORE TRUNCATE ON leaf
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER pending_is_not_truncated BEFORE TRUNCATE ON pending
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER api_call_is_not_truncated BEFORE TRUNCATE ON api_call
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_second_completion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.account_id <> OLD.account_id OR NEW.id <> OLD.id
       OR NEW.operation <> OLD.operation OR NEW.began_at <> OLD.began_at THEN
        RAISE EXCEPTION 'a completed call is not changed (LM-6)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_call_is_completed_once BEFORE UPDATE ON api_call
    FOR EACH ROW EXECUTE FUNCTION refuse_second_completion();

ALTER TABLE pending ADD CONSTRAINT pending_is_of_an_entry
    FOREIGN KEY (account_id, entry) REFERENCES entry (account_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE leaf ADD CONSTRAINT leaf_is_of_an_entry
    FOREIGN KEY (account_id, entry) REFERENCES entry (account_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE entry ADD CONSTRAINT entry_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE api_call ADD CONSTRAINT api_call_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;

INSERT INTO selling_account (id, name, region, added_at) VALUES
    (0, 'installation', '', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
    (-1, 'probes', '', TIMESTAMPTZ '1970-01-01 00:00:00+00');

GRANT SELECT, INSERT ON entry, pending TO strongroom_web, strongroom_worker;
GRANT DELETE ON pending TO strongroom_worker;
GRANT UPDATE (entry) ON pending TO strongroom_worker;  -- what FOR UPDATE SKIP LOCKED asks for
GRANT SELECT ON leaf TO strongroom_web, strongroom_worker;
GRANT INSERT ON leaf TO strongroom_worker;
GRANT SELECT ON api_call, selling_account, installation TO strongroom_web, strongroom_worker;
GRANT INSERT ON api_call, selling_account TO strongroom_worker;
GRANT UPDATE (ended_at, status, outcome, request_id, rate_limit, milliseconds, dropped_fields)
    ON api_call TO strongroom_worker;
ALTER TABLE alarm ADD CONSTRAINT alarm_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
CREATE TRIGGER alarm_is_not_deleted BEFORE DELETE ON alarm FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER alarm_is_not_truncated BEFORE TRUNCATE ON alarm
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON alarm TO strongroom_web, strongroom_worker;
GRANT UPDATE (count, closed_at) ON alarm TO strongroom_web, strongroom_worker;
GRANT SELECT, INSERT, UPDATE ON bucket TO strongroom_worker;
GRANT SELECT ON bucket TO strongroom_web;
GRANT SELECT, INSERT ON person_reference TO strongroom_web, strongroom_worker;
GRANT SELECT ON entry, leaf, pending, api_call, selling_account, installation TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("logging_and_monitoring", "0001_tables")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
