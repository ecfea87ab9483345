"""Where people signed in from stands in a table of its own, a partition a month, which goes after its term (LM-4).

Rows are written by one function, which makes the month's partition where there is none; a month is dropped by another,
which demands an entry of the journal that says so and is dated twelve months after that month at least: the database
has no clock of its own, and the journal's cannot be set back.
"""

from django.db import migrations, models

TABLES = """
CREATE TABLE sign_in_detail (
    session uuid NOT NULL,
    at timestamptz NOT NULL,
    agent varchar(40) NOT NULL,
    place varchar(8) NOT NULL,
    CONSTRAINT sign_in_detail_pkey PRIMARY KEY (at, session)
) PARTITION BY RANGE (at);
CREATE INDEX sign_in_detail_by_session ON sign_in_detail (session);
CREATE TRIGGER sign_in_detail_is_append_only BEFORE UPDATE OR DELETE ON sign_in_detail
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sign_in_detail_is_not_truncated BEFORE TRUNCATE ON sign_in_detail
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION note_sign_in(noted_session uuid, noted_at timestamptz, noted_agent text, noted_place text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    month date := date_trunc('month', noted_at AT TIME ZONE 'UTC')::date;
    name text := 'sign_in_detail_' || to_char(month, 'YYYYMM');
BEGIN
    IF to_regclass('public.' || name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(7305222);
        IF to_regclass('public.' || name) IS NULL THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.sign_in_detail FOR VALUES FROM (%L) TO (%L)',
                           name, month::timestamp AT TIME ZONE 'UTC',
                           (month + interval '1 month') AT TIME ZONE 'UTC');
            EXECUTE format('CREATE TRIGGER sign_in_detail_is_not_truncated BEFORE TRUNCATE ON public.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        END IF;
    END IF;
    INSERT INTO sign_in_detail (session, at, agent, place) VALUES (noted_session, noted_at, noted_agent, noted_place);
END $$;

-- Named DDL: forgetting where people signed in from in one month (kind 86, its subject the month's first day).
CREATE FUNCTION drop_sign_ins(month date, said uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name text := 'sign_in_detail_' || to_char(month, 'YYYYMM');
    told timestamptz;
    rows_gone bigint := 0;
BEGIN
    SELECT e.at INTO told FROM entry e
    WHERE e.account_id = 0 AND e.id = said AND e.kind = 86
      AND e.subject = lpad(to_hex(month - DATE '1970-01-01'), 32, '0')::uuid;
    IF told IS NULL OR told < (month + interval '13 months') AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION 'logs are kept for twelve months (LM-4)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF to_regclass('public.' || name) IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM public.%I', name) INTO rows_gone;
        EXECUTE format('DROP TABLE public.%I', name);
    END IF;
    RETURN rows_gone;
END $$;

REVOKE EXECUTE ON FUNCTION note_sign_in(uuid, timestamptz, text, text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION drop_sign_ins(date, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_sign_in(uuid, timestamptz, text, text) TO strongroom_web;
GRANT EXECUTE ON FUNCTION drop_sign_ins(date, uuid) TO strongroom_worker;
GRANT SELECT ON sign_in_detail TO strongroom_web, strongroom_auditor;
GRANT SELECT (session, at) ON sign_in_detail TO strongroom_worker;
"""


class Migration(migrations.Migration):
    dependencies = [("logging_and_monitoring", "0004_more_alarms")]

    operations = [
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="SignInDetail",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "at", "session", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("session", models.UUIDField()),
                        ("at", models.DateTimeField()),
                        ("agent", models.CharField(max_length=40)),
                        ("place", models.CharField(max_length=8)),
                    ],
                    options={"db_table": "sign_in_detail", "managed": False},
                ),
            ]
        ),
        migrations.AddField(
            model_name="installation", name="journal_key", field=models.CharField(max_length=200, null=True)
        ),
    ]
