"""Other data of Amazon's leaves too (AZ-3): tombstones with their parcels and prints, and calls that nothing names.

Nobody may delete these but two functions, and they demand an entry of the journal first that says how many and when: a
clock that the database has no other way of knowing.
"""

from django.db import migrations, models

GUARDS = """
CREATE FUNCTION refuse_change_but_by_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'strongroom_owner' THEN  -- no running process holds it; its functions are what may
        RAISE EXCEPTION '% of % is refused (AZ-3)', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER order_is_not_deleted ON amazon_order;
CREATE TRIGGER order_is_not_deleted BEFORE DELETE ON amazon_order
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_by_owner();
DROP TRIGGER parcel_is_not_deleted ON parcel;
CREATE TRIGGER parcel_is_not_deleted BEFORE DELETE ON parcel
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_by_owner();
DROP TRIGGER label_print_is_not_deleted ON label_print;
CREATE TRIGGER label_print_is_not_deleted BEFORE DELETE ON label_print
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_by_owner();
CREATE TRIGGER api_call_is_not_deleted BEFORE DELETE ON api_call
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_by_owner();

-- Tombstones of one account that were done long ago, as the journal's entry for it says (kind 87).
CREATE FUNCTION forget_other_data(account bigint, said uuid, gone uuid[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    told timestamptz;
    found_rows bigint;
BEGIN
    SELECT e.at INTO told FROM entry e WHERE e.account_id = account AND e.id = said AND e.kind = 87;
    IF told IS NULL THEN
        RAISE EXCEPTION 'the journal does not speak of this (AZ-3)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM amazon_order o
    WHERE o.account_id = account AND o.ref = ANY (gone) AND o.erased_at IS NOT NULL
      AND o.done_on < told - interval '90 days'
    ORDER BY o.ref FOR UPDATE;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows <> cardinality(gone) THEN
        RAISE EXCEPTION 'only what was erased and done 90 days ago goes (AZ-3)'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM label_print WHERE account_id = account AND order_ref = ANY (gone);
    DELETE FROM parcel_item WHERE account_id = account AND order_ref = ANY (gone);
    DELETE FROM parcel WHERE account_id = account AND order_ref = ANY (gone);
    DELETE FROM order_item WHERE account_id = account AND order_ref = ANY (gone);
    DELETE FROM amazon_order WHERE account_id = account AND ref = ANY (gone);
    RETURN found_rows;
END $$;

-- Calls of one account that no order names any more, a year old at least, as the journal's entry says (kind 86).
CREATE FUNCTION forget_calls(account bigint, said uuid, gone uuid[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    told timestamptz;
    found_rows bigint;
BEGIN
    SELECT e.at INTO told FROM entry e WHERE e.account_id = account AND e.id = said AND e.kind = 86;
    IF told IS NULL THEN
        RAISE EXCEPTION 'the journal does not speak of this (LM-4)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM api_call c
    WHERE c.account_id = account AND c.id = ANY (gone) AND c.began_at < told - interval '12 months';
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows <> cardinality(gone) THEN
        RAISE EXCEPTION 'a call is kept for twelve months (LM-4)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN found_rows;
END $$;

REVOKE EXECUTE ON FUNCTION forget_other_data(bigint, uuid, uuid[]) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION forget_calls(bigint, uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_other_data(bigint, uuid, uuid[]) TO strongroom_worker;
GRANT EXECUTE ON FUNCTION forget_calls(bigint, uuid, uuid[]) TO strongroom_worker;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("retention_and_recovery", "0006_probes"),
        ("encryption_and_storage", "0007_probe_and_carry"),
        ("logging_and_monitoring", "0004_more_alarms"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["account_id", "call"], name="order_by_call"),
        ),
        migrations.RunSQL(GUARDS, migrations.RunSQL.noop),
    ]
