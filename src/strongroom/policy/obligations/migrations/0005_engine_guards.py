"""What the database itself holds of the engine: deadlines, runs, evidence and turns that nobody rewrites (DESIGN 1)."""

from django.db import migrations

GUARDS = """
CREATE OR REPLACE FUNCTION refuse_longer_obligation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.satisfied_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL THEN
        RAISE EXCEPTION 'a closed obligation is not changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.opened_at <> OLD.opened_at OR NEW.account_id <> OLD.account_id OR NEW.id <> OLD.id OR NEW.kind <> OLD.kind
       OR NEW.duty <> OLD.duty OR NEW.subject <> OLD.subject OR NEW.clause <> OLD.clause
       OR NEW.first_due_at IS DISTINCT FROM OLD.first_due_at
       OR (OLD.breached_at IS NOT NULL AND NEW.breached_at IS DISTINCT FROM OLD.breached_at)
       OR (OLD.warned_at IS NOT NULL AND NEW.warned_at IS DISTINCT FROM OLD.warned_at) THEN
        RAISE EXCEPTION 'what an obligation was is not changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.kind IN ('forget day', 'forget cancelled', 'ask again', 'forget other data') THEN
        IF NEW.due_at > OLD.due_at OR NEW.withdrawn_at IS NOT NULL THEN
            RAISE EXCEPTION 'a retention deadline moves earlier only (RR-2)' USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF (NEW.due_at > OLD.due_at OR NEW.withdrawn_at IS NOT NULL)
          AND (NEW.approval IS NULL OR NEW.approval IS NOT DISTINCT FROM OLD.approval) THEN
        RAISE EXCEPTION 'a deadline moves later by an approval of its own only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION refuse_second_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.account_id <> OLD.account_id OR NEW.id <> OLD.id
       OR NEW.check_id <> OLD.check_id OR NEW.clause <> OLD.clause OR NEW.began_at <> OLD.began_at
       OR NEW.source <> OLD.source THEN
        RAISE EXCEPTION 'a run is completed once and then kept' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER run_is_completed_once BEFORE UPDATE ON run FOR EACH ROW EXECUTE FUNCTION refuse_second_run();

CREATE FUNCTION refuse_edited_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.account_id <> OLD.account_id OR NEW.id <> OLD.id OR NEW.clause <> OLD.clause OR NEW.duty <> OLD.duty
       OR NEW.effective_from <> OLD.effective_from OR NEW.effective_until IS DISTINCT FROM OLD.effective_until
       OR NEW.received_at <> OLD.received_at OR NEW."by" <> OLD."by" OR NEW.words <> OLD.words
       OR NEW.document_sha256 IS DISTINCT FROM OLD.document_sha256 OR NEW.kept_at <> OLD.kept_at
       OR NEW.sha256 <> OLD.sha256 OR NEW.entry <> OLD.entry
       OR (OLD.superseded_by IS NOT NULL AND NEW.superseded_by IS DISTINCT FROM OLD.superseded_by)
       OR (OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at) THEN
        RAISE EXCEPTION 'evidence is superseded or withdrawn, never edited (AU-1)'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER evidence_is_not_edited BEFORE UPDATE ON evidence FOR EACH ROW EXECUTE FUNCTION refuse_edited_evidence();

CREATE TRIGGER turn_is_append_only BEFORE UPDATE OR DELETE ON turn FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER delivery_is_append_only BEFORE UPDATE OR DELETE ON delivery FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_version_is_append_only BEFORE UPDATE OR DELETE ON policy_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_is_not_deleted BEFORE DELETE ON run FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER evidence_is_not_deleted BEFORE DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER outbox_is_not_deleted BEFORE DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clause_exception_is_not_deleted BEFORE DELETE ON clause_exception
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clause_owner_is_not_deleted BEFORE DELETE ON clause_owner
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_is_not_truncated BEFORE TRUNCATE ON run FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER turn_is_not_truncated BEFORE TRUNCATE ON turn FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER evidence_is_not_truncated BEFORE TRUNCATE ON evidence FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER outbox_is_not_truncated BEFORE TRUNCATE ON outbox FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER delivery_is_not_truncated BEFORE TRUNCATE ON delivery FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE run ADD CONSTRAINT run_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE turn ADD CONSTRAINT turn_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE evidence ADD CONSTRAINT evidence_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE outbox ADD CONSTRAINT outbox_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE delivery ADD CONSTRAINT delivery_is_of_a_message
    FOREIGN KEY (account_id, message) REFERENCES outbox (account_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE run ADD CONSTRAINT run_is_in_the_journal
    FOREIGN KEY (account_id, entry) REFERENCES entry (account_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE evidence ADD CONSTRAINT evidence_is_in_the_journal
    FOREIGN KEY (account_id, entry) REFERENCES entry (account_id, id) DEFERRABLE INITIALLY DEFERRED;

UPDATE obligation SET next_at = opened_at, first_due_at = due_at WHERE satisfied_at IS NULL;

GRANT UPDATE (next_at, warned_at, breached_at, withdrawn_at, approval) ON obligation TO strongroom_web, strongroom_worker;
GRANT SELECT, INSERT ON run, turn TO strongroom_worker;
GRANT UPDATE (ended_at, outcome, reason, seen, inputs_sha256, milliseconds, entry) ON run TO strongroom_worker;
GRANT SELECT ON run, turn, delivery, heartbeat TO strongroom_web;
GRANT SELECT, INSERT ON evidence, outbox TO strongroom_web, strongroom_worker;
GRANT UPDATE (superseded_by, withdrawn_at) ON evidence TO strongroom_web, strongroom_worker;
GRANT UPDATE (state, acknowledged_at, acknowledged_by) ON outbox TO strongroom_web;
GRANT UPDATE (state, tries, try_at, claimed_until, sent_at, sent_times, ack_sha256, body) ON outbox TO strongroom_worker;
GRANT SELECT, INSERT ON delivery TO strongroom_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON check_due TO strongroom_worker;
GRANT SELECT, INSERT, UPDATE ON heartbeat TO strongroom_worker;
GRANT SELECT ON check_due TO strongroom_web;
GRANT UPDATE (wanted_at) ON check_due TO strongroom_web;
GRANT SELECT ON policy_version TO strongroom_web, strongroom_worker, strongroom_auditor;
GRANT INSERT ON policy_version TO strongroom_web, strongroom_worker;
GRANT SELECT, INSERT ON clause_owner, clause_exception TO strongroom_web;
GRANT UPDATE (until) ON clause_owner TO strongroom_web;
GRANT UPDATE (ended_at) ON clause_exception TO strongroom_web, strongroom_worker;
GRANT SELECT ON clause_owner, clause_exception TO strongroom_worker;
GRANT SELECT ON run, turn, evidence, outbox, delivery, check_due, heartbeat, clause_owner, clause_exception, obligation
    TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("obligations", "0004_engine"), ("logging_and_monitoring", "0004_more_alarms")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
