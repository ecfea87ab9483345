"""The latch on Order, and the only ways that sealed rows are written, carried and erased (RR-2, RR-3).

Each function works on one account, locks the orders first and refuses as a whole: the caller's transaction dies with it.
"""

from django.db import migrations

GUARDS = """
ALTER TABLE amazon_order ADD CONSTRAINT order_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE amazon_order ADD CONSTRAINT order_traces_to_a_call
    FOREIGN KEY (account_id, call) REFERENCES api_call (account_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE order_item ADD CONSTRAINT order_item_is_of_an_order
    FOREIGN KEY (account_id, order_ref) REFERENCES amazon_order (account_id, ref) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE part ADD CONSTRAINT part_is_of_an_order
    FOREIGN KEY (account_id, order_ref) REFERENCES amazon_order (account_id, ref) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE sealed ADD CONSTRAINT sealed_is_of_an_order
    FOREIGN KEY (account_id, order_ref) REFERENCES amazon_order (account_id, ref) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE receiver ADD CONSTRAINT receiver_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION guard_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.account_id <> OLD.account_id OR NEW.ref <> OLD.ref OR NEW.order_hash <> OLD.order_hash THEN
        RAISE EXCEPTION 'an order keeps its account, reference and hash' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.done_on IS NOT NULL AND NEW.done_on IS DISTINCT FROM OLD.done_on THEN
        RAISE EXCEPTION 'done is a latch (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.fulfilled_at IS NOT NULL AND (NEW.fulfilled_at IS NULL OR NEW.fulfilled_at > OLD.fulfilled_at) THEN
        RAISE EXCEPTION 'fulfilment moves earlier only (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.erased_at IS NOT NULL AND (NEW.erased_at IS DISTINCT FROM OLD.erased_at OR NEW.order_id IS NOT NULL) THEN
        RAISE EXCEPTION 'an erased order stays erased (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (NEW.fulfilled_at IS NOT NULL OR NEW.cancelled_at IS NOT NULL) AND NEW.done_on IS NULL THEN
        RAISE EXCEPTION 'fulfilled or cancelled is done (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_is_latched BEFORE UPDATE ON amazon_order FOR EACH ROW EXECUTE FUNCTION guard_order();
CREATE TRIGGER order_is_not_deleted BEFORE DELETE ON amazon_order FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_is_not_truncated BEFORE TRUNCATE ON amazon_order
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER receiver_is_not_truncated BEFORE TRUNCATE ON receiver
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_item_is_not_truncated BEFORE TRUNCATE ON order_item
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Sealed rows of one account. Part 4 (tracking) may still come until the end of the UTC day after fulfilment.
CREATE FUNCTION seal_rows(
    account bigint, orders uuid[], parts smallint[], writes bigint[], sealed_day date, key_generation smallint,
    bundles bytea[], bodies bytea[], emails bytea[], phones bytea[], places bytea[]
) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    written bigint;
BEGIN
    PERFORM FROM amazon_order o WHERE o.account_id = account AND o.ref = ANY (orders) ORDER BY o.ref FOR UPDATE;
    IF NOT EXISTS (
        SELECT FROM day_key k
        WHERE k.account_id = account AND k.day = sealed_day AND k.generation = key_generation AND k.dropped_at IS NULL
    ) THEN
        RAISE EXCEPTION 'no living key of that day is known (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (
        SELECT FROM unnest(orders, parts) AS n (ref, part)
        LEFT JOIN amazon_order o ON o.account_id = account AND o.ref = n.ref
        WHERE o.ref IS NULL
           OR (n.part <> 4 AND (o.done_on IS NOT NULL OR o.fulfilled_by <> 'MERCHANT'
                                OR o.state NOT IN ('to ship', 'part shipped')))
           OR (n.part = 4 AND (o.cancelled_at IS NOT NULL OR o.erased_at IS NOT NULL
                               OR sealed_day > (o.fulfilled_at AT TIME ZONE 'UTC')::date + 1))
    ) THEN
        RAISE EXCEPTION 'what is done is never sealed (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM sealed s USING part p, unnest(orders, parts) AS n (ref, part)
    WHERE s.account_id = account AND p.account_id = account AND p.order_ref = n.ref AND p.part = n.part
      AND s.order_ref = p.order_ref AND s.part = p.part AND s.write = p.write AND s.day = p.day;
    INSERT INTO sealed (account_id, day, order_ref, part, write, born, generation, bundle, body,
                        index_email, index_phone, index_place)
    SELECT account, sealed_day, n.ref, n.part, n.write, sealed_day, key_generation, n.bundle, n.body,
           n.email, n.phone, n.place
    FROM unnest(orders, parts, writes, bundles, bodies, emails, phones, places)
         AS n (ref, part, write, bundle, body, email, phone, place);
    GET DIAGNOSTICS written = ROW_COUNT;
    INSERT INTO part (account_id, order_ref, part, write, day)
    SELECT account, n.ref, n.part, n.write, sealed_day
    FROM unnest(orders, parts, writes) AS n (ref, part, write)
    ON CONFLICT (account_id, order_ref, part) DO UPDATE SET write = excluded.write, day = excluded.day;
    RETURN written;
END $$;

-- One order's current parts under another day's key. The bodies are not touched.
CREATE FUNCTION carry_rows(
    account bigint, carried uuid, parts smallint[], writes bigint[], new_day date, key_generation smallint,
    bundles bytea[], emails bytea[], phones bytea[], places bytea[]
) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    moved bigint;
BEGIN
    PERFORM FROM amazon_order o
    WHERE o.account_id = account AND o.ref = carried AND o.done_on IS NULL AND o.fulfilled_by = 'MERCHANT'
      AND o.state IN ('to ship', 'part shipped')
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only an order still to ship is carried (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT EXISTS (
        SELECT FROM day_key k
        WHERE k.account_id = account AND k.day = new_day AND k.generation = key_generation AND k.dropped_at IS NULL
    ) THEN
        RAISE EXCEPTION 'no living key of that day is known (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE sealed s SET day = new_day, generation = key_generation, bundle = n.bundle,
                        index_email = n.email, index_phone = n.phone, index_place = n.place
    FROM unnest(parts, writes, bundles, emails, phones, places) AS n (part, write, bundle, email, phone, place),
         part p
    WHERE p.account_id = account AND p.order_ref = carried AND p.part = n.part AND p.write = n.write
      AND s.account_id = account AND s.order_ref = carried AND s.part = n.part AND s.write = n.write AND s.day = p.day
      AND s.day < new_day;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(parts) THEN
        RAISE EXCEPTION 'a part was written anew meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    UPDATE part SET day = new_day
    WHERE account_id = account AND order_ref = carried AND part.part = ANY (parts);
    RETURN moved;
END $$;

-- The live rows of an order that is done; other copies die with their day (RR-3).
CREATE FUNCTION erase_rows(account bigint, erased uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM FROM amazon_order o
    WHERE o.account_id = account AND o.ref = erased AND o.done_on IS NOT NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an order still to ship is not erased alone' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM sealed WHERE account_id = account AND order_ref = erased;
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM part WHERE account_id = account AND order_ref = erased;
    RETURN gone;
END $$;

REVOKE EXECUTE ON FUNCTION seal_rows(bigint, uuid[], smallint[], bigint[], date, smallint,
    bytea[], bytea[], bytea[], bytea[], bytea[]) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION carry_rows(bigint, uuid, smallint[], bigint[], date, smallint,
    bytea[], bytea[], bytea[], bytea[]) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION erase_rows(bigint, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seal_rows(bigint, uuid[], smallint[], bigint[], date, smallint,
    bytea[], bytea[], bytea[], bytea[], bytea[]) TO strongroom_worker;
GRANT EXECUTE ON FUNCTION carry_rows(bigint, uuid, smallint[], bigint[], date, smallint,
    bytea[], bytea[], bytea[], bytea[]) TO strongroom_worker;
GRANT EXECUTE ON FUNCTION erase_rows(bigint, uuid) TO strongroom_worker;
GRANT SELECT ON amazon_order, order_item, receiver TO strongroom_web, strongroom_worker;
GRANT UPDATE (wanted_at) ON receiver TO strongroom_web;
GRANT INSERT, UPDATE ON amazon_order, receiver TO strongroom_worker;
GRANT INSERT, UPDATE, DELETE ON order_item TO strongroom_worker;
GRANT SELECT ON amazon_order, receiver TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("retention_and_recovery", "0001_tables"), ("encryption_and_storage", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
