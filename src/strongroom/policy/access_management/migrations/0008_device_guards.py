"""Who may record devices; they are retired, never deleted."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER device_is_not_deleted BEFORE DELETE ON device FOR EACH ROW EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT, UPDATE ON device TO strongroom_web;
GRANT SELECT ON device TO strongroom_worker, strongroom_auditor;
GRANT SELECT ON signed_in, mfa_authenticator, attempts TO strongroom_worker;
"""


class Migration(migrations.Migration):
    dependencies = [("access_management", "0007_devices"), ("logging_and_monitoring", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
