"""Amazon's credentials: known again by a fingerprint, as old as they are, and done with when another lies there (AZ-5)."""

import secrets
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from strongroom.formats.secret import Secret
from tests.house.running import DAY, House

CLIENT_SECRET, REFRESH_TOKEN = "amazon-client-secret", "amazon-refresh-token"


def fresh() -> Secret:
    return Secret(f"Atzr|{secrets.token_hex(12)}")


def row(name: str) -> Any:
    from strongroom.policy.access_management.models import Credential

    return Credential.objects.get(name=name)


def due(kind: str, duty: str = "") -> Any:
    from strongroom.policy.obligations.models import Obligation

    return Obligation.objects.open().get(account_id=0, kind=kind, duty=duty)


def test_its_age_is_counted_from_when_it_was_seen_first(house: House) -> None:
    from strongroom.policy.access_management import credentials

    secret = fresh()
    assert credentials.see(REFRESH_TOKEN, secret)
    since = row(REFRESH_TOKEN).since
    house.step(DAY)
    assert not credentials.see(REFRESH_TOKEN, secret)
    assert row(REFRESH_TOKEN).since == since
    assert secret.text() not in repr(bytes(row(REFRESH_TOKEN).fingerprint))


def test_another_one_in_its_place_starts_a_new_clock(house: House) -> None:
    from strongroom.policy.access_management import credentials

    credentials.see(REFRESH_TOKEN, fresh())
    before = due("change key").due_at
    house.step(DAY)
    assert credentials.see(REFRESH_TOKEN, fresh())
    assert due("change key").due_at > before


def test_a_changed_client_secret_does_the_duty_by_itself(house: House) -> None:
    from strongroom.policy.access_management import credentials
    from strongroom.policy.obligations import evidence

    credentials.see(CLIENT_SECRET, fresh())
    house.step(DAY)
    credentials.see(CLIENT_SECRET, fresh())
    seen = evidence.in_force("AZ-5", "change_client_secret")
    assert seen is not None
    assert abs((seen.effective_from - house.now()).total_seconds()) < 60
    assert (due("duty", "change_client_secret").due_at - house.now()).days in (179, 180)


def test_nobody_makes_a_credential_younger_than_it_is(house: House) -> None:
    from strongroom.policy.access_management import credentials

    credentials.see(REFRESH_TOKEN, fresh())
    for change in ("since = since + interval '1 day'", "since = since - interval '1 day', fingerprint = 'x'"):
        with pytest.raises(DatabaseError, match="as old as it is"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE credential SET {change} WHERE name = %s", [REFRESH_TOKEN])  # noqa: S608


def test_a_credential_that_nobody_counted_is_not_taken_for_the_one_that_is(house: House) -> None:
    from strongroom.policy.access_management import credentials
    from tests.policy.looking import verdict

    there, folders = fresh(), house.rehearsal.folders
    folders.keep_credential(REFRESH_TOKEN, there)
    folders.keep_credential(CLIENT_SECRET, fresh())
    credentials.see(REFRESH_TOKEN, there)
    credentials.see(CLIENT_SECRET, folders.credential(CLIENT_SECRET))
    assert verdict(house, "AZ-5.ages").outcome.value == "pass"
    folders.keep_credential(CLIENT_SECRET, fresh())
    assert verdict(house, "AZ-5.ages").outcome.value == "unknown"
