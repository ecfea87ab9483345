"""The probe among people: nobody, with a session that the website keeps for the checks, and no way in (AM-2, AM-7)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client

from strongroom.formats.leaf import Actor, Kind
from tests.house.running import House
from tests.policy.people import PASSWORD, Somebody, as_website, browser, get, post, words


@pytest.fixture(autouse=True)
def web(house: House) -> Iterator[None]:
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield


@pytest.fixture
def probe(house: House) -> Any:
    """The probe, with a session."""
    from strongroom.policy.access_management import probe_session
    from strongroom.policy.least_privilege.models import Person

    probe_session.keep()
    return Person.everybody.get(is_synthetic=True)


def row() -> Any:
    from strongroom.policy.access_management.models import ProbeSession

    return ProbeSession.objects.get(id=1)


def visitor() -> Client:
    """A browser with the cookie that the checks are given."""
    made = browser()
    made.cookies["__Host-session"] = row().cookie
    return made


def executed(statement: str, *values: Any) -> Any:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return cursor


def test_its_session_opens_its_pages_and_no_others(probe: Any) -> None:
    assert get(visitor(), "/orders/").status_code == 200
    for path in ("/people/", "/pack", "/worklist/", "/approvals/"):
        assert get(visitor(), path).status_code == 403, path


def test_what_it_is_refused_counts_for_nobody(probe: Any) -> None:
    from strongroom.policy.logging_and_monitoring.models import Entry

    def refused(account: int) -> int:
        return Entry.objects.filter(account_id=account, kind=Kind.ACCESS_REFUSED).count()

    before = refused(0), refused(-1)
    get(visitor(), "/people/")
    assert (refused(0), refused(-1)) == (before[0], before[1] + 1)


def test_it_sees_the_synthetic_account_alone(house: House, probe: Any) -> None:
    from strongroom.policy.retention_and_recovery.models import Order

    real = Order.objects.filter(account_id__gt=0).first()
    if real is None:
        pytest.skip("no order is here when this runs alone")
    assert get(visitor(), f"/orders/{real.ref}/").status_code == 404
    assert str(real.ref) not in words(get(visitor(), "/orders/?show=all"))


def test_it_has_no_way_in(house: House, probe: Any) -> None:
    for statement in (
        "INSERT INTO mfa_authenticator (type, data, user_id, created_at) SELECT 'totp', '{}', id, created_at FROM person WHERE is_synthetic",
        "INSERT INTO invitation (person_id, token_sha256, until) SELECT id, 'x', created_at FROM person WHERE is_synthetic",
        "INSERT INTO command_token (person_id, token_sha256, until) SELECT id, 'y', created_at FROM person WHERE is_synthetic",
    ):
        with pytest.raises(DatabaseError, match="no way in"):
            executed(statement)
    with pytest.raises(DatabaseError, match="person_probe_has_no_password"):
        executed("UPDATE person SET password = 'argon2$x' WHERE is_synthetic")
    with pytest.raises(DatabaseError, match="a session begins with a factor"):
        executed(
            "UPDATE signed_in SET factor = 2 FROM person p WHERE p.id = person_id AND p.is_synthetic AND ended_at IS NULL"
        )
    answer = post(browser(), "/sign-in", email=probe.email, password=PASSWORD)
    assert "is not right" in words(answer), "its address is nobody's"


def test_nobody_becomes_the_probe_and_nobody_gets_its_role(probe: Any) -> None:
    somebody = Somebody("support")
    with pytest.raises(DatabaseError, match="nobody becomes the probe"):
        executed("UPDATE person SET is_synthetic = true WHERE id = %s", somebody.row.pk)
    grant = "INSERT INTO role_grant (person_id, role, reason, granted_at, approved_at) SELECT id, %s, 1, created_at, created_at FROM person WHERE id = %s"
    with pytest.raises(DatabaseError, match="the probe's alone"):
        executed(grant, "probe", somebody.row.pk)
    with pytest.raises(DatabaseError, match="the probe's alone"):
        executed(grant, "manager", probe.pk)


def test_it_is_in_no_list_no_choice_and_no_count_of_people(house: House, probe: Any) -> None:
    from strongroom.policy.access_management.forms import FirstAdministratorForm, GrantForm
    from strongroom.policy.least_privilege.actions import approvers
    from strongroom.policy.least_privilege.models import Person

    manager = Somebody("manager")
    manager.sign_in()
    assert "strongroom.invalid" not in words(get(manager.browser, "/people/"))
    assert get(manager.browser, f"/people/{probe.pk}/").status_code == 404
    assert probe not in Person.objects.all()
    assert probe not in approvers()
    for form in (GrantForm().fields["role"], FirstAdministratorForm().fields["roles"]):
        assert "probe" not in dict(form.choices)  # type: ignore[attr-defined]


def test_a_session_is_made_anew_each_hour_and_the_one_before_is_dead(house: House, probe: Any) -> None:
    from strongroom.policy.access_management import probe_session
    from strongroom.policy.access_management.models import ProbeSession

    old = visitor()
    assert not probe_session.keep(), "one that is good is kept"
    before = row()
    ProbeSession.objects.update(made_at=before.made_at - timedelta(minutes=61))
    assert probe_session.keep()
    assert row().cookie != before.cookie
    assert get(old, "/orders/").headers["location"].startswith("/sign-in")
    assert get(visitor(), "/orders/").status_code == 200


def test_an_ended_one_is_replaced(probe: Any) -> None:
    from strongroom.policy.access_management import probe_session
    from strongroom.policy.access_management.models import SignedIn

    SignedIn.objects.filter(pk=row().session).update(ended_at=row().made_at)
    assert probe_session.keep()
    assert get(visitor(), "/orders/").status_code == 200


def test_the_worker_ends_the_probes_session_and_nobody_elses(house: House, probe: Any) -> None:
    from strongroom.policy.access_management.models import SignedIn

    somebody = Somebody("support")
    somebody.sign_in()
    with house.as_worker(), connection.cursor() as cursor:
        cursor.execute("SELECT end_probe_session(%s)", [house.now()])
        assert cursor.fetchone() == (1,)
    assert SignedIn.objects.filter(person=somebody.row, ended_at__isnull=True).exists()
    with house.as_worker(), pytest.raises(DatabaseError, match="permission denied"):
        executed("UPDATE signed_in SET ended_at = began_at")


def test_no_sign_in_goes_by_the_probes_backend(probe: Any) -> None:
    from strongroom.policy.access_management.probe_session import Backend

    somebody = Somebody("support")
    assert Backend().get_user(somebody.row.pk) is None
    assert Backend().authenticate(None, username=probe.email, password="") is None


def test_its_birth_is_journalled_like_anybodys(probe: Any) -> None:
    from strongroom.policy.logging_and_monitoring import references
    from strongroom.policy.logging_and_monitoring.models import Entry

    given = Entry.objects.filter(account_id=0, kind=Kind.ROLE_GRANTED, by__endswith=f"{Actor.WEBSITE:02x}")
    assert any(references.all_of(probe.pk)[0].bytes in bytes(entry.payload) for entry in given)
