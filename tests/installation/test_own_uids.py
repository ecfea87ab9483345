"""As root each process has its own uid, reaches what is its own and nothing else; old folders become so in place."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.formats.grade import Kind, Role, grade
from strongroom.installation import identities, layout
from strongroom.installation.folders import Folders
from strongroom.installation.identities import Identities, Identity
from strongroom.installation.problems import CannotStart
from strongroom.rehearsal.installation import Rehearsal
from tests.installation.servers import until
from tests.installation.service_grade import as_role, needs_own_uids, python, quiet_rehearsal

NAMES = {
    "keybroker": Role.BROKER, "website": Role.WEB, "worker": Role.WORKER, "inspector": Role.INSPECTOR,
    "postgres": Role.DATABASE, "marketplace": Role.AMAZON, "printer": Role.AMAZON,
}  # fmt: skip


@pytest.fixture(scope="module")
def installed() -> Iterator[Rehearsal]:
    needs_own_uids()
    made = Path(tempfile.mkdtemp(prefix="sr-own-"))
    made.chmod(0o711)
    with quiet_rehearsal(made / "data") as running:
        yield running
    shutil.rmtree(made, ignore_errors=True)


def status(pid: int, name: str) -> str:
    (line,) = [ln for ln in Path(f"/proc/{pid}/status").read_text().splitlines() if ln.startswith(f"{name}:")]
    return line.split("\t", 1)[1]


def test_every_process_has_a_uid_of_its_own_and_no_right_of_roots(installed: Rehearsal) -> None:
    uids = {}
    for name, role in NAMES.items():
        pid = installed.running.supervisor.pid(name)
        found = set(status(pid, "Uid").split())
        assert found == {str(installed.running.who.roles[role].uid)}, name
        uids[role] = found.pop()
        wanted = 1 << 2 | 1 << 19 if role is Role.INSPECTOR else 0
        if role is not Role.DATABASE:
            for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh"):
                assert int(status(pid, kind), 16) == wanted, (name, kind)
        assert status(pid, "NoNewPrivs") == "1"
    assert len(set(uids.values())) == len(set(NAMES.values()))
    assert "0" not in uids.values()


def test_only_those_who_meet_at_the_database_are_of_its_group(installed: Rehearsal) -> None:
    group = str(installed.running.who.group)
    for name, role in NAMES.items():
        groups = status(installed.running.supervisor.pid(name), "Groups").split()
        assert (group in groups) == (role in identities.MEMBERS), name


def test_it_is_written_down_for_policy_code(installed: Rehearsal) -> None:
    found = grade(installed.folders.data)
    assert found.is_service
    assert found.uids == {role: one.uid for role, one in installed.running.who.roles.items()}


@pytest.mark.parametrize("role", [Role.WEB, Role.WORKER])
def test_policy_code_reads_grade_and_verdicts_as_its_own_user(installed: Rehearsal, role: Role) -> None:
    """Who may pass through the data folder, but not list it."""
    code = (
        "import sys; from pathlib import Path; from strongroom.formats import verdict_file\n"
        "from strongroom.formats.grade import Role, grade; from strongroom.formats.verdict import Look\n"
        "data = Path(sys.argv[1]); found = grade(data); print(found.kind)\n"
        "print(type(verdict_file.read(data / verdict_file.FOLDER, Look.SWAP, found.uids[Role.INSPECTOR])).__name__)"
    )
    until((installed.folders.data / "verdicts" / "swap.json").exists, 60)
    read = as_role(installed, role, python(code, str(installed.folders.data)))
    assert read.stdout.split() == ["service", "Verdict"], read.stderr


OWN = {
    "keys/ring": {Role.BROKER},
    "rehearsal-unlock": {Role.BROKER},
    "credentials/database-web": {Role.WEB},
    "credentials/django-secret-key": {Role.WEB},
    "credentials/monitoring-token": {Role.WEB},
    "credentials/database-worker": {Role.WORKER},
    "credentials/amazon-refresh-token": {Role.WORKER},
    "credentials/database-owner": set(),
    "credentials/database-postgres": set(),
    "tls/server.key": {Role.WEB},
    "tls/ca.key": set(),
    "logs/keybroker.log": set(),
    "website/sample-people.json": {Role.WEB},
    "marketplace/refresh-token": {Role.AMAZON},
    "journal/checkpoint": set(Role),
    "database.json": set(Role),
    "tls/ca.pem": set(Role),
    "installation.json": set(Role),
}


@pytest.mark.parametrize("path", OWN)
def test_each_file_is_read_by_whom_it_is_for_and_by_nobody_else(installed: Rehearsal, path: str) -> None:
    file = installed.folders.data / path
    assert file.exists()
    may = {role for role in Role if as_role(installed, role, ["test", "-r", str(file)]).returncode == 0}
    assert may == OWN[path]


def test_each_writes_its_own_folder_only(installed: Rehearsal) -> None:
    owners = {"keys": Role.BROKER, "journal": Role.BROKER, "verdicts": Role.INSPECTOR, "wanted": Role.WORKER,
              "website": Role.WEB, ".": None, "credentials": None, "tls": None, "run": None}  # fmt: skip
    for name, owner in owners.items():
        folder = installed.folders.data / name
        may = {role for role in Role if as_role(installed, role, ["test", "-w", str(folder)]).returncode == 0}
        assert may == ({owner} if owner else set()), name


def test_the_database_is_reached_by_its_group_only(installed: Rehearsal) -> None:
    socket = installed.folders.run / "postgres" / ".s.PGSQL.5432"
    code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    who = installed.running.who
    for role in (Role.BROKER, Role.INSPECTOR, Role.AMAZON):
        assert "PermissionError" in as_role(installed, role, python(code, str(socket))).stderr
    for role in (Role.WEB, Role.WORKER):
        one = who.roles[role]
        ran = subprocess.run(
            ["setpriv", f"--reuid={one.uid}", f"--regid={one.gid}", f"--groups={who.group}", *python(code, str(socket))],
            check=False, cwd="/",
        )  # fmt: skip
        assert ran.returncode == 0


def test_the_key_broker_has_no_network(installed: Rehearsal) -> None:
    pid = installed.running.supervisor.pid("keybroker")
    assert Path(f"/proc/{pid}/ns/net").stat().st_ino != Path("/proc/self/ns/net").stat().st_ino
    up = [
        line for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:] if not line.strip().startswith("lo:")
    ]
    assert up == []


def test_a_broker_reborn_after_a_death_serves_its_peers_on(installed: Rehearsal) -> None:
    """Its re-execution keeps uid, network and socket; the worker goes on asking without anybody's help."""
    pid = installed.running.supervisor.pid("keybroker")
    installed.control.do("place", what={"status": "UNSHIPPED", "fulfilled_by": "MERCHANT"})
    for _ in range(34):
        installed.step(86_400)
    until(lambda: b"--strangers" in Path(f"/proc/{pid}/cmdline").read_bytes(), 30)  # a key died: it was born again
    assert installed.running.supervisor.pid("keybroker") == pid
    assert set(status(pid, "Uid").split()) == {str(installed.running.who.roles[Role.BROKER].uid)}
    installed.step(600)
    assert installed.running.supervisor.alive("worker")


# folders of before, and half-way between


def everything(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.lstat().st_uid for path in sorted(folder.rglob("*"))}


@pytest.fixture
def old(folder: Path) -> Folders:
    """A data folder as root left it when all was root's."""
    if os.getuid() != 0:
        pytest.skip("only root can give files to others")
    folders = Folders(folder / "data")
    folders.make()
    for name in ("keys/cells", "keys/house", "journal/tile/0"):
        (folders.data / name).mkdir(parents=True, mode=0o700)
    for name in ("keys/ring", "keys/cells/ab", "journal/tail", "journal/tile/0/000", "credentials/unlock",
                 "credentials/database-web", "credentials/smtp-password", "tls/server.key", "database.json"):  # fmt: skip
        (folders.data / name).touch(mode=0o600)
    return folders


def who() -> Identities:
    return Identities(
        Kind.SERVICE, Identity(0, 0), 40_999, {role: Identity(41_000 + n, 41_000 + n) for n, role in enumerate(Role)}
    )


def test_an_old_folder_is_upgraded_in_place_and_a_second_time_changes_nothing(old: Folders) -> None:
    layout.settle(old, who())
    found = everything(old.data)
    uid = {role: one.uid for role, one in who().roles.items()}
    assert {found[name] for name in found if name.startswith(("keys", "journal"))} == {uid[Role.BROKER]}
    assert found["credentials/unlock"] == uid[Role.BROKER]
    assert found["credentials/database-web"] == found["tls/server.key"] == uid[Role.WEB]
    assert found["credentials/smtp-password"] == uid[Role.WORKER]
    assert found["database.json"] == found["credentials"] == 0
    assert stat.S_IMODE((old.data / "database.json").stat().st_mode) == 0o644
    times = {path: path.lstat().st_ctime_ns for path in old.data.rglob("*")}
    layout.settle(old, who())
    assert {path: path.lstat().st_ctime_ns for path in old.data.rglob("*")} == times


def test_a_kill_half_way_is_mended_by_the_next_start(old: Folders) -> None:
    """At every point at which it can be killed: some files are handed over, the folder itself never is before they are."""
    broker = who().roles[Role.BROKER].uid
    below = sorted((old.data / "keys").rglob("*"), key=lambda path: -len(path.parts))
    for done in range(len(below) + 1):
        for path in [old.data / "keys", *below]:
            os.chown(path, 0, 0)
        for path in below[:done]:
            os.chown(path, broker, broker)
        layout.settle(old, who())
        assert {path.lstat().st_uid for path in [old.data / "keys", *below]} == {broker}


def test_a_killed_upgrade_of_a_real_process_is_finished_by_the_next(old: Folders) -> None:
    """The same with `kill -9` at moments nobody chose."""
    for n in range(400):
        (old.data / "journal" / f"more-{n}").touch()
    code = (
        "import sys; from pathlib import Path; from strongroom.installation import layout\n"
        "from strongroom.installation.folders import Folders\nfrom tests.installation.test_own_uids import who\n"
        "print(flush=True); layout.settle(Folders(Path(sys.argv[1])), who())"
    )
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(old.data)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.wait()
        process.stdout.close()
    layout.settle(old, who())
    broker = who().roles[Role.BROKER].uid
    assert {uid for name, uid in everything(old.data).items() if name.startswith("journal")} == {broker}


def test_and_back_to_one_user_where_others_cannot_reach_the_program_any_more(old: Folders) -> None:
    layout.settle(old, who())
    me = Identity(0, 0)
    layout.settle(old, Identities(Kind.SINGLE_USER, me, 0, dict.fromkeys(Role, me), "x"))
    assert set(everything(old.data).values()) == {0}
    assert stat.S_IMODE((old.data / "credentials" / "unlock").stat().st_mode) == 0o600


def test_a_file_with_a_second_name_is_given_to_nobody(old: Folders, folder: Path) -> None:
    """A former user of the folder may have linked what is not its own; only its own name is looked at."""
    precious = folder / "precious"
    precious.touch()
    os.link(precious, old.data / "keys" / "linked")
    with pytest.raises(CannotStart, match="another name elsewhere"):
        layout.settle(old, who())
    assert precious.stat().st_uid == 0


def test_links_are_not_followed(old: Folders, folder: Path) -> None:
    precious = folder / "precious"
    precious.touch()
    (old.data / "keys" / "linked").symlink_to(precious)
    layout.settle(old, who())
    assert precious.stat().st_uid == 0
    (old.data / "database.json").unlink()
    (old.data / "database.json").symlink_to(precious)
    with pytest.raises(CannotStart, match="is a link"):
        layout.settle(old, who())


# what stands in the way


def test_a_closed_folder_on_the_way_is_named_and_all_runs_as_one_user(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("an ordinary user has one uid anyway")
    closed = folder / "closed"
    (closed / "data").mkdir(parents=True)
    closed.chmod(0o700)
    found = identities.choose(closed / "data")
    assert found.kind is Kind.SINGLE_USER
    assert f"Other users cannot pass through {closed}," in found.why or "cannot pass through /root" in found.why
    assert {one.uid for role, one in found.roles.items() if role is not Role.DATABASE} == {0}


def test_two_installations_of_one_machine_are_strangers(folder: Path) -> None:
    needs_own_uids()
    one, other = identities.choose(folder / "one"), identities.choose(folder / "other")
    assert not {i.uid for r, i in one.roles.items() if r is not Role.DATABASE} & {
        i.uid for r, i in other.roles.items() if r is not Role.DATABASE
    }


def test_a_folder_keeps_its_numbers(installed: Rehearsal) -> None:
    """Although the processes that have them live."""
    again = identities.choose(installed.folders.data)
    assert again.roles == installed.running.who.roles
