"""The movable clock: whoever reads it while it is moved sees it before or after, never something between."""

import subprocess
import sys
import time
from pathlib import Path

from strongroom.rehearsal.clock import ClockDriver, RehearsalClock

HOURS = 6 * 3600.0
MOVE = """
import sys
from pathlib import Path
from strongroom.rehearsal.clock import ClockDriver
driver = ClockDriver(Path(sys.argv[1]))
print("ready", flush=True)
for _ in range(100_000):
    driver.step(float(sys.argv[2]))
"""


def test_a_reader_sees_every_step_whole(folder: Path) -> None:
    path = folder / "clock"
    ClockDriver(path, start=1_700_000_000).step(HOURS)
    seen = RehearsalClock(path)
    started, steps, moved = seen.boot(), seen.steps(), 0
    with subprocess.Popen([sys.executable, "-c", MOVE, str(path), str(HOURS)], stdout=subprocess.PIPE) as mover:
        assert mover.stdout is not None
        mover.stdout.readline()
        while mover.poll() is None:
            now = seen.steps()
            boot = seen.boot()
            later = seen.steps()
            assert steps <= now <= later
            assert (now - 1) * HOURS <= boot - started < (later - 1) * HOURS + 60
            moved += now != steps
            steps = later
    assert seen.steps() == 100_001
    assert moved > 100


def test_a_clock_of_before_is_understood(folder: Path) -> None:
    path = folder / "clock"
    before = ClockDriver(path, start=1_700_000_000)
    before.step(HOURS)
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(8) + whole[48:])  # written before there was a checksum
    again = ClockDriver(path)
    assert again.steps() == 1
    assert abs(again.wall() - (1_700_000_000 + HOURS)) < 60
    assert abs(again.boot() - HOURS - time.clock_gettime(time.CLOCK_BOOTTIME)) < 60


def test_a_wrong_wall_is_our_machines_alone(folder: Path) -> None:
    driver = ClockDriver(folder / "clock", start=1_700_000_000)
    ours, amazons = RehearsalClock(folder / "clock"), RehearsalClock(folder / "clock", elsewhere=True)
    boot = ours.boot()
    driver.set_wrong(-365 * 86_400)
    assert round(amazons.wall() - ours.wall(), -1) == 365 * 86_400
    assert driver.wall() - amazons.wall() < 10, "who drives the clock knows the true time"
    assert ours.boot() - boot < 10, "boot time is not the wall's"
    driver.step(HOURS)
    driver.set_wrong(0)
    assert abs(amazons.wall() - ours.wall()) < 10


def test_a_reboot_begins_boot_time_again_under_another_name(folder: Path) -> None:
    driver = ClockDriver(folder / "clock", start=1_700_000_000)
    ours, amazons = RehearsalClock(folder / "clock"), RehearsalClock(folder / "clock", elsewhere=True)
    driver.step(HOURS)
    name, wall, elsewhere = ours.boot_id(), ours.wall(), amazons.boot()
    steps = driver.reboot()
    assert (ours.steps(), ours.boot() < 10, ours.boot_id() != name) == (steps, True, True)
    assert ours.wall() - wall < 10
    assert amazons.boot() >= elsewhere
    assert amazons.boot_id() == name
    driver.step(HOURS)
    assert HOURS <= ours.boot() < HOURS + 10
