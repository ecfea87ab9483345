"""Who may write the registers. Nothing in them is deleted: things are retired."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER place_is_not_deleted BEFORE DELETE ON place FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER equipment_is_not_deleted BEFORE DELETE ON equipment FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER threat_is_not_deleted BEFORE DELETE ON threat FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER link_is_not_deleted BEFORE DELETE ON link FOR EACH ROW EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT, UPDATE ON place, equipment, threat, link TO strongroom_web;
GRANT SELECT ON place, equipment, threat TO strongroom_worker;
GRANT SELECT, INSERT, UPDATE ON link TO strongroom_worker;
GRANT SELECT ON place, equipment, threat, link, printer TO strongroom_auditor;
"""


class Migration(migrations.Migration):
    dependencies = [("encryption_and_storage", "0005_registers"), ("logging_and_monitoring", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
