"""A message is sent as it was made, an attempt is completed once, and only a person's click acknowledges (I26)."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION guard_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.account_id <> OLD.account_id OR NEW.id <> OLD.id OR NEW.channel <> OLD.channel OR NEW.event <> OLD.event
       OR NEW.clause <> OLD.clause OR NEW."to" <> OLD."to" OR NEW.mailbox <> OLD.mailbox OR NEW.key <> OLD.key
       OR NEW.subject <> OLD.subject OR NEW.body <> OLD.body OR NEW.made_at <> OLD.made_at
       OR NEW.again_after <> OLD.again_after OR NEW.sent_times < OLD.sent_times THEN
        RAISE EXCEPTION 'a message is sent as it was made (I26)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.acknowledged_at IS NOT NULL AND (NEW.acknowledged_at IS DISTINCT FROM OLD.acknowledged_at
       OR NEW.acknowledged_by IS DISTINCT FROM OLD.acknowledged_by OR NEW.state <> OLD.state) THEN
        RAISE EXCEPTION 'what was acknowledged stays so (I26)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER message_is_sent_as_made BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION guard_message();

DROP TRIGGER delivery_is_append_only ON delivery;
CREATE FUNCTION refuse_second_ending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.account_id <> OLD.account_id OR NEW.id <> OLD.id OR NEW.message <> OLD.message
       OR NEW.at <> OLD.at OR NEW.link_sha256 IS DISTINCT FROM OLD.link_sha256 THEN
        RAISE EXCEPTION 'an attempt is completed once and then kept' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delivery_is_completed_once BEFORE UPDATE ON delivery
    FOR EACH ROW EXECUTE FUNCTION refuse_second_ending();
CREATE TRIGGER delivery_is_not_deleted BEFORE DELETE ON delivery FOR EACH ROW EXECUTE FUNCTION refuse_change();

REVOKE UPDATE (body) ON outbox FROM strongroom_worker;
GRANT UPDATE (over_at) ON outbox TO strongroom_worker;
GRANT UPDATE (ended_at, delivered, code, problem, proof, milliseconds) ON delivery TO strongroom_worker;
GRANT SELECT ON clause_owner TO strongroom_worker;
"""


class Migration(migrations.Migration):
    dependencies = [("obligations", "0006_channels")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
