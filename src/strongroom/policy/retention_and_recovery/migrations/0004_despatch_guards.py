"""What despatch may write: parcels and waves, holds, the moment the last piece left, and a sealed tracking number."""

from django.db import migrations

GUARDS = """
ALTER TABLE label_print ADD CONSTRAINT label_print_is_of_an_order
    FOREIGN KEY (account_id, order_ref) REFERENCES amazon_order (account_id, ref) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE parcel ADD CONSTRAINT parcel_is_of_an_order
    FOREIGN KEY (account_id, order_ref) REFERENCES amazon_order (account_id, ref) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE parcel_item ADD CONSTRAINT parcel_item_is_of_a_parcel
    FOREIGN KEY (account_id, order_ref, number) REFERENCES parcel (account_id, order_ref, number)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE stock ADD CONSTRAINT stock_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE wave ADD CONSTRAINT wave_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION guard_parcel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.left_at IS NOT NULL AND (NEW.left_at IS NULL OR NEW.left_at > OLD.left_at) THEN
        RAISE EXCEPTION 'a parcel that left does not come back, or leave later (RR-2)'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER parcel_left BEFORE UPDATE ON parcel FOR EACH ROW EXECUTE FUNCTION guard_parcel();
CREATE TRIGGER parcel_is_not_deleted BEFORE DELETE ON parcel FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER parcel_is_not_truncated BEFORE TRUNCATE ON parcel
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER parcel_item_is_not_truncated BEFORE TRUNCATE ON parcel_item
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stock_is_not_truncated BEFORE TRUNCATE ON stock
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER wave_is_not_truncated BEFORE TRUNCATE ON wave
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The website may seal one part only: a parcel's carrier and tracking number, typed or scanned by a packer.
CREATE FUNCTION seal_tracking(
    account bigint, order_of uuid, write_number bigint, sealed_day date, key_generation smallint,
    bundle bytea, body bytea
) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN seal_rows(account, ARRAY[order_of], ARRAY[4]::smallint[], ARRAY[write_number], sealed_day, key_generation,
                     ARRAY[bundle], ARRAY[body], ARRAY[NULL]::bytea[], ARRAY[NULL]::bytea[], ARRAY[NULL]::bytea[]);
END $$;
REVOKE EXECUTE ON FUNCTION seal_tracking(bigint, uuid, bigint, date, smallint, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seal_tracking(bigint, uuid, bigint, date, smallint, bytea, bytea) TO strongroom_web;

GRANT SELECT, INSERT, UPDATE ON parcel, stock TO strongroom_web;
GRANT SELECT, INSERT, DELETE ON parcel_item TO strongroom_web;
GRANT SELECT, INSERT ON wave TO strongroom_web;
GRANT SELECT, UPDATE ON parcel TO strongroom_worker;
GRANT SELECT, DELETE ON parcel_item TO strongroom_worker;
GRANT SELECT ON stock, wave TO strongroom_worker;
GRANT UPDATE (wave, held_for, held_at, fulfilled_at, done_on, left_confirmed) ON amazon_order TO strongroom_web;
GRANT SELECT ON parcel, parcel_item, wave TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("retention_and_recovery", "0003_despatch"),
        ("encryption_and_storage", "0004_printing_guards"),
    ]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
