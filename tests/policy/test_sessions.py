"""Sessions end by their roles' limits, and by the row alone (AM-2, AM-10)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest

from tests.house.running import House


@pytest.fixture
def signed_in(house: House) -> Iterator[Any]:
    """A support person's session, and a way to make it older than it is."""
    from django.contrib.sessions.backends.db import SessionStore

    from strongroom.formats.leaf import Actor
    from strongroom.policy.access_management import sessions
    from strongroom.policy.access_management.factors import FactorKind
    from strongroom.policy.access_management.models import SignedIn
    from strongroom.policy.least_privilege.actions import create_person, grant_role, wall_now
    from strongroom.policy.least_privilege.roles import Role

    with house.as_web():
        person = create_person(name="S", email=f"s{wall_now().timestamp()}@example.invalid", password=None)
        grant_role(person=person, role=Role.SUPPORT, granted_by=None, by=Actor.COMMAND.reference)
        request = HttpRequest()
        request.session = SessionStore()
        request.META["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0 Safari/537.36"
        sessions.begin(request, person, FactorKind.PASSKEY, b"x" * 32)

        def aged(*, idle: timedelta, whole: timedelta) -> bool:
            now = wall_now()
            SignedIn.objects.filter(person=person).update(seen_at=now - idle, began_at=now - whole, ended_at=None)
            return sessions.is_living(request, person)

        yield request, person, aged


@pytest.mark.parametrize(
    ("idle", "hours", "lives"), [(0, 0, True), (14, 1, True), (16, 1, False), (1, 9, True), (1, 11, False)]
)
def test_who_may_see_customers_is_signed_out_soonest(signed_in: Any, idle: int, hours: int, lives: bool) -> None:
    _, _, aged = signed_in
    assert aged(idle=timedelta(minutes=idle), whole=timedelta(hours=hours)) is lives


def test_a_packer_may_stand_idle_for_four_hours_and_the_shortest_of_several_roles_counts(signed_in: Any) -> None:
    from strongroom.formats.leaf import Actor
    from strongroom.policy.access_management import sessions
    from strongroom.policy.least_privilege.actions import end_grant, grant_role
    from strongroom.policy.least_privilege.models import EndReason, Grant
    from strongroom.policy.least_privilege.roles import Role

    _, person, aged = signed_in
    grant_role(person=person, role=Role.PACKER, granted_by=None, by=Actor.COMMAND.reference)
    assert sessions.limits(person)[0] == timedelta(minutes=15)
    for grant in Grant.objects.filter(person=person, role=Role.SUPPORT):
        end_grant(grant=grant, reason=EndReason.OTHER_JOB, by=Actor.COMMAND.reference)
    assert aged(idle=timedelta(hours=3, minutes=59), whole=timedelta(hours=5))
    assert not aged(idle=timedelta(hours=4, minutes=1), whole=timedelta(hours=5))


def test_an_ended_session_is_dead_whatever_its_cookie_says(signed_in: Any) -> None:
    from strongroom.formats.leaf import Actor
    from strongroom.policy.access_management import sessions

    request, person, aged = signed_in
    assert aged(idle=timedelta(), whole=timedelta())
    assert sessions.end_all(person=person, by=Actor.COMMAND.reference) == 1
    assert not sessions.is_living(request, person)


def test_a_browser_is_kept_in_two_words(signed_in: Any) -> None:
    from strongroom.policy.access_management import sessions
    from strongroom.policy.logging_and_monitoring.models import SignInDetail

    (row,) = sessions.of(signed_in[1])
    assert row.agent == "Chrome on Linux"
    assert len(SignInDetail.objects.get(session=row.pk).place) == 8
