"""Who may write people and grants; nobody deletes either."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER role_grant_is_not_deleted BEFORE DELETE ON role_grant FOR EACH ROW EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT, UPDATE ON person, role_grant TO strongroom_web;
GRANT SELECT ON person, role_grant TO strongroom_worker;
GRANT SELECT (id, name, is_active, created_at) ON person TO strongroom_auditor;
GRANT SELECT ON role_grant TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("least_privilege", "0001_tables"), ("logging_and_monitoring", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
