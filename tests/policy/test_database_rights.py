"""The table of the database's rights is that of a fresh schema, and a right beyond it is seen (AM-1, LP-1)."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.house.running import House
from tests.policy.looking import verdict


@pytest.fixture
def superuser(house: House) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(**{**house.rehearsal.running.admin, "dbname": "strongroom"}, autocommit=True) as connection:
        yield connection


def test_the_table_is_what_the_migrations_give(house: House) -> None:
    from strongroom.policy.least_privilege import database_rights

    there = database_rights.rights() | database_rights.standing()
    assert there == database_rights.meant(), "made anew by: python -m tests.house.rights"


@pytest.mark.parametrize(
    ("given", "taken", "check"),
    [
        ("GRANT SELECT (payload) ON entry TO strongroom_backup", "REVOKE SELECT (payload) ON entry FROM strongroom_backup", "AM-1.database"),
        ("GRANT SELECT ON sealed TO PUBLIC", "REVOKE SELECT ON sealed FROM PUBLIC", "AM-1.database"),
        ("GRANT EXECUTE ON FUNCTION drop_day TO strongroom_web", "REVOKE EXECUTE ON FUNCTION drop_day FROM strongroom_web", "AM-1.database"),
        ("GRANT CREATE ON SCHEMA public TO strongroom_worker", "REVOKE CREATE ON SCHEMA public FROM strongroom_worker", "AM-1.database"),
        ("REVOKE SELECT ON alarm FROM strongroom_auditor", "GRANT SELECT ON alarm TO strongroom_auditor", "AM-1.database"),
        ("ALTER ROLE strongroom_web CREATEROLE", "ALTER ROLE strongroom_web NOCREATEROLE", "LP-1.database"),
        ("GRANT strongroom_owner TO strongroom_worker", "REVOKE strongroom_owner FROM strongroom_worker", "LP-1.database"),
        ("CREATE TABLE stray (i int); ALTER TABLE stray OWNER TO strongroom_web", "DROP TABLE stray", "LP-1.database"),
    ],
)  # fmt: skip
def test_a_right_more_or_less_is_seen(
    house: House, superuser: psycopg.Connection[tuple[object, ...]], given: str, taken: str, check: str
) -> None:
    assert verdict(house, check).outcome.value == "pass"
    superuser.execute(given)
    try:
        assert verdict(house, check).outcome.value == "fail"
    finally:
        superuser.execute(taken)
    assert verdict(house, check).outcome.value == "pass"
