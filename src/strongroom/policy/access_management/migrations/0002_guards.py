"""Factors and the first link belong to the website alone."""

from django.db import migrations

GUARDS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON factor, first_link TO strongroom_web;
"""


class Migration(migrations.Migration):
    dependencies = [("access_management", "0001_tables")]
    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
