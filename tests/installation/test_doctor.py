"""`strongroom doctor` on a folder that does not run: each fault is planted, seen, mended as it says, and seen no more."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.command.doctor import EXAMINATIONS
from strongroom.command.main import main
from strongroom.formats import ring
from strongroom.formats.clock import SystemClock
from strongroom.formats.grade import Kind, Role
from strongroom.formats.ring import KeyKind, Mode, Unlocks
from strongroom.installation import certificates, description, leftovers, neighbours, service
from strongroom.installation.configuration import load
from strongroom.installation.doctor import findings
from strongroom.installation.doctor.findings import Result, State
from strongroom.installation.doctor.patient import Machine, Patient
from strongroom.installation.folders import Folders
from strongroom.installation.identities import NAMED, Identities, Identity
from strongroom.installation.leftovers import Child
from strongroom.keybroker.cells import FileCells
from strongroom.keybroker.create import create
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.rehearsal.ports import free_port

GOOD = """
[company]
address = ["Unit 4, Wharf Road"]
city = "Quillmarsh"
postcode = "QM1 2AB"
phone = "+44 7700 900100"
contacts = ["despatch@quillmarsh.invalid"]
[web]
port = {port}
[marketplace]
client_id = "amzn1.application-oa2-client.x"
marketplaces = ["A1F83G8C2ARO7P"]
[mail]
host = "mail.quillmarsh.invalid"
from = "strongroom@quillmarsh.invalid"
username = "strongroom"
directors = ["board@quillmarsh.invalid"]
[webhook]
url = "https://chat.quillmarsh.invalid/x"
[journal]
checkpoints_to = "{elsewhere}"
[backup]
targets = ["{copies}"]
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A live installation that was started once and does not run; copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="sr-doctor-"))
    folder.chmod(0o711 if os.getuid() == 0 else 0o700)
    folders = Folders(folder / "data")
    folders.make()
    for name in ("keys", "website"):
        (folders.data / name).mkdir(mode=0o700)
    for name in ("journal", "verdicts", "wanted", "published"):
        (folders.data / name).mkdir()
        (folders.data / name).chmod(0o755)
    create(
        keys=folders.keys, journal=folders.journal, mode=Mode.LIVE, clock=SystemClock(), unlocks=Unlocks.FILE,
        secret=b"u" * 32, origin="doctor.invalid/x",
    )  # fmt: skip
    for name in ("unlock", "amazon-client-secret", "amazon-refresh-token", "mail-password", "webhook-secret"):
        (folders.credentials / name).touch(mode=0o600)
        (folders.credentials / name).write_text("w" * 32)
    certificates.ensure(folders.tls, ("localhost", "127.0.0.1"))
    me = Identity(os.getuid(), os.getgid())
    who = Identities(
        Kind.SINGLE_USER, me, me.gid, dict.fromkeys(Role, me), "it needs `strongroom init`.", frozenset(Role)
    )
    description.write(folders, who, load(folders.configuration), mode="live", managed_by="supervisor", listeners=())
    yield folders.data
    shutil.rmtree(folder)


@pytest.fixture
def patient(made: Path, folder: Path) -> Patient:
    """A copy of it, well set up."""
    data, elsewhere, copies = folder / "data", folder / "elsewhere", folder / "copies"
    shutil.copytree(made, data, symlinks=True)
    for place in (elsewhere, copies):
        place.mkdir()
    folders = Folders(data)
    folders.configuration.write_text(GOOD.format(port=free_port(), elsewhere=elsewhere, copies=copies))
    folders.configuration.chmod(0o644)
    return Patient(folders, SystemClock(), Machine(least_free=1 << 20, advised_free=1 << 20))


def look(patient: Patient, id_: str, *, fix: bool = False) -> Result:
    """One examination, on a patient that remembers nothing of the last."""
    chosen = [each for each in EXAMINATIONS if each.id == id_]
    (result,) = findings.examine(replace(patient), chosen, fix=fix)
    return result


def state(patient: Patient, id_: str) -> State:
    return look(patient, id_).found.state


Plant = Callable[[Patient], None]


def changed(old: str, new: str) -> Plant:
    def plant(patient: Patient) -> None:
        path = patient.folders.configuration
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return plant


def without(name: str) -> Plant:
    return lambda patient: (patient.folders.credentials / name).unlink()


def gone(name: str) -> Plant:
    return lambda patient: shutil.rmtree(patient.folders.data / name)


def mode(name: str, bits: int) -> Plant:
    return lambda patient: (patient.folders.data / name).chmod(bits)


def file(name: str, text: str = "") -> Plant:
    def plant(patient: Patient) -> None:
        (patient.folders.data / name).write_text(text)

    return plant


def _swap_key(patient: Patient) -> None:
    """Another house's public key beside our journal."""
    (path,) = patient.folders.journal.glob("*.vkey")
    other = patient.folders.data.with_name("other")
    create(keys=other / "k", journal=other / "j", mode=Mode.LIVE, clock=SystemClock(), unlocks=Unlocks.FILE,
           secret=b"v" * 32, origin="other.invalid/y")  # fmt: skip
    path.write_text(next((other / "j").glob("*.vkey")).read_text())


def _old_certificate(patient: Patient) -> None:
    tls = patient.folders.tls
    for name in ("server.pem", "server.key"):
        (tls / name).unlink()
    certificates.ensure(tls, ("localhost", "127.0.0.1"), datetime.now(UTC) - timedelta(days=70))


def _ends_soon(patient: Patient) -> None:
    shutil.rmtree(patient.folders.tls)
    patient.folders.tls.mkdir(mode=0o700)
    certificates.ensure(patient.folders.tls, ("localhost", "127.0.0.1"), datetime.now(UTC) - timedelta(days=3_630))


def _the_house_cell(patient: Patient) -> Path:
    (row,) = [
        row for row in ring.decode((patient.folders.keys / "ring").read_bytes()).rows if row.kind is KeyKind.HOUSE
    ]
    return patient.folders.keys / "cells" / row.cell.hex()


def _efface(patient: Patient) -> None:
    cell = _the_house_cell(patient)
    FileCells(cell.parent).efface(bytes.fromhex(cell.name))


def _add_day(patient: Patient, days_ago: int, *, alive: bool = True) -> None:
    """A key of a day, as the broker would have written it; sealed under nothing that anybody knows."""
    path = patient.folders.keys / "ring"
    held = ring.decode(path.read_bytes())
    now, cell, name = int(patient.clock.wall() * 1000), os.urandom(32), os.urandom(16)
    day = now // 86_400_000 - days_ago
    row = ring.Row(
        KeyKind.DAY, 1, day, 0, now, day * 86_400_000 + ring.DAY_KEY_LIFE, name, ring.cell_check(cell),
        os.urandom(16), os.urandom(32),
    )  # fmt: skip
    if alive:
        FileCells(patient.folders.keys / "cells").write(name, cell)
    path.write_bytes(ring.encode(replace(held, rows=(*held.rows, row))))


def _torn(patient: Patient) -> None:
    path = patient.folders.keys / "ring"
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def _flipped(patient: Patient) -> None:
    for path in [*patient.folders.journal.rglob("tile/**/*"), *patient.folders.journal.glob("tail")]:
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(bytes(data))


def _half_written(patient: Patient) -> None:
    (patient.folders.tls / "server.key.new").touch()
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as left:
        (patient.folders.run / "broker").mkdir(exist_ok=True)
        left.bind(str(patient.folders.terminal_socket))


def _strange_head(patient: Patient) -> None:
    (patient.folders.data.with_name("elsewhere") / "20260101T000000Z.checkpoint").write_text("forged\n1\nx\n\n")


PLANTED: list[tuple[str, Plant, State]] = [
    ("folder.here", gone("keys"), State.PROBLEM),
    ("folder.owner", mode(".", 0o722), State.PROBLEM),
    ("folder.missing", gone("wanted"), State.PROBLEM),
    ("folder.credentials", mode("credentials/mail-password", 0o644), State.PROBLEM),
    ("folder.credentials", file("credentials/mail-password"), State.PROBLEM),
    ("folder.leftovers", _half_written, State.ADVICE),
    ("folder.copies", lambda patient: patient.folders.data.with_name("copies").rmdir(), State.PROBLEM),
    ("folder.copies", changed("targets", "#"), State.ADVICE),
    ("folder.modes", mode("strongroom.toml", 0o666), State.PROBLEM),
    ("folder.modes", mode("logs", 0o755), State.PROBLEM),
    ("folder.modes", lambda patient: (patient.folders.data / "website" / "x").symlink_to("/etc"), State.PROBLEM),
    ("settings.file", changed("client_id", "client_idd"), State.PROBLEM),
    ("settings.file", file("strongroom.toml", "[web\n"), State.PROBLEM),
    ("settings.amazon", without("amazon-refresh-token"), State.PROBLEM),
    ("settings.amazon", changed("client_id", "#"), State.ADVICE),
    ("settings.amazon", changed("marketplaces", "#"), State.PROBLEM),
    ("settings.company", changed("phone", "#"), State.ADVICE),
    ("settings.mail", without("mail-password"), State.PROBLEM),
    ("settings.mail", changed("host", "#"), State.ADVICE),
    ("settings.directors", changed("directors", "#"), State.ADVICE),
    ("settings.webhook", without("webhook-secret"), State.PROBLEM),
    ("settings.second-place", changed("checkpoints_to", "#"), State.ADVICE),
    ("settings.second-place", lambda patient: patient.folders.data.with_name("elsewhere").rmdir(), State.PROBLEM),
    ("settings.network", changed("[web]", '[web]\nlisten = "0.0.0.0"'), State.ADVICE),
    ("settings.authorities", changed("username", 'ca_file = "/nonexistent/ca.pem"\nusername'), State.PROBLEM),
    ("keys.ring", _torn, State.PROBLEM),
    ("keys.ring", file("clock", "a rehearsal's"), State.PROBLEM),
    ("keys.cells", _efface, State.PROBLEM),
    ("keys.cells", lambda patient: _add_day(patient, 3, alive=False), State.PROBLEM),
    ("keys.overdue", lambda patient: _add_day(patient, 40), State.PROBLEM),
    ("keys.unlock", without("unlock"), State.PROBLEM),
    ("tls.authority", _ends_soon, State.PROBLEM),
    ("tls.authority", changed("[web]", '[web]\nnames = ["elsewhere.example"]'), State.PROBLEM),
    ("tls.authority", file("tls/ca.pem", "nothing"), State.PROBLEM),
    ("tls.server", _old_certificate, State.PROBLEM),
    ("journal.name", _swap_key, State.PROBLEM),
    ("journal.head", _swap_key, State.PROBLEM),
    ("journal.head", _flipped, State.PROBLEM),
    ("journal.outside", _strange_head, State.PROBLEM),
    ("machine.build", lambda patient: _rewrite(patient, lambda told: told["build"].update(sha256="0" * 64)), State.PROBLEM),
]  # fmt: skip


def _rewrite(patient: Patient, change: Callable[[dict[str, Any]], None]) -> None:
    path = patient.folders.data / "installation.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


MENDED = {"folder.owner", "folder.missing", "folder.credentials", "folder.leftovers", "folder.modes", "tls.server"}
"""What `--fix` mends; of the rest it mends nothing, since it is a person's to decide."""


@pytest.mark.parametrize(("id_", "plant", "expected"), PLANTED)
def test_a_planted_fault_turns_its_examination_and_what_is_safe_turns_it_back(
    patient: Patient, id_: str, plant: Plant, expected: State
) -> None:
    before = state(patient, id_)
    assert before in (State.OK, State.ADVICE, State.NOT_HERE)
    plant(patient)
    planted = _names(patient)
    found = look(patient, id_).found
    assert found.state is expected, found
    assert found.remedies
    assert _names(patient) == planted
    mended = look(patient, id_, fix=True)
    if id_ in MENDED and not _is_a_persons(patient):
        assert mended.done
        assert (mended.found.state, state(patient, id_)) == (before, before)
    else:
        assert mended.done == ()
        assert _names(patient) == planted


def _is_a_persons(patient: Patient) -> bool:
    """An empty credential or a link: nobody but a person knows what belongs there."""
    return any(path.is_symlink() or path.stat().st_size == 0 for path in (*patient.folders.credentials.iterdir(),
               *(patient.folders.data / "website").iterdir()))  # fmt: skip


def _names(patient: Patient) -> dict[str, int]:
    return {str(path): path.lstat().st_mode for path in patient.folders.data.rglob("*")}


def test_a_whole_folder_has_nothing_wrong(patient: Patient) -> None:
    results = findings.examine(patient, EXAMINATIONS)
    assert {r.examination.id: r.found.words for r in results if r.found.state is State.PROBLEM} == {}


def test_a_secret_that_others_could_read_is_closed_and_to_be_replaced(patient: Patient) -> None:
    mode("credentials/unlock", 0o644)(patient)
    (done,) = look(patient, "folder.modes", fix=True).done
    assert "replace it" in done


def test_a_link_is_never_followed_to_another_file(patient: Patient) -> None:
    strange = patient.folders.data.with_name("strange")
    strange.touch(mode=0o666)
    strange.chmod(0o666)
    (patient.folders.credentials / "linked").symlink_to(strange)
    look(patient, "folder.modes", fix=True)
    assert strange.stat().st_mode & 0o777 == 0o666


FOLLOWED: list[tuple[str, Plant]] = [
    ("folder.modes", mode("strongroom.toml", 0o666)),
    ("folder.owner", mode(".", 0o722)),
]


@pytest.mark.parametrize(("id_", "plant"), FOLLOWED)
def test_a_remedy_that_is_a_command_mends_what_it_is_for(patient: Patient, id_: str, plant: Plant) -> None:
    plant(patient)
    for remedy in look(patient, id_).found.remedies:
        assert subprocess.run(remedy.split(), check=False).returncode == 0
    assert state(patient, id_) in (State.OK, State.ADVICE)


LINES: list[tuple[str, str]] = [
    ("settings.amazon", "client_id"), ("settings.company", "phone"), ("settings.directors", "directors"),
    ("settings.company", "contacts"), ("settings.mail", "host"), ("settings.second-place", "checkpoints_to"),
]  # fmt: skip


@pytest.mark.parametrize(("id_", "setting"), LINES)
def test_a_remedy_that_is_lines_of_configuration_is_understood(patient: Patient, id_: str, setting: str) -> None:
    path = patient.folders.configuration
    path.write_text(re.sub(rf"(?m)^{setting} = .*$", "", path.read_text()))
    follow(path, look(patient, id_).found.remedies)
    assert state(patient, "settings.file") is State.OK
    wanted = State.PROBLEM if id_ == "settings.second-place" else State.OK  # nothing is mounted where it says
    assert state(patient, id_) is wanted


def follow(path: Path, remedies: Sequence[str]) -> None:
    """Write each line where it says; a setting that stands there already gives way."""
    section = ""
    for remedy in remedies:
        match = re.fullmatch(r"(?:\[(\w+)\])? ?(?:(\w+) = (.*))?", remedy)
        assert match is not None, remedy
        section = match[1] or section
        if match[2]:
            text = re.sub(rf"(?m)^{match[2]} = .*$", "", path.read_text())
            path.write_text(text.replace(f"[{section}]", f"[{section}]\n{match[2]} = {match[3]}"))


def test_every_examination_names_a_clause_of_the_policy_and_has_its_own_name() -> None:
    ids = [each.id for each in EXAMINATIONS]
    assert len(ids) == len(set(ids)) >= 40
    assert {each.clause for each in EXAMINATIONS} <= set(all_clauses())
    assert all(re.fullmatch(r"[a-z]+\.[a-z-]+", id_) for id_ in ids)


def test_what_browsers_are_told_of_hosts_below_is_said_and_is_no_fault(patient: Patient) -> None:
    assert state(patient, "settings.subdomains") is State.NOT_HERE
    named = '[web]\nnames = ["strongroom.example.org"]'
    for line, words in (("", "not to hosts below"), ("\nhsts_subdomains = true", "every host below encrypted")):
        changed("[web]", named + line)(patient)
        found = look(patient, "settings.subdomains").found
        assert (found.state, words in found.words) == (State.OK, True)
        changed(named + line, "[web]")(patient)


@pytest.mark.parametrize(
    ("id_", "machine", "expected"),
    [
        ("program.python", Machine(python=(3, 10)), State.PROBLEM),
        ("program.system", Machine(system="Darwin"), State.PROBLEM),
        ("folder.space", Machine(least_free=1 << 60), State.PROBLEM),
        ("folder.space", Machine(least_free=1, advised_free=1 << 60), State.ADVICE),
        ("machine.cores", Machine(proc=Path("/nonexistent")), State.NOT_HERE),
    ],
)
def test_a_machine_that_does_not_do_is_told(patient: Patient, id_: str, machine: Machine, expected: State) -> None:
    assert look(replace(patient, machine=machine), id_).found.state is expected


def test_packages_of_other_versions_are_named(patient: Patient, folder: Path) -> None:
    path = folder / "requirements.lock"
    path.write_text(
        "django==1.0 \\\n    --hash=sha256:00\nnever-heard-of==1 \\\nmaybe==1 ; python_version < '3.0' \\\n"
    )
    found = look(replace(patient, machine=Machine(packages=path)), "program.packages").found
    assert found.state is State.PROBLEM
    assert "django is" in found.words
    assert "never-heard-of is missing" in found.words
    assert "maybe" not in found.words


def test_core_dumps_to_a_program_are_advised_against(patient: Patient, folder: Path) -> None:
    kernel = folder / "proc" / "sys" / "kernel"
    kernel.mkdir(parents=True)
    (kernel / "core_pattern").write_text("|/usr/lib/systemd/systemd-coredump %P\n")
    machine = Machine(proc=folder / "proc")
    assert look(replace(patient, machine=machine), "machine.cores").found.state is State.ADVICE
    (kernel / "core_pattern").write_text("|/bin/false\n")
    assert look(replace(patient, machine=machine), "machine.cores").found.state is State.OK


def test_a_taken_port_is_told_with_its_holder(patient: Patient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", load(patient.folders.configuration).web.port))
        taken.listen()
        found = look(patient, "machine.port").found
        assert found.state is State.PROBLEM
        assert str(os.getpid()) in found.words
    assert state(patient, "machine.port") is State.OK


def test_a_missing_unit_or_user_of_the_service_is_told(patient: Patient, folder: Path) -> None:
    machine = Machine(units=folder / "units", booted=folder / "none")
    there = replace(patient, machine=machine)
    assert state(there, "machine.units") is State.NOT_HERE
    machine.units.mkdir()
    (machine.units / "strongroom.target").touch()
    assert state(there, "machine.units") is State.PROBLEM
    for name in ("broker", "web", "worker", "inspector", "prepare"):
        (machine.units / f"strongroom-{name}.service").touch()
    assert state(there, "machine.units") is State.UNKNOWN
    has_users = all(service.exists(name) for name in NAMED.values())
    assert state(there, "machine.users") is (State.OK if has_users else State.PROBLEM)


def test_a_setting_from_the_environment_is_named(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_WEB_PORT", "9443")
    found = look(patient, "settings.environment").found
    assert found.state is State.ADVICE
    assert "STRONGROOM_WEB_PORT" in found.words


def test_whoever_holds_the_folder_is_seen_to_run(patient: Patient) -> None:
    assert state(patient, "machine.runs") is State.ADVICE
    with patient.folders.only_one():
        found = look(patient, "machine.runs").found
    assert found.state is State.OK
    assert str(os.getpid()) in found.words


def test_processes_of_a_killed_supervisor_are_told_and_not_touched(patient: Patient) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as left:
        child = Child(left.pid, neighbours.born(left.pid), 15)
        leftovers.write_down(patient.folders.run / "children", {"worker": child})
        found = look(patient, "folder.leftovers", fix=True)
        assert (found.found.state, found.done) == (State.PROBLEM, ())
        assert left.poll() is None
        left.kill()
    assert look(patient, "folder.leftovers", fix=True).done


def test_an_ordinary_user_is_told_what_only_the_owner_may_see(patient: Patient) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    code = "import sys; from strongroom.command.main import main; sys.exit(main(sys.argv[1:]))"
    patient.folders.data.chmod(0o700)
    become = ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--"]
    ran = subprocess.run(
        [*become, sys.executable, "-c", code, "--data", str(patient.folders.data), "doctor", "keys", "folder.owner"],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    if "Permission denied" in ran.stderr and not ran.stdout:
        pytest.skip("another user cannot reach this interpreter")
    assert ran.returncode in (3, 4), ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_command_ends_as_status_does_and_tells_clause_and_remedy(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    def doctor(*words: str) -> int:
        return main(["--data", str(patient.folders.data), "doctor", *words])

    assert doctor("tls", "journal", "settings.file") == 0
    mode("strongroom.toml", 0o666)(patient)
    capsys.readouterr()
    assert doctor("folder.modes", "--json") == 3
    (row,) = json.loads(capsys.readouterr().out)["checks"]
    assert (row["clause"], row["why"]) == ("ES-3", all_clauses()["ES-3"].promise)
    assert row["remedies"] == [f"chmod 0644 {patient.folders.configuration}"]
    assert doctor("folder.modes", "--fix") == 0
    assert "mode 0666 is 0644 now" in capsys.readouterr().err
    assert doctor("nonsense") == 1


def test_nothing_is_asked_and_no_secret_is_told(patient: Patient) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "strongroom.command.main", "--data", str(patient.folders.data), "doctor", "--all"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode in (0, 4), ran.stdout  # what keeps a container's clock right is not shown
    assert "examined" in ran.stdout
    assert "u" * 32 not in ran.stdout + ran.stderr
    assert "w" * 32 not in ran.stdout + ran.stderr
