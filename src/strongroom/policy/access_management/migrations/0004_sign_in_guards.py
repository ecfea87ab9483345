"""Sign-in's tables are the website's alone; the auditor sees sessions and factors, never what opens them."""

from django.db import migrations

GUARDS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON mfa_authenticator, invitation, attempts TO strongroom_web;
GRANT SELECT, INSERT, UPDATE ON signed_in TO strongroom_web;
GRANT SELECT, INSERT ON old_password TO strongroom_web;
GRANT SELECT ON signed_in TO strongroom_auditor;
GRANT SELECT (id, user_id, type, created_at, last_used_at) ON mfa_authenticator TO strongroom_auditor;
GRANT INSERT, UPDATE ON alarm TO strongroom_web;
GRANT SELECT ON alarm TO strongroom_auditor;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO strongroom_web, strongroom_worker;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access_management", "0003_sign_in"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("logging_and_monitoring", "0003_alarms"),
    ]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
