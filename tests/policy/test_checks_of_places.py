"""Checks of places and threats: each holds in a house that recorded them, and sees its break (GS-1, GS-2)."""

import socket

import pytest

from strongroom.formats.leaf import Actor
from strongroom.rehearsal.sabotage import office
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from tests.house.running import House
from tests.policy.looking import state, verdict, verdicts


@pytest.fixture
def recorded(house: House) -> House:
    """This machine in its place, the links in their register, and every threat looked at lately."""
    from strongroom.policy.encryption_and_storage import registers
    from strongroom.policy.encryption_and_storage.models import Threat
    from strongroom.website import links

    with house.as_web():
        place = house.place()
        registers.add_known_equipment(
            name=socket.gethostname(), kind="server", place=place, by=Actor.REHEARSAL.reference
        )
        Threat.objects.update(reviewed_at=house.now())
        links.know(house.rehearsal.running.configuration)
    return house


@pytest.mark.parametrize("sabotage", office.SABOTAGE, ids=lambda s: f"{s.clause}: {s.breaks}")
def test_a_break_is_seen_and_its_mending_too(recorded: House, sabotage: Sabotage) -> None:
    assert state(recorded, sabotage.clause) == "pass", verdicts(recorded, sabotage.clause)
    with sabotage.act(Target(recorded.rehearsal)):
        assert state(recorded, sabotage.clause) == "fail"
    assert state(recorded, sabotage.clause) == "pass"


def test_this_machine_must_be_in_the_register_itself(recorded: House) -> None:
    from strongroom.policy.encryption_and_storage.models import Equipment

    with recorded.as_web():
        Equipment.objects.filter(name=socket.gethostname()).update(retired_at=recorded.now())
        assert verdict(recorded, "GS-1.places").reason == "This machine stands in no recorded place."
        Equipment.objects.filter(name=socket.gethostname()).update(retired_at=None)


def test_a_threat_that_nobody_looked_at_for_a_year_is_no_answer(recorded: House) -> None:
    from datetime import timedelta

    from strongroom.policy.encryption_and_storage.models import Threat

    with recorded.as_web():
        Threat.objects.filter(subject="store:keys").update(reviewed_at=recorded.now() - timedelta(days=400))
        assert state(recorded, "GS-2") == "fail"
        Threat.objects.filter(subject="store:keys").update(reviewed_at=recorded.now())
