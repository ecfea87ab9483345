"""What the inspector wrote, as verdicts of checks: believed only as its own, only fresh, and only where it has a uid."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.formats import verdict, verdict_file
from strongroom.formats.grade import FILE, Kind, Role
from strongroom.formats.verdict import Look, Verdict
from strongroom.formats.verdict_file import FOLDER, WANTED, answers
from strongroom.rehearsal.sabotage import machine
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from tests.house.running import House
from tests.installation.service_grade import needs_own_uids
from tests.journeys.eventually import eventually
from tests.policy.looking import look

INSPECTOR = 59_904
HERE = ("ES-2", "ES-3", "AM-6", "RR-4")
"""Of these clauses everything that is looked at is the house's own; rules and ports are the drill's, in its own network."""


@pytest.fixture
def written(house: House, folder: Path) -> Any:
    """A data folder of the service grade, with a verdict of the inspector's to be written into it; what a check says."""
    if os.getuid() != 0:
        pytest.skip("only root can write as another user")
    uids = {str(role): INSPECTOR + number for number, role in enumerate([Role.INSPECTOR, Role.WORKER])}
    (folder / FILE).write_text(json.dumps({"version": 1, "grade": "service", "uids": uids}), encoding="utf-8")
    (folder / FOLDER).mkdir(mode=0o755)
    os.chown(folder / FOLDER, INSPECTOR, INSPECTOR)

    def says(*, age: timedelta = timedelta(), uid: int = INSPECTOR, mode: int = 0o644, **told: Any) -> Any:
        from strongroom.policy import definitions
        from strongroom.policy.obligations.inspected import look_at

        at = definitions.milliseconds(house.now() - age)
        path = folder / FOLDER / "swap.json"
        path.write_bytes(verdict.encode(Verdict(Look.SWAP, at, "boot", 3, Kind.SERVICE, {"swaps": 0}, **told)))
        path.chmod(mode)
        os.chown(path, uid, uid)
        with house.as_worker():
            return look_at(replace(look(house), data=folder), Look.SWAP)

    return says


def test_what_the_inspector_found_right_wrong_or_hidden_is_said_in_its_words(written: Any) -> None:
    assert written().outcome == "pass"
    assert written(unseen=("No key broker runs.",)).reason == "No key broker runs."
    assert written(unseen=("No key broker runs.",)).outcome == "unknown"
    wrong = written(problems=("It swaps. Turn it off.", "It swaps twice."))
    assert (wrong.outcome, wrong.reason) == ("fail", "It swaps. Turn it off. (1 more)")


@pytest.mark.parametrize("age", [timedelta(minutes=31), timedelta(minutes=-31)])
def test_what_it_saw_half_an_hour_ago_or_ahead_is_unknown_even_if_it_was_wrong(written: Any, age: timedelta) -> None:
    assert written(age=age * 0.9).outcome == "pass"
    assert written(age=age).outcome == "unknown"
    assert written(age=age, problems=("It swaps.",)).outcome == "unknown"


@pytest.mark.parametrize("forged", [{"uid": INSPECTOR + 1}, {"uid": 0}, {"mode": 0o666}, {"mode": 0o664}])
def test_what_somebody_else_wrote_or_could_have_is_unknown_and_an_alarm(
    house: House, written: Any, forged: dict[str, int]
) -> None:
    from strongroom.policy.logging_and_monitoring.models import Alarm
    from strongroom.policy.obligations.inspected import FORGED

    with house.as_worker():
        Alarm.objects.filter(kind=FORGED).update(closed_at=house.now())
    said = written(**forged)
    assert said.outcome == "unknown"
    assert said.reason.endswith("An alarm was raised.")
    written(**forged)
    assert Alarm.objects.filter(kind=FORGED, closed_at__isnull=True).count() == 1, "one, however often it is seen"


def test_where_one_user_runs_everything_it_needs_init_and_what_is_wrong_is_wrong(house: House, folder: Path) -> None:
    from strongroom.policy.obligations.inspected import NEEDS_INIT, look_at

    (folder / FOLDER).mkdir(mode=0o755)
    (folder / WANTED).mkdir(mode=0o755)
    alone = replace(look(house), data=folder)
    assert look_at(alone, Look.SWAP).reason == NEEDS_INIT
    for told, outcome in (
        ({}, "unknown"),
        ({"unseen": ("Hidden.",)}, "unknown"),
        ({"problems": ("It swaps.",)}, "fail"),
    ):
        at = int(house.now().timestamp() * 1000)
        seen = Verdict(Look.SWAP, at, "boot", 3, Kind.SINGLE_USER, {}, **told)
        (folder / FOLDER / "swap.json").write_bytes(verdict.encode(seen))
        said = look_at(alone, Look.SWAP)
        assert said.outcome == outcome
        assert said.reason == ("It swaps." if outcome == "fail" else NEEDS_INIT)
    assert not list((folder / WANTED).iterdir()), "nobody is asked who could not be believed"


# a real inspector looks at the house


@pytest.fixture(scope="module")
def inspected(house: House) -> Iterator[House]:
    needs_own_uids()
    running, worker = house.rehearsal.running, house.rehearsal.running.who.roles[Role.WORKER]
    for each in Look:  # this process asks as the worker, and is root
        asked = house.rehearsal.folders.data / WANTED / each
        asked.touch(mode=0o644)
        os.chown(asked, worker.uid, worker.gid)
    running.start_inspector()
    try:
        yield house
    finally:
        running.supervisor.end("inspector")


def run(house: House, id_: str) -> Any:
    """The check with its row, as the worker's runner keeps it; in this thread."""
    from strongroom.policy.obligations import runs
    from strongroom.website.wiring import controls

    check = controls().check(id_)
    with house.as_worker():
        row = runs.begin(check, house.now())
        said = check.run(look(house))
        runs.complete(row, said, milliseconds=1)
    return said


def worst(house: House, sabotage: Sabotage) -> str:
    from strongroom.website.wiring import controls

    which = sabotage.checks or [check.id for check in controls().checks_of(sabotage.clause) if check.needs]
    found = [run(house, id_) for id_ in which]
    said = min(found, key=lambda verdict: ["fail", "unknown", "pass"].index(verdict.outcome))
    return "pass" if said.outcome == "pass" else f"{said.outcome}: {said.reason}"


@pytest.mark.parametrize(
    "sabotage", [each for each in machine.SABOTAGE if each.clause in HERE], ids=lambda s: f"{s.clause}: {s.breaks}"
)
def test_a_break_is_seen_by_the_next_run_and_its_mending_too(inspected: House, sabotage: Sabotage) -> None:
    assert worst(inspected, sabotage) == "pass"
    with sabotage.act(Target(inspected.rehearsal)):
        assert worst(inspected, sabotage).startswith("unknown:" if "verdict" in sabotage.breaks else "fail:")
    assert worst(inspected, sabotage) == "pass"


def test_a_run_is_answered_by_a_look_that_began_after_it(inspected: House) -> None:
    data = inspected.rehearsal.folders.data
    for _ in range(3):
        request = verdict_file.want(data / WANTED, Look.SWAP)
        assert run(inspected, "ES-3.swap").outcome == "pass"
        found = verdict_file.read(data / FOLDER, Look.SWAP, inspected.rehearsal.running.who.roles[Role.INSPECTOR].uid)
        assert isinstance(found, Verdict)
        assert answers(found, request)
        assert not answers(found, request + 60_000_000)


def test_whoever_came_to_the_broker_is_told_by_one_run_even_if_the_inspector_had_told_it_before(
    inspected: House,
) -> None:
    data, uid = inspected.rehearsal.folders.data, inspected.rehearsal.running.who.roles[Role.INSPECTOR].uid

    def looked(request: int) -> bool:
        found = verdict_file.read(data / FOLDER, Look.PROCESS_FLAGS, uid)
        return isinstance(found, Verdict) and answers(found, request)

    assert run(inspected, "ES-3.processes").outcome == "pass"
    with machine.somebody_comes_to_the_broker(Target(inspected.rehearsal)):
        request = verdict_file.want(data / WANTED, Look.PROCESS_FLAGS)
        eventually(lambda: looked(request), within=30)
    said = run(inspected, "ES-3.processes")
    assert said.outcome == "fail"
    assert "came to the key broker and was refused, 1 times" in said.reason
    assert run(inspected, "ES-3.processes").outcome == "pass"
