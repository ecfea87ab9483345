"""A look that crashes, hangs or says too much still ends with a verdict, which says so; never with nothing."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.formats import verdict, verdict_file
from strongroom.formats.verdict import Look, State, Verdict
from strongroom.installation.commands import LIVE
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from strongroom.installation.inspector import other_folders
from strongroom.installation.inspector import seen as gathering
from strongroom.installation.inspector.broker import Broker
from strongroom.installation.inspector.life import Inspector
from strongroom.installation.inspector.looks import Plan
from strongroom.installation.inspector.seen import Seen, Surroundings
from strongroom.installation.running import Running
from tests.installation.servers import is_running


def passes(_: Surroundings, seen: Seen) -> None:
    seen.saw("pid", os.getpid())


def crashes(_: Surroundings, seen: Seen) -> None:
    raise ZeroDivisionError("x")


def is_killed(_: Surroundings, seen: Seen) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(_: Surroundings, seen: Seen) -> None:
    Path(os.environ["SR_TEST_PID"]).write_text(str(os.getpid()))
    time.sleep(60)


def exits(_: Surroundings, seen: Seen) -> None:
    raise SystemExit(0)


def says_much(_: Surroundings, seen: Seen) -> None:
    seen.saw("many", (f"thing {n}\n" for n in range(100_000)))
    seen.saw("long", "x" * 10_000)
    for n in range(1000):
        seen.problem(f"Problem {n} {'x' * 1000}.", "Mend it.")
    seen.cannot("\x1b[31mred\x1b[0m")


def remembers(around: Surroundings, seen: Seen) -> None:
    seen.memory = {"times": around.memory.get("times", 0) + 1}
    seen.saw("times", seen.memory["times"])


@pytest.fixture
def folders(folder: Path) -> Iterator[Folders]:
    made = Folders(folder / "data")
    made.make()
    with Running(made, load(made.configuration), LIVE):
        yield made


def inspector(
    folders: Folders, look: gathering.Look, within: float = 20.0, rest: float = 0.0, shared: tuple[Path, ...] = ()
) -> tuple[Inspector, Plan]:
    plan = Plan(Look.SWAP, look, every=3600, within=within)
    made = Inspector(
        folders=folders, verdicts=folders.data / verdict_file.FOLDER, wanted=folders.data / verdict_file.WANTED,
        broker=Broker(), plans=(plan,), rest=rest, supervisor=os.getpid(), shared=shared,
    )  # fmt: skip
    return made, plan


def written(folders: Folders) -> Verdict:
    return verdict.decode((folders.data / verdict_file.FOLDER / "swap.json").read_bytes())


@pytest.mark.parametrize("look", [crashes, is_killed, exits], ids=["crashes", "is killed", "exits"])
def test_a_look_that_ends_badly_is_unknown(folders: Folders, look: gathering.Look) -> None:
    made, plan = inspector(folders, look)
    made.take(plan)
    found = written(folders)
    assert found.state is State.UNKNOWN
    assert "This look failed" in found.unseen[0]


def test_a_look_that_hangs_is_stopped_and_unknown(
    folders: Folders, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR_TEST_PID", str(folder / "pid"))
    made, plan = inspector(folders, hangs, within=1.0)
    began = time.monotonic()
    made.take(plan)
    assert time.monotonic() - began < 10
    assert "did not end within 1 s" in written(folders).unseen[0]
    assert not is_running(int((folder / "pid").read_text()))


def test_what_is_too_much_is_cut_and_what_cannot_be_shown_is_escaped(folders: Folders) -> None:
    made, plan = inspector(folders, says_much)
    made.take(plan)
    found = written(folders)
    assert found.saw["many"][-1] == "and 99901 more"  # type: ignore[index]
    assert len(str(found.saw["long"])) == 200
    assert found.problems[-1] == "and 961 more"
    assert found.unseen[0] == "\\x1b[31mred\\x1b[0m"
    assert found.state is State.FAIL


def test_without_the_key_broker_a_verdict_has_no_time_and_is_unknown(folders: Folders) -> None:
    made, plan = inspector(folders, passes)
    made.take(plan)
    found = written(folders)
    assert (found.at, found.state) == (0, State.UNKNOWN)
    assert "does not tell the time" in found.unseen[-1]
    assert found.saw["pid"] != os.getpid(), "in a process of its own"


def test_what_a_look_remembers_comes_back_to_it_and_a_crash_forgets_nothing(folders: Folders) -> None:
    made, plan = inspector(folders, remembers)
    for _ in range(3):
        made.take(plan)
    assert written(folders).saw["times"] == 3
    made.take(Plan(Look.SWAP, crashes, every=3600))
    made.take(plan)
    assert written(folders).saw["times"] == 4


def test_what_was_found_stays_found_although_only_what_changed_is_read_again(folders: Folders, folder: Path) -> None:
    """A walk reads what changed since the last whole walk; what it found before is looked at each time."""
    stray, kept = folder / "stray", folders.data / "database.json"
    stray.mkdir()
    kept.write_text('{"host": "here", "name": "strongroom"}')
    (stray / "one").write_bytes(kept.read_bytes())
    plan = Plan(Look.SWAP, other_folders.look, every=3600)
    made, _ = inspector(folders, other_folders.look, shared=(stray,))

    def found() -> list[str]:
        made.take(plan)
        return sorted(name for name in ("one", "two") if f"{stray / name}." in " ".join(written(folders).problems))

    assert found() == ["one"]
    time.sleep(0.05)
    assert found() == ["one"], "it did not change since"
    (stray / "two").write_bytes(kept.read_bytes())
    assert found() == ["one", "two"]
    (stray / "one").unlink()
    assert found() == ["two"]


def test_a_look_is_taken_when_due_or_asked_for_and_otherwise_rests(folders: Folders) -> None:
    made, _ = inspector(folders, remembers, rest=0.3)
    assert made.round() == 1
    time.sleep(0.4)
    assert made.round() == 0, "not due"
    verdict_file.want(folders.data / verdict_file.WANTED, Look.SWAP)
    assert made.round() == 1
    verdict_file.want(folders.data / verdict_file.WANTED, Look.SWAP)
    assert made.round() == 0, "asked for again, but it rests"
    time.sleep(0.4)
    assert made.round() == 1
    assert written(folders).saw["times"] == 3


def test_a_verdict_is_replaced_whole_and_a_torn_one_is_left_behind_by_nobody(folders: Folders) -> None:
    place = folders.data / verdict_file.FOLDER
    (place / "new").write_text("half a verd")
    (place / "new").chmod(0o666)
    made, plan = inspector(folders, passes)
    made.take(plan)
    assert [path.name for path in place.iterdir()] == ["swap.json"]
    assert (place / "swap.json").stat().st_mode & 0o777 == 0o644


def test_without_a_description_nothing_is_known(folders: Folders) -> None:
    (folders.data / "installation.json").unlink()
    made, plan = inspector(folders, passes)
    made.take(plan)
    assert "no installation.json" in written(folders).unseen[0]
    assert written(folders).saw == {"asked": 0}
