"""What nobody gets past: factors of the probe, sessions without a factor, passwords forgotten too soon (AZ-1, AZ-2).

The worker may end the probe's session and rest the probe's role, and nobody else's: how it is shown that access ends.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION refuse_for_the_probe() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whose bigint := (to_jsonb(NEW) ->> TG_ARGV[0])::bigint;
BEGIN
    IF EXISTS (SELECT 1 FROM person WHERE id = whose AND is_synthetic) THEN
        RAISE EXCEPTION 'the probe has no way in (AM-2)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER probe_has_no_factor BEFORE INSERT OR UPDATE ON mfa_authenticator
    FOR EACH ROW EXECUTE FUNCTION refuse_for_the_probe('user_id');
CREATE TRIGGER probe_has_no_invitation BEFORE INSERT OR UPDATE ON invitation
    FOR EACH ROW EXECUTE FUNCTION refuse_for_the_probe('person_id');
CREATE TRIGGER probe_has_no_token BEFORE INSERT OR UPDATE ON command_token
    FOR EACH ROW EXECUTE FUNCTION refuse_for_the_probe('person_id');

CREATE FUNCTION guard_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.factor BETWEEN 1 AND 3) = (SELECT is_synthetic FROM person WHERE id = NEW.person_id)
       OR (TG_OP = 'UPDATE' AND OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at) THEN
        RAISE EXCEPTION 'a session begins with a factor, and ends once (AZ-1, AM-10)'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER session_has_a_factor_and_ends_once BEFORE INSERT OR UPDATE ON signed_in
    FOR EACH ROW EXECUTE FUNCTION guard_session();

CREATE FUNCTION remember_password() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO old_password (person_id, password, set_at)
        VALUES (OLD.id, OLD.password, coalesce(OLD.password_set_at, OLD.created_at));
    RETURN NEW;
END $$;
CREATE TRIGGER password_is_remembered AFTER UPDATE OF password ON person FOR EACH ROW
    WHEN (OLD.password IS DISTINCT FROM NEW.password AND OLD.password NOT LIKE '!%')
    EXECUTE FUNCTION remember_password();
CREATE TRIGGER old_password_is_kept BEFORE UPDATE OR DELETE ON old_password
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE INSERT ON old_password FROM strongroom_web;

CREATE FUNCTION guard_credential() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.since <> OLD.since AND (NEW.fingerprint = OLD.fingerprint OR NEW.since < OLD.since) THEN
        RAISE EXCEPTION 'a credential is as old as it is (AZ-5)' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER credential_is_as_old_as_it_is BEFORE UPDATE ON credential
    FOR EACH ROW EXECUTE FUNCTION guard_credential();
CREATE TRIGGER credential_is_not_deleted BEFORE DELETE ON credential FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION end_probe_session(p_at timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    living uuid[];
BEGIN
    SELECT coalesce(array_agg(s.id), '{}') INTO living FROM signed_in s JOIN person p ON p.id = s.person_id
        WHERE p.is_synthetic AND s.ended_at IS NULL;
    UPDATE signed_in SET ended_at = p_at WHERE id = ANY (living);
    RETURN (SELECT count(*) FROM signed_in WHERE id = ANY (living) AND ended_at IS NOT NULL);
END $$;
CREATE FUNCTION rest_probe(p_at timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    rested integer;
BEGIN
    UPDATE role_grant SET suspended_at = p_at WHERE role = 'probe' AND ended_at IS NULL;
    GET DIAGNOSTICS rested = ROW_COUNT;
    RETURN rested;
END $$;
REVOKE ALL ON FUNCTION end_probe_session(timestamptz), rest_probe(timestamptz), remember_password() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_probe_session(timestamptz), rest_probe(timestamptz) TO strongroom_worker;

GRANT SELECT, INSERT, UPDATE ON probe_session TO strongroom_web;
GRANT SELECT ON probe_session TO strongroom_worker;
GRANT SELECT, INSERT, UPDATE ON credential TO strongroom_worker;
GRANT SELECT ON credential TO strongroom_web, strongroom_auditor;
GRANT SELECT (person_id, until) ON invitation, command_token TO strongroom_worker;
GRANT SELECT (id, person_id, set_at) ON old_password TO strongroom_worker;
GRANT SELECT (place) ON sign_in_detail TO strongroom_worker;
"""


class Migration(migrations.Migration):
    dependencies = [("access_management", "0010_probes_and_credentials")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
