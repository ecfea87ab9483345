"""Where a scan looks: everything below a folder once, names and links too; what cannot be read is unknown (RR-4, LM-3)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.formats.secret import Secret
from strongroom.policy.retention_and_recovery.leaks import plants, processes, scan
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary
from strongroom.policy.retention_and_recovery.leaks.places import LeftOut, Place, look_at, others_in
from strongroom.policy.retention_and_recovery.leaks.plants import Control
from strongroom.policy.retention_and_recovery.leaks.report import LeakReport, Planted, State
from strongroom.policy.retention_and_recovery.leaks.scan import Request, scan_installation
from tests.leaks.looks import TEXT, scanner

CANARY = Canary("c", (Secret(TEXT),))


def scanned(place: Path, *, user: int | None = None, planted: bool = True, **request: object) -> LeakReport:
    """A whole scan in a process of its own, with a control in a folder beside."""
    control, beside = Control(), place.parent / "beside"
    beside.mkdir(exist_ok=True)
    beside.chmod(0o755)
    where = (Place("place", place), Place("beside", beside))
    with plants.all_of(control, [plants.in_places(where[1:])] if planted else []):
        for path in beside.iterdir():
            path.chmod(0o644)
        wanted = Request((CANARY, *control.canaries), where, **request)  # type: ignore[arg-type]
        return scan_installation(wanted, planted=control.planted, user=user)


@pytest.fixture
def place(folder: Path) -> Path:
    made = folder / "place"
    made.mkdir()
    (made / "clean").write_text("nobody")
    return made


def test_a_clean_folder_is_clean(place: Path) -> None:
    report = scanned(place)
    assert report.state is State.CLEAN
    assert report.as_json()["leaks"]["found"] == 0 and report.as_json()["leaks"]["positive_control_found"] == 1


def test_a_leak_is_told_by_path_canary_and_form_without_its_text(place: Path) -> None:
    (place / "deep").mkdir()
    (place / "deep" / "leak").write_text(TEXT, encoding="utf-8")
    report = scanned(place)
    assert report.state is State.LEAK
    assert report.as_json()["sinks"] == [{"path": str(place / "deep" / "leak"), "canary": "c", "form": "utf-8"}]
    assert TEXT not in str(report) and TEXT not in str(report.as_json())


def test_a_scan_without_its_control_is_invalid_whatever_it_found(place: Path) -> None:
    assert scanned(place, planted=False).state is State.INVALID


def test_a_plant_that_is_not_found_makes_the_scan_invalid(place: Path) -> None:
    lost = Planted("c", "utf-8", str(place / "gone"))
    report = scan_installation(Request((CANARY,), (Place("place", place),)), planted=[lost])
    assert report.state is State.INVALID and report.missed == (lost,)


def test_a_file_or_folder_that_may_not_be_read_makes_the_result_unknown(place: Path) -> None:
    (place / "closed").write_text("secret")
    (place / "closed").chmod(0)
    (place / "shut").mkdir(mode=0)
    place.chmod(0o755)
    told = as_nobody(lambda: look_and_say(place))
    assert told == {str(place / name): "cannot be read: Permission denied" for name in ("closed", "shut")}


def look_and_say(place: Path) -> dict[str, str]:
    seen = scanner()
    look_at(seen, [Place("place", place)], [])
    return seen.seen.unknown


def as_nobody(act: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What an act says in a process of nobody's; root may read what it likes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:
            os.setuid(65_534)
        os.write(writing, json.dumps(act()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        said: dict[str, str] = json.loads(told.read())
    os.waitpid(child, 0)
    return said


def test_a_folder_that_is_not_there_is_unknown(folder: Path) -> None:
    report = scanned(folder / "nowhere")
    assert report.state is State.UNKNOWN


def test_the_scan_runs_as_another_user_than_the_worker(place: Path) -> None:
    if os.getuid() != 0 or not others_may_run(Path(sys.executable)):
        pytest.skip("needs root, and an interpreter outside a private folder, to scan as somebody else")
    place.chmod(0o755)
    (place / "leak").write_text(TEXT, encoding="utf-8")
    (place / "leak").chmod(0o644)
    assert scanned(place, user=65_534).state is State.LEAK


def others_may_run(interpreter: Path) -> bool:
    return all(each.stat().st_mode & 1 for each in (interpreter.resolve(), *interpreter.resolve().parents))


def test_what_is_left_out_is_named_with_its_reason(place: Path) -> None:
    (place / "world").mkdir()
    (place / "world" / "leak").write_text(TEXT, encoding="utf-8")
    report = scanned(place, left_out=(LeftOut(place / "world", "the simulated world"),))
    assert report.state is State.CLEAN
    assert report.as_json()["left_out"] == [{"path": str(place / "world"), "reason": "the simulated world"}]


def test_other_installations_are_left_out_of_the_temporary_folder_and_ones_own_never(folder: Path) -> None:
    for name in ("mine", "theirs"):
        (folder / name / "keys").mkdir(parents=True)
        (folder / name / "strongroom.toml").touch()
        (folder / name / "keys" / "ring").touch()
    assert {each.path for each in others_in(folder, folder / "mine")} == {folder / "theirs", folder / "theirs" / "keys"}


def test_a_files_name_and_a_links_target_are_looked_at(place: Path) -> None:
    (place / f"label-{TEXT}.pdf").touch()
    assert scanned(place).found[0].path == f"{place} (names)"
    (place / f"label-{TEXT}.pdf").unlink()
    (place / "link").symlink_to(f"/nowhere/{TEXT}")
    assert scanned(place).found[0].path == f"{place} (names)"


def test_links_pipes_and_devices_are_not_followed_or_waited_for(place: Path, folder: Path) -> None:
    outside = folder / "outside"
    outside.write_text(TEXT, encoding="utf-8")
    (place / "link").symlink_to(outside)
    (place / "round").symlink_to(place)
    os.mkfifo(place / "pipe")
    assert scanned(place).state is State.CLEAN


def test_only_what_changed_since_a_moment_is_looked_at_where_asked(place: Path) -> None:
    old = place / "old"
    old.write_text(TEXT, encoding="utf-8")
    seen = scanner()
    look_at(seen, [Place("p", place, since=time.time() + 60)], [])
    assert seen.seen.files == 0
    look_at(seen, [Place("p", place, since=time.time() - 60)], [])
    assert seen.seen.files == 2


def test_a_file_that_vanishes_is_counted_and_no_gap(folder: Path) -> None:
    seen = scanner()
    seen.file(folder / "gone")
    assert seen.seen.vanished == 1 and not seen.seen.unknown


def test_arguments_and_environment_of_a_familys_processes_are_looked_at() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()', sys.argv[1]])"
    with subprocess.Popen([sys.executable, "-c", code, TEXT], stdin=subprocess.PIPE, env={"WHO": TEXT}) as child:
        deadline = time.monotonic() + 20
        while len(processes.family([child.pid])) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        seen = scanner()
        processes.look_at(seen, processes.family([child.pid]))
        child.kill()
        subprocess.run(["true"], check=False)
    for pid in {hit.path.split("/")[2] for hit in seen.seen.hits}:
        if int(pid) != child.pid:
            with_suppress_kill(int(pid))
    assert {hit.path.split("/")[3].split()[0] for hit in seen.seen.hits} == {"cmdline", "environ"}
    assert len({hit.path.split("/")[2] for hit in seen.seen.hits}) == 2


def with_suppress_kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def test_copies_in_memory_are_counted(folder: Path) -> None:
    code = "import sys; kept = [bytearray(sys.stdin.buffer.read()) for _ in range(1)]; print('x', flush=True); sys.stdin = open(0); import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin and child.stdout
        child.stdin.write(TEXT.encode() * 3)
        child.stdin.close()
        assert child.stdout.readline()
        try:
            found = processes.copies(child.pid, {"there": TEXT.encode(), "absent": b"Never said " + TEXT.encode()})
        except PermissionError:
            pytest.skip("needs the rights of a debugger")
        finally:
            child.kill()
    assert found["there"] >= 3 and found["absent"] == 0


def test_needles_are_no_arguments_no_environment_and_no_file_of_the_scan(place: Path) -> None:
    """The scan looks at itself: it is a descendant of the process that it was told to look at."""
    report = scanned(place, processes=(os.getpid(),))
    assert report.state is State.CLEAN, report.found


def test_a_scan_that_dies_says_so_rather_than_clean(place: Path) -> None:
    with pytest.raises(scan.ScanFailed):
        scan_installation(Request((CANARY,), (Place("p", place),), limits={"no_such_limit": 1}))


def test_plants_leave_nothing_behind(place: Path) -> None:
    before = sorted(place.rglob("*"))
    control = Control()
    with plants.all_of(control, [plants.in_files(place), plants.in_places([Place("p", place)])]):
        assert len(control.planted) == len({plant.canary for plant in control.planted}) > 30
    assert sorted(place.rglob("*")) == before
