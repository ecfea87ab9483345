"""Checkpoints in a second place: put there, read back, and not believed blindly (LM-2)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.policy.logging_and_monitoring import checkpoints
from strongroom.policy.logging_and_monitoring.checkpoints import PlaceLost, outside_checkpoints
from strongroom.policy.logging_and_monitoring.tree import PublishedTree, read_key
from tests.house.running import House
from tests.policy.post import post_office, step


def test_each_hours_checkpoint_goes_there_and_the_tree_extends_every_one(house: House, folder: Path) -> None:
    from strongroom.policy.obligations.models import Heartbeat

    Heartbeat.objects.filter(name="checkpoints").update(at=house.now() - timedelta(hours=5))
    place, tls = folder / "elsewhere", folder / "tls"
    place.mkdir()
    tls.mkdir()
    journal = house.rehearsal.folders.journal
    checkpoints.copy_out(journal, place, house.now() - timedelta(hours=5), is_first=True)
    with post_office(house, tls) as office:
        teller = office.teller(channels=replace(office.channels, second_place=place))
        for _ in range(6):
            teller.round(frozenset())
            step(house, 30)
    found = outside_checkpoints(place, read_key(journal))
    assert len(found) == 4, "one an hour, not one a round"
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    tree = PublishedTree(journal)
    assert all(tree.consistency(each.note) for each in found)
    assert len(list(place.glob("*.vkey"))) == 1, "whoever has this place alone can verify"


def test_a_forged_one_is_told_from_a_true_one(house: House, folder: Path) -> None:
    journal = house.rehearsal.folders.journal
    true = checkpoints.copy_out(journal, folder, house.now(), is_first=True)
    (path,) = folder.glob("*.checkpoint")
    path.write_text(true.note.replace("\n", "\nx", 1))
    (folder / "notes.txt").write_text("not ours")
    (folder / "holiday.checkpoint").write_text("not ours either")
    (found,) = outside_checkpoints(folder, read_key(journal))
    assert found.checkpoint is None
    assert true.checkpoint is not None


def test_a_place_that_is_not_mounted_is_not_written_to_and_is_news(house: House, folder: Path) -> None:
    from strongroom.policy.obligations.models import Heartbeat

    journal = house.rehearsal.folders.journal
    with pytest.raises(PlaceLost):
        checkpoints.copy_out(journal, folder, house.now(), is_first=False)
    assert not list(folder.iterdir())
    with pytest.raises(PlaceLost):
        checkpoints.copy_out(journal, folder / "gone", house.now(), is_first=True)
    with pytest.raises(PlaceLost):
        outside_checkpoints(folder / "gone", read_key(journal))
    Heartbeat.objects.update_or_create(name="checkpoints", defaults={"at": house.now() - timedelta(hours=3)})
    tls = folder / "tls"
    tls.mkdir()
    with post_office(house, tls) as office:
        channels = replace(office.channels, second_place=folder / "gone")
        teller = office.teller(lambda _: [], channels=channels)
        assert [each.subject for each in teller._place(_seen(house))] == ["No checkpoint reaches the second place"]


def _seen(house: House):  # type: ignore[no-untyped-def]
    from strongroom.policy.obligations.channels.news import Seen

    return Seen(house.now(), lambda: None)  # type: ignore[arg-type, return-value]
