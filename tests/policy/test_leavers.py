"""Whoever leaves is out: at once, or at the moment that was announced, by a clock that counts (AM-5)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from strongroom.formats.leaf import Actor
from strongroom.formats.refused import Refused
from tests.house.running import DAY, House
from tests.policy.people import Somebody, as_website, get, is_inside, post, words


@pytest.fixture(autouse=True)
def web(house: House) -> Iterator[None]:
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield


@pytest.fixture
def administrator(house: House) -> Somebody:
    Somebody("administrator")
    return Somebody("administrator")


def clock(person: Any) -> Any:
    import uuid

    from strongroom.policy.obligations.models import Obligation

    return Obligation.objects.filter(account_id=0, kind="leaver out", subject=uuid.UUID(int=person.pk)).get()


def test_at_the_announced_moment_everything_ends_by_itself(house: House, administrator: Somebody) -> None:
    from strongroom.policy.access_management import leavers

    packer, at = Somebody("packer"), house.now() + timedelta(days=2)
    packer.sign_in()
    leavers.announce(person=packer.row, at=at, by=administrator.row)
    assert clock(packer.row).due_at == at + timedelta(hours=24)
    leavers.let_out()
    assert is_inside(packer.browser), "they work until then"
    with house.as_worker():  # a new day needs its tables
        house.step(2 * DAY + 60)
    assert leavers.let_out() == 1
    assert not is_inside(packer.browser)
    assert not packer.now().is_active
    assert not packer.row.has_usable_password()
    assert not packer.row.permissions()
    assert clock(packer.row).satisfied_at is not None


def test_leaving_now_has_its_clock_too_and_it_is_met(house: House) -> None:
    from strongroom.policy.access_management import leavers

    packer = Somebody("packer")
    leavers.leave(person=packer.row, by=Actor.COMMAND.reference)
    kept = clock(packer.row)
    assert kept.satisfied_at is not None
    assert kept.satisfied_at <= kept.due_at


def test_a_later_moment_does_not_replace_an_earlier_one(house: House, administrator: Somebody) -> None:
    from strongroom.policy.access_management import leavers

    packer, at = Somebody("packer"), house.now() + timedelta(days=5)
    leavers.announce(person=packer.row, at=at, by=administrator.row)
    with pytest.raises(Refused, match="earlier already"):
        leavers.announce(person=packer.row, at=at + timedelta(days=1), by=administrator.row)
    leavers.announce(person=packer.row, at=at - timedelta(days=1), by=administrator.row)
    assert clock(packer.row).due_at == at


def test_the_last_administrator_stays_and_the_clock_goes_on(house: House) -> None:
    from strongroom.policy.access_management import leavers
    from strongroom.policy.least_privilege.models import Grant, Person

    Grant.objects.in_force().filter(role="administrator").update(ended_at=house.now())
    last = Somebody("administrator")
    Person.objects.filter(pk=last.row.pk).update(leaves_at=house.now())
    leavers.let_out()
    assert last.now().is_active
    Person.objects.filter(pk=last.row.pk).update(leaves_at=None)


def test_the_page_notes_the_day_in_londons_time(house: House, administrator: Somebody) -> None:
    packer = Somebody("packer")
    administrator.sign_in()
    path = f"/people/{packer.row.pk}/leave-on"
    assert post(administrator.browser, path, at="never").status_code == 422
    assert post(administrator.browser, path, at="2031-07-01T17:30").status_code == 302
    assert packer.now().leaves_at.isoformat() == "2031-07-01T16:30:00+00:00"
    assert "Leaves" in words(get(administrator.browser, f"/people/{packer.row.pk}/"))


def test_who_may_not_manage_people_lets_nobody_go(house: House) -> None:
    from strongroom.policy.access_management import leavers

    manager, packer = Somebody("manager"), Somebody("packer")
    with pytest.raises(Refused):
        leavers.announce(person=packer.row, at=house.now(), by=manager.row)
    assert packer.now().leaves_at is None
