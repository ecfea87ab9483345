"""`python -m strongroom.website.migrate`: the schema, as the owner, before anything else starts (DESIGN 7)."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection

OWN = """
GRANT SELECT, INSERT, UPDATE, DELETE ON django_session, cache TO strongroom_web;
GRANT SELECT ON django_content_type, auth_permission, auth_group, auth_group_permissions, django_migrations
    TO strongroom_web, strongroom_worker;
GRANT SELECT ON django_migrations TO strongroom_auditor;
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m strongroom.website.migrate", description=__doc__)
    parser.add_argument("--mode", choices=("live", "rehearsal"), required=True)
    parser.add_argument("--company", required=True)
    parser.add_argument("--origin", type=Path, required=True, help="file with the journal's origin")
    parser.add_argument("--at", type=float, help="when it is made, seconds since 1970; default: the wall's time")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    django.setup()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '4s'")
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(OWN)
    at = datetime.fromtimestamp(options.at, UTC) if options.at is not None else datetime.now(UTC)
    return _install(options.mode, options.company, options.origin.read_text(encoding="utf-8").strip(), at)


def _install(mode: str, company: str, origin: str, at: datetime) -> int:
    """The one row that says what this is. A folder of another mode or journal is refused; nothing converts."""
    from strongroom.policy.encryption_and_storage.registers import seed_threats  # noqa: PLC0415 - Django is set up now
    from strongroom.policy.logging_and_monitoring.models import Installation  # noqa: PLC0415

    row, _ = Installation.objects.get_or_create(
        id=1, defaults={"mode": mode, "origin": origin, "company": company, "created_at": at}
    )
    seed_threats(at)
    if row.journal_key is None:
        Installation.objects.filter(id=1).update(journal_key=_journal_key())
    if row.mode != mode or row.origin != origin:
        sys.stderr.write(f"this database is of a {row.mode} installation with another journal or mode; refused\n")
        return 1
    if row.company != company:
        Installation.objects.filter(id=1).update(company=company)
    return 0


def _journal_key() -> str:
    """The verifier key beside the journal, which began with it; from here on it is known (LM-2)."""
    from strongroom.policy.logging_and_monitoring.tree import read_key  # noqa: PLC0415 - Django is set up now

    return read_key(Path(os.environ["STRONGROOM_DATA"]) / "journal").line()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
