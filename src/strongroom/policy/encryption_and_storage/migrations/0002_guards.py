"""Sealed parts: one partition a UTC day, made and dropped by definer functions only (RR-2), never touched otherwise.

The functions that write rows join Order, so they stand with it, in retention_and_recovery.
"""

from django.db import migrations

TABLES = """
CREATE TABLE sealed (
    account_id bigint NOT NULL,
    day date NOT NULL,
    order_ref uuid NOT NULL,
    part smallint NOT NULL,
    write bigint NOT NULL,
    born date NOT NULL,
    generation smallint NOT NULL,
    bundle bytea NOT NULL,
    body bytea NOT NULL,
    index_email bytea,
    index_phone bytea,
    index_place bytea,
    CONSTRAINT sealed_pkey PRIMARY KEY (account_id, day, order_ref, part, write),
    CONSTRAINT sealed_bundle_is_version_1 CHECK (get_byte(bundle, 0) = 1 AND octet_length(bundle) >= 63),
    CONSTRAINT sealed_body_is_version_1 CHECK (get_byte(body, 0) = 1 AND octet_length(body) % 64 = 17),
    CONSTRAINT sealed_is_born_before CHECK (born <= day),
    CONSTRAINT sealed_part_is_known CHECK (part BETWEEN 1 AND 5)
) PARTITION BY RANGE (day);
CREATE INDEX sealed_by_order ON sealed (account_id, order_ref);
CREATE INDEX sealed_by_email ON sealed (account_id, index_email) WHERE index_email IS NOT NULL;
CREATE INDEX sealed_by_phone ON sealed (account_id, index_phone) WHERE index_phone IS NOT NULL;
CREATE INDEX sealed_by_place ON sealed (account_id, index_place) WHERE index_place IS NOT NULL;

CREATE TRIGGER sealed_is_not_truncated BEFORE TRUNCATE ON sealed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER part_is_not_truncated BEFORE TRUNCATE ON part
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION guard_day_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.account_id <> OLD.account_id OR NEW.day <> OLD.day OR NEW.generation <> OLD.generation
       OR NEW.token_sha256 <> OLD.token_sha256 OR OLD.dropped_at IS NOT NULL THEN
        RAISE EXCEPTION 'a day key is not changed (RR-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER day_key_is_kept BEFORE UPDATE ON day_key FOR EACH ROW EXECUTE FUNCTION guard_day_key();
CREATE TRIGGER day_key_is_not_deleted BEFORE DELETE ON day_key FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER day_key_is_not_truncated BEFORE TRUNCATE ON day_key
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE day_key ADD CONSTRAINT day_key_is_of_an_account
    FOREIGN KEY (account_id) REFERENCES selling_account (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE day_key ADD CONSTRAINT day_key_token_is_a_hash CHECK (octet_length(token_sha256) = 32);

-- Named DDL: the partition of one day, with the guard that partitions do not inherit.
CREATE FUNCTION make_day(wanted date) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name text := 'sealed_' || to_char(wanted, 'YYYYMMDD');
BEGIN
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM day_key WHERE day = wanted AND dropped_at IS NOT NULL) THEN
        RAISE EXCEPTION 'that day was forgotten and gets no partition again (RR-2)'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('CREATE TABLE public.%I PARTITION OF public.sealed FOR VALUES FROM (%L) TO (%L)',
                   name, wanted, wanted + 1);
    EXECUTE format('CREATE TRIGGER sealed_is_not_truncated BEFORE TRUNCATE ON public.%I
                    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    RETURN true;
END $$;

-- Named DDL: forgetting a day's rows. Demands the token that each destroy leaf revealed, for every account and
-- generation that ever sealed under that day; so no partition goes while its key lives.
CREATE FUNCTION drop_day(wanted date, accounts bigint[], generations smallint[], tokens bytea[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name text := 'sealed_' || to_char(wanted, 'YYYYMMDD');
    rows_gone bigint := 0;
BEGIN
    LOCK TABLE day_key IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (
        SELECT FROM day_key k
        WHERE k.day = wanted AND k.dropped_at IS NULL AND NOT EXISTS (
            SELECT FROM unnest(accounts, generations, tokens) AS t (account_id, generation, token)
            WHERE t.account_id = k.account_id AND t.generation = k.generation AND sha256(t.token) = k.token_sha256)
    ) THEN
        RAISE EXCEPTION 'a key of that day was not shown to be destroyed (RR-2)'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF to_regclass('public.' || name) IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM public.%I', name) INTO rows_gone;
        EXECUTE format('DROP TABLE public.%I', name);
    END IF;
    DELETE FROM part WHERE day = wanted;
    RETURN rows_gone;
END $$;

REVOKE EXECUTE ON FUNCTION make_day(date) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION drop_day(date, bigint[], smallint[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_day(date) TO strongroom_worker;
GRANT EXECUTE ON FUNCTION drop_day(date, bigint[], smallint[], bytea[]) TO strongroom_worker;
GRANT SELECT ON sealed, part, day_key TO strongroom_web, strongroom_worker;
GRANT INSERT ON day_key TO strongroom_worker;
GRANT UPDATE (dropped_at) ON day_key TO strongroom_worker;
GRANT SELECT ON part, day_key TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("encryption_and_storage", "0001_tables"), ("logging_and_monitoring", "0002_guards")]
    operations = [migrations.RunSQL(TABLES, migrations.RunSQL.noop)]
