"""The print ledger is never deleted, what it says of a label never changes, and its states only move on (ES-4, I19)."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION guard_label_print() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.account_id, NEW.id, NEW.order_ref, NEW.parcel, NEW.reason, NEW.copies, NEW."by", NEW.queued_at)
       IS DISTINCT FROM
       (OLD.account_id, OLD.id, OLD.order_ref, OLD.parcel, OLD.reason, OLD.copies, OLD."by", OLD.queued_at) THEN
        RAISE EXCEPTION 'the print ledger is not changed (ES-4)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('queued', 'sent'), ('queued', 'stopped'), ('sent', 'confirmed'), ('sent', 'unknown'), ('sent', 'stopped'),
        ('unknown', 'confirmed'), ('unknown', 'lost')
    ) THEN
        RAISE EXCEPTION 'a label is not printed again by itself (ES-4)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER label_print_is_kept BEFORE UPDATE ON label_print FOR EACH ROW EXECUTE FUNCTION guard_label_print();
CREATE TRIGGER label_print_is_not_deleted BEFORE DELETE ON label_print FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER label_print_is_not_truncated BEFORE TRUNCATE ON label_print
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE printer ADD CONSTRAINT printer_fingerprint_is_a_hash CHECK (octet_length(fingerprint) = 32);
CREATE TRIGGER printer_is_not_deleted BEFORE DELETE ON printer FOR EACH ROW EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT, UPDATE ON printer TO strongroom_web;
GRANT SELECT ON printer TO strongroom_worker, strongroom_auditor;
GRANT UPDATE (condition, reasons, asked_at) ON printer TO strongroom_worker;
GRANT SELECT, INSERT ON label_print TO strongroom_web;
GRANT UPDATE (state, since, decided_by) ON label_print TO strongroom_web;
GRANT SELECT, INSERT, UPDATE ON label_print TO strongroom_worker;
GRANT SELECT ON label_print TO strongroom_auditor;
GRANT INSERT ON day_key TO strongroom_web;
"""


class Migration(migrations.Migration):
    dependencies = [("encryption_and_storage", "0003_printing")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
