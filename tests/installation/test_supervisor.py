"""Children start in order, come back when they die, get no secret of ours, and never outlive their supervisor."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from strongroom.installation import neighbours, supervisor
from strongroom.installation.channels import make_channels
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart
from strongroom.installation.running import _check_port
from strongroom.installation.supervisor import Process, Supervisor
from tests.installation.servers import CANARY, embedded, is_running, one, until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def house(folder: Path) -> Iterator[Supervisor]:
    made = Supervisor(folder, folder / "children")
    yield made
    made.stop()


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def watch_until_back(house: Supervisor, name: str, dead: int) -> None:
    deadline = time.monotonic() + 10
    while house.pid(name) == dead or not house.alive(name):
        assert time.monotonic() < deadline
        house.watch()
        time.sleep(0.01)


def test_a_child_that_dies_is_started_again_later_each_time(house: Supervisor, folder: Path) -> None:
    child = Process("child", SLEEP)
    house.start(child)
    waits = []
    for _ in range(3):
        dead = house.pid("child")
        os.kill(dead, signal.SIGKILL)
        until(lambda: not house.alive("child"))
        began = time.monotonic()
        watch_until_back(house, "child", dead)
        waits.append(time.monotonic() - began)
    assert child.restarts == 3
    assert waits[0] < waits[1] < waits[2] < 2


def test_the_wait_grows_to_five_seconds_and_no_further_however_often_it_died() -> None:
    assert [supervisor._wait(n) for n in (0, 1, 2, 5, 2000)] == [0.2, 0.4, 0.8, 5.0, 5.0]


def test_a_child_that_served_for_long_is_back_quickly(house: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    house.start(Process("child", SLEEP))
    house._quick_deaths["child"] = 7
    monkeypatch.setattr(supervisor, "WELL_AFTER", 0.0)
    dead = house.pid("child")
    os.kill(dead, signal.SIGKILL)
    began = time.monotonic()
    watch_until_back(house, "child", dead)
    assert time.monotonic() - began < 2


def test_children_end_in_reverse_order_and_who_does_not_listen_is_killed(
    house: Supervisor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_WITHIN", 0.5)
    code = (
        "import os, signal, sys, time\n"
        "def end(*_):\n    open(sys.argv[1], 'a').write(sys.argv[2])\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[2] == 'deaf' else end)\n"
        "os.write(int(sys.argv[3]), b'1')\ntime.sleep(60)\n"
    )
    for name in ("1", "deaf", "2", "3"):
        house.start(Process(name, python(code, str(folder / "order"), name, "{ready}"), needs_ready_line=True))
    deaf = house.pid("deaf")
    house.stop()
    assert (folder / "order").read_text() == "321"
    assert not is_running(deaf)


def test_a_child_is_told_what_it_needs_and_no_secret_of_ours(
    house: Supervisor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "PYTHONPATH", "LD_PRELOAD", "STRONGROOM_DATA"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("SSL_CERT_FILE", "/ca.pem")
    code = "import os, sys; open(sys.argv[1], 'w').write(repr(dict(os.environ))); os.write(int(sys.argv[2]), b'1')"
    told = Process("child", python(code, str(folder / "env"), "{ready}"), {"GIVEN": "1"}, needs_ready_line=True)
    house.start(told)
    found = eval((folder / "env").read_text())  # noqa: S307 - our own child's words
    assert set(found) <= {*supervisor.PASSED_ON, "TZ", "GIVEN", "LC_CTYPE"}
    assert {found["TZ"], found["GIVEN"], found["SSL_CERT_FILE"]} == {"UTC", "1", "/ca.pem"}
    assert CANARY not in str(found)


def test_a_child_has_a_session_of_its_own_no_core_dumps_and_only_the_descriptors_given(
    house: Supervisor, folder: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as given, socket.socket(socket.AF_UNIX) as kept:
        for own in (given, kept):
            os.set_inheritable(own.fileno(), True)
        house.start(Process("child", SLEEP, descriptors=[given.fileno()]))
        pid = house.pid("child")
        until(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes())
        assert os.getsid(pid) == os.getpgid(pid) == pid
        assert "Max core file size        0 " in Path(f"/proc/{pid}/limits").read_text()
        assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
        open_ = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
        assert given.fileno() in open_
        assert kept.fileno() not in open_


def test_what_a_killed_child_started_does_not_outlive_it(house: Supervisor) -> None:
    """A web server's workers hold its port: the next one could not listen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = (
        "import os, socket, sys, time\ns = socket.socket()\n"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\ns.bind(('127.0.0.1', int(sys.argv[1])))\ns.listen()\n"
        "os.fork()\nos.write(int(sys.argv[2]), b'1')\ntime.sleep(60)\n"
    )
    house.start(Process("server", python(code, str(port), "{ready}"), needs_ready_line=True))
    dead = house.pid("server")
    os.kill(dead, signal.SIGKILL)
    watch_until_back(house, "server", dead)
    until(lambda: neighbours.listener(port) is not None)
    assert os.getpgid(neighbours.listener(port) or 0) == house.pid("server")


def test_a_child_that_is_not_ready_is_ended_and_its_last_words_are_said(
    house: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "READY_WITHIN", 0.5)
    with pytest.raises(CannotStart, match=r"The early did not start\. no keys here"):
        house.start(Process("early", python("raise SystemExit('no keys here')"), needs_ready_line=True))
    for waits in ({"needs_ready_line": True}, {"ready": lambda: False}):
        with pytest.raises(CannotStart, match="The late did not start"):
            house.start(Process("late", [*SLEEP, "{ready}"], **waits))
        assert not house.alive("late")


def test_a_child_is_prepared_before_each_start_and_a_start_that_fails_is_tried_again(
    house: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    def prepare() -> None:
        told.append("asked")
        if len(told) == 2:
            raise CannotStart("The disk is full.", "Free some space.")

    house.start(Process("child", SLEEP, prepare=prepare))
    dead = house.pid("child")
    os.kill(dead, signal.SIGKILL)
    watch_until_back(house, "child", dead)
    assert len(told) == 3
    assert "child could not be started: The disk is full" in capsys.readouterr().err


def test_restart_ends_it_and_waits_until_it_serves(house: Supervisor, folder: Path) -> None:
    code = "import os, sys, time; open(sys.argv[1], 'a').write('x'); os.write(int(sys.argv[2]), b'1'); time.sleep(60)"
    child = Process("child", python(code, str(folder / "starts"), "{ready}"), needs_ready_line=True)
    house.start(child)
    first = house.pid("child")
    house.restart("child")
    assert (folder / "starts").read_text() == "xx"
    assert not is_running(first)
    assert child.restarts == 0


def test_a_log_that_grew_too_long_is_set_aside_while_its_child_writes_on(
    house: Supervisor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOG_LIMIT", 10_000)
    monkeypatch.setattr(supervisor, "LOG_EVERY", 0.0)
    code = "import time\nfor i in range(10**9): print(f'line {i}', flush=True); time.sleep(0.0002)"
    house.start(Process("child", python(code)))
    log, aside = folder / "child.log", folder / "child.log.1"
    deadline = time.monotonic() + 10
    while not aside.exists() and time.monotonic() < deadline:
        house.watch()
    until(lambda: log.stat().st_size > 0)
    assert log.stat().st_size < 10_000
    assert not log.read_bytes().startswith(b"\0"), "it appends; there is no hole"
    assert aside.read_text().startswith("line 0\n")
    assert {path.stat().st_mode & 0o777 for path in (log, aside)} == {0o600}


def test_a_restarted_peer_and_a_restarted_broker_have_the_same_channel(house: Supervisor, folder: Path) -> None:
    channel = make_channels(("web",))["web"]
    code = (
        "import os, socket, sys, time\ns = socket.socket(fileno=int(sys.argv[1]))\n"
        "if sys.argv[2] == 'say':\n    s.send(str(os.getpid()).encode()); time.sleep(60)\n"
        "while True: open(sys.argv[3], 'a').write(s.recv(64).decode() + ' heard by ' + str(os.getpid()) + '\\n')\n"
    )
    heard = folder / "heard"
    broker = python(code, str(channel.brokers.fileno()), "hear", str(heard))
    web = python(code, str(channel.peers.fileno()), "say", "")
    house.start(Process("broker", broker, descriptors=[channel.brokers.fileno()]))
    house.start(Process("web", web, descriptors=[channel.peers.fileno()]))
    until(lambda: heard.exists() and heard.read_text().count("\n") == 1)
    house.restart("broker")
    house.restart("web")
    until(lambda: heard.read_text().count("\n") == 2)
    assert heard.read_text().splitlines()[1] == f"{house.pid('web')} heard by {house.pid('broker')}"
    channel.close()


SUPERVISING = """
import sys
from pathlib import Path
from strongroom.installation import leftovers
leftovers.END_WITHIN = 3.0
from strongroom.installation.folders import Folders
from strongroom.installation.supervisor import Process, Supervisor
folders = Folders(Path(sys.argv[1]))
folders.make()
with folders.only_one():
    house = Supervisor(folders.logs, folders.run / "children")
    try:
        house.start(Process("child", [sys.executable, "-c", sys.argv[2], str(folders.data), "{ready}"], needs_ready_line=True))
        print(house.pid("child"), flush=True)
        house.run_forever()
    finally:
        house.stop()
print("stopped", flush=True)
"""
CHILD = """
import fcntl, os, signal, sys, time
held = open(sys.argv[1] + "/held", "w")
fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
def end(*_):
    time.sleep(SLOWLY)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
os.write(int(sys.argv[2]), b"1")
while True: time.sleep(60)
"""


def supervising(folder: Path, slowly: str) -> tuple[subprocess.Popen[str], int]:
    code = CHILD.replace("SLOWLY", slowly)
    begun = subprocess.Popen(python(SUPERVISING, str(folder / "data"), code), stdout=subprocess.PIPE, text=True)
    assert begun.stdout is not None
    child = int(begun.stdout.readline())
    until(lambda: _catches(begun.pid, signal.SIGTERM))
    return begun, child


def _catches(pid: int, name: signal.Signals) -> bool:
    """Whether a process has its handler in place, so that a signal means what we mean by it."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt")]
    return bool(int(line.split()[1], 16) >> (name - 1) & 1)


def ended(begun: subprocess.Popen[str]) -> str:
    said, _ = begun.communicate(timeout=30)
    return said


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_its_children_first(folder: Path, name: signal.Signals) -> None:
    begun, child = supervising(folder, "0")
    begun.send_signal(name)
    assert ended(begun) == "stopped\n"
    assert not is_running(child)


def test_children_die_with_a_killed_supervisor(folder: Path) -> None:
    begun, child = supervising(folder, "0")
    begun.kill()
    ended(begun)
    until(lambda: not is_running(child))


@pytest.mark.parametrize("slowly", ["1.5", "999"], ids=["slow to end", "does not end"])
def test_a_new_supervisor_takes_over_from_a_killed_one(folder: Path, slowly: str) -> None:
    """The child holds a lock, as the key broker does; its successor would not start while it still ends."""
    first, left = supervising(folder, slowly)
    first.kill()
    ended(first)
    assert is_running(left)
    second, child = supervising(folder, "0")
    assert not is_running(left)
    assert is_running(child)
    second.terminate()
    assert ended(second) == "stopped\n"


def test_a_pid_that_somebody_else_has_now_is_left_alone(folder: Path) -> None:
    begun, child = supervising(folder, "0")
    begun.kill()
    ended(begun)
    until(lambda: not is_running(child))
    somebody = subprocess.Popen(SLEEP)
    record = folder / "data" / "run" / "children"
    record.write_text(record.read_text().replace(str(child), str(somebody.pid)))
    second, _ = supervising(folder, "0")
    assert somebody.poll() is None
    second.terminate()
    ended(second)
    record.write_text("{torn")
    third, _ = supervising(folder, "0")
    third.terminate()
    ended(third)
    somebody.kill()
    somebody.wait()


def test_postgres_outlives_neither_its_supervisor_nor_takes_its_rows_along(folder: Path) -> None:
    """The whole of it, killed twice in the middle of work: every acknowledged row is there."""
    code = """
import sys, time
from pathlib import Path
from strongroom.installation.binaries import find_binaries
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from strongroom.installation.commands import LIVE
from strongroom.installation.running import Running
folders = Folders(Path(sys.argv[1]))
folders.make()
with folders.only_one(), Running(folders, load(folders.configuration), LIVE) as house:
    house.start_database()
    print(house.supervisor.pid("postgres"), flush=True)
    house.supervisor.run_forever()
"""
    folders, server = embedded(folder)
    for round_ in range(3):
        begun = subprocess.Popen(python(code, str(folders.data)), stdout=subprocess.PIPE, text=True)
        assert begun.stdout is not None
        pid = int(begun.stdout.readline())
        if round_:
            assert one(server.parameters, "SELECT count(*) FROM t") == 50 * round_
        with psycopg.connect(**server.parameters, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS t (i int)")
            for i in range(50):
                connection.execute("INSERT INTO t VALUES (%s)", [i])
            if round_ == 2:
                os.kill(pid, signal.SIGKILL)  # the supervisor, still there, starts it again
            else:
                begun.kill()
        if round_ == 2:
            deadline = time.monotonic() + 15
            rows = None
            while rows is None and time.monotonic() < deadline:
                try:
                    rows = one(server.parameters, "SELECT count(*) FROM t")
                except psycopg.OperationalError:
                    time.sleep(0.05)
            assert rows == 150
            begun.terminate()
        ended(begun)
    until(lambda: neighbours.postgres_in(folders.postgres) == [])
    assert not (folders.run / "children").exists()


def test_a_port_in_use_is_said_with_the_process_that_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CannotStart, match=f"Process {os.getpid()} listens there"):
            _check_port("127.0.0.1", taken.getsockname()[1])


def test_a_hardened_process_cannot_be_looked_into_by_its_own_user() -> None:
    code = (
        "import os, resource, sys\nfrom strongroom.installation.process_flags import harden\nharden()\n"
        "print(*resource.getrlimit(resource.RLIMIT_CORE))\n"
        "print([line for line in open('/proc/self/status') if 'NoNewPrivs' in line])\n"
        "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
    )
    ran = subprocess.run(python(code), capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[0] == "0 0"
    assert "NoNewPrivs:\\t1" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "0", "not dumpable, so not traceable"


def test_folders_of_a_running_installation_refuse_a_second_one(folder: Path) -> None:
    begun, _ = supervising(folder, "0")
    with pytest.raises(CannotStart, match=f"process {begun.pid}"), Folders(folder / "data").only_one():
        pass
    begun.terminate()
    ended(begun)
