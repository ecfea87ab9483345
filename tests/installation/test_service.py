"""`strongroom init`: a service of a machine, again for a new version, and taken away again with its keys."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from strongroom.formats import verdict_file
from strongroom.formats.grade import Role, grade
from strongroom.formats.verdict import Look, State, Verdict
from strongroom.installation.identities import NAMED
from strongroom.rehearsal.ports import free_port
from tests.installation.machine import UNITS, Machine, machine, parse
from tests.installation.servers import until
from tests.installation.service_grade import needs_own_uids

SERVICES = ("database", "broker", "web", "worker", "inspector")
STAGED = {
    "etc/sysusers.d/strongroom.conf", "etc/strongroom/strongroom.nft", "etc/systemd/system/strongroom.target",
    "etc/systemd/system/strongroom-prepare.service", "etc/systemd/system/strongroom-firewall.service",
    "etc/systemd/system/strongroom-firewall-look.service", "etc/systemd/system/strongroom-firewall-look.timer",
    *(f"etc/systemd/system/strongroom-{name}.service" for name in SERVICES),
}  # fmt: skip


def stage(folder: Path, *more: str) -> Path:
    command = [sys.executable, "-m", "strongroom.command.main", "--data", "/srv/strong room", "init"]
    ran = subprocess.run(
        [*command, "--destdir", str(folder), *more], capture_output=True, text=True, check=False, cwd="/"
    )
    assert ran.returncode == 0, ran.stderr
    return folder


def test_a_package_gets_the_same_files_below_its_own_folder(folder: Path) -> None:
    """As an ordinary user too; nothing outside is touched."""
    made = stage(folder / "staged")
    found = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert found == STAGED
    assert (made / "srv" / "strong room" / "credentials").stat().st_mode & 0o777 == 0o711
    times = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file()}
    stage(made)
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file()} == times


def test_systemd_finds_no_fault_in_the_units(folder: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs the package systemd")
    units = sorted((stage(folder / "staged") / "etc/systemd/system").iterdir())
    ran = subprocess.run([program, "verify", *map(str, units)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(("name", "most"), [("broker", 1.2), ("database", 1.6), ("web", 2.0), ("worker", 2.5)])
def test_systemds_own_measure_of_exposure_is_low(folder: Path, name: str, most: float) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs the package systemd")
    path = stage(folder / "staged") / "etc/systemd/system" / f"strongroom-{name}.service"
    ran = subprocess.run(
        [program, "security", "--offline=true", str(path)], capture_output=True, text=True, check=False
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", ran.stdout)
    assert found is not None, ran.stderr
    assert float(found[1]) <= most


def test_each_unit_takes_what_its_process_does_not_need(folder: Path) -> None:
    units = stage(folder / "staged") / "etc/systemd/system"
    found = {name: parse((units / f"strongroom-{name}.service").read_text()) for name in SERVICES}
    for name, settings in found.items():
        wanted = {"NoNewPrivileges": "yes", "LimitCORE": "0", "ProtectSystem": "strict", "Restart": "always"}
        assert {key: settings[key][-1] for key in wanted} == wanted
        rights = settings.get("CapabilityBoundingSet", [""])[-1]
        assert rights == ("CAP_DAC_READ_SEARCH CAP_SYS_PTRACE" if name == "inspector" else ""), name
        assert settings["User"] == [NAMED[Role(name)]]
    assert found["broker"]["PrivateNetwork"] == ["yes"]
    for name in ("broker", "inspector", "database"):
        assert (found[name]["RestrictAddressFamilies"][-1], found[name]["IPAddressDeny"][-1]) == ("AF_UNIX", "any")
    for name in ("broker", "web", "worker"):
        assert found[name]["MemorySwapMax"][-1] == "0"
    given = [one.partition(":")[0] for one in found["web"]["LoadCredential"]]
    assert given == ["database-web", "django-secret-key", "monitoring-token", "web-key"]


def test_an_ordinary_user_is_told_that_it_needs_root() -> None:
    become = ["setpriv", "--reuid=nobody", "--clear-groups", "--"] if os.getuid() == 0 else []
    ran = subprocess.run(
        [*become, sys.executable, "-m", "strongroom.command.main", "init"], capture_output=True, text=True, check=False,
        cwd="/",
    )  # fmt: skip
    if os.getuid() == 0:
        needs_own_uids()
    assert (ran.returncode, "needs root" in ran.stderr) == (1, True)


# whole machines


@contextmanager
def made_machine() -> Iterator[Machine]:
    """A machine on which `init` ran once."""
    needs_own_uids()
    if shutil.which("nft") is None:
        pytest.skip("needs the package nftables")
    with machine() as made:
        (made.data / "credentials").mkdir(mode=0o700)
        (made.data / "credentials" / "unlock").touch(mode=0o600)
        (made.data / "credentials" / "unlock").write_bytes(os.urandom(32))
        (made.data / "strongroom.toml").write_text(
            f"[web]\nport = {free_port()}\n\n[network]\nallow = ['192.0.2.0/24']\n"
        )
        ran = made.strongroom("init")
        assert ran.returncode == 0, ran.stderr
        assert "New journal" in ran.stderr
        assert "Users made: strongroom-" in ran.stderr
        yield made


@pytest.fixture(scope="module")
def initialised() -> Iterator[Machine]:
    with made_machine() as made:
        yield made


@pytest.fixture(scope="module")
def serving() -> Iterator[Machine]:
    """Every unit by its own entry point, in the order that the units ask for."""
    with made_machine() as made:
        serve(made)
        yield made


def serve(initialised: Machine) -> None:
    initialised.start("strongroom-database.service")
    initialised.start("strongroom-prepare.service", wait=True)
    for name in SERVICES[1:]:
        initialised.start(f"strongroom-{name}.service")
    port = json.loads((initialised.data / "installation.json").read_text())["listeners"][0]["port"]
    context = ssl.create_default_context(cafile=str(initialised.data / "tls" / "ca.pem"))

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"https://localhost:{port}/sign-in", context=context, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    until(answers, 90)


def test_init_makes_users_without_home_shell_or_password(initialised: Machine) -> None:
    for name in NAMED.values():
        words = initialised.run("getent", "passwd", name).stdout.strip().split(":")
        assert words[5:] == ["/nonexistent", "/usr/sbin/nologin"], name
        assert initialised.run("getent", "shadow", name).stdout.split(":")[1].startswith("!")
    assert len({initialised.uid(name) for name in NAMED.values()}) == len(NAMED)


def test_init_hands_each_file_to_the_user_that_needs_it(initialised: Machine) -> None:
    owners = {"keys/ring": Role.BROKER, "journal/checkpoint": Role.BROKER, "credentials/unlock": Role.BROKER,
              "tls/server.key": Role.WEB, "verdicts": Role.INSPECTOR, "wanted": Role.WORKER,
              "postgres/PG_VERSION": Role.DATABASE}  # fmt: skip
    for path, role in owners.items():
        assert (initialised.data / path).stat().st_uid == initialised.uid(NAMED[role]), path
    found = grade(initialised.data)
    assert found.is_service
    assert found.uids[Role.DATABASE] == initialised.uid("strongroom-db")


def test_init_again_changes_nothing_and_says_so(initialised: Machine) -> None:
    again = initialised.strongroom("init")
    assert again.returncode == 0, again.stderr
    assert "written" not in again.stderr
    assert "New journal" not in again.stderr


def test_a_new_version_is_installed_by_init_again(initialised: Machine) -> None:
    unit = UNITS / "strongroom-web.service"
    before = initialised.read(unit)
    initialised.run("sh", "-c", f"echo 'ExecStart=/old' > {unit}; touch {UNITS}/strongroom-former.service")
    again = initialised.strongroom("init")
    assert f"{unit} written" in again.stderr
    assert "strongroom-former.service removed" in again.stderr
    assert initialised.read(unit) == before


def test_the_units_serve_with_each_process_under_its_own_user(serving: Machine) -> None:
    for name in SERVICES:
        process = serving.up[f"strongroom-{name}.service"]
        assert process.poll() is None, serving.said(f"strongroom-{name}.service")
        assert Path(f"/proc/{process.pid}").stat().st_uid == serving.uid(NAMED[Role(name)])
    listed = serving.strongroom("keys", "list")
    assert "Unlocked" in listed.stdout, listed.stderr
    assert serving.strongroom("orders", "list", "--json").stdout.strip() == "[]"


def test_the_first_administrators_link_waits_in_a_file_of_the_websites(serving: Machine) -> None:
    link = serving.data / "website" / "first-administrator"
    assert re.match(r"https://localhost:\d+/first/\S+\n", link.read_text())
    assert link.stat().st_mode & 0o777 == 0o600


def verdict(serving: Machine, look: Look) -> object:
    uid = serving.uid(NAMED[Role.INSPECTOR])
    return verdict_file.read(serving.data / verdict_file.FOLDER, look, uid)


@pytest.mark.parametrize("look", [Look.FILE_MODES, Look.DATABASE_FILES, Look.BUILD, Look.MOUNTS, Look.PROCESS_FLAGS])
def test_the_inspector_of_the_service_finds_it_as_it_should_be(serving: Machine, look: Look) -> None:
    if serving.groups is None and look in (Look.PROCESS_FLAGS, Look.DATABASE_FILES):
        pytest.skip("this system lets nobody make control groups, by which units are known")
    until(lambda: isinstance(verdict(serving, look), Verdict), 120)
    seen = verdict(serving, look)
    assert isinstance(seen, Verdict)
    assert (seen.problems, seen.unseen, seen.state) == ((), (), State.PASS)


def test_up_starts_no_second_copy_beside_the_units(serving: Machine) -> None:
    serving.run("sh", "-c", "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system")
    try:
        again = serving.strongroom("up")
    finally:
        serving.run("umount", "/run")
    assert again.returncode == 1
    assert "systemctl start strongroom.target" in again.stderr


def test_decommission_asks_for_the_origin_and_destroys_the_keys_first() -> None:
    with made_machine() as machine_:
        data = machine_.data
        origin = (data / "keys" / "origin").read_text().strip()
        wrong = machine_.strongroom("init", "--decommission", said="something\n")
        assert (wrong.returncode, "nothing was changed" in wrong.stderr) == (1, True)
        assert machine_.strongroom("init", "--decommission").returncode == 1
        assert (data / "keys" / "ring").exists()
        cell = next((data / "keys" / "cells").iterdir())
        held = machine_.folder / "held"
        os.link(cell, held)
        done = machine_.strongroom("init", "--decommission", said=f"{origin}\n")
        assert done.returncode == 0, done.stderr
        assert held.read_bytes() == bytes(32), "overwritten in place, not only unlinked"
        assert list((data / "keys").iterdir()) == list((data / "credentials").iterdir()) == []
        for folder in (UNITS, "/etc/sysusers.d", "/etc/strongroom"):
            assert machine_.run("sh", "-c", f"ls {folder} | grep strongroom").stdout == ""
        assert all(machine_.uid(name) == -1 for name in NAMED.values())
        assert {path.lstat().st_uid for path in data.rglob("*")} == {0}, "their numbers may be given to others"
        verified = machine_.strongroom("journal", "verify", "--folder", str(data / "journal"))
        assert verified.returncode == 0, verified.stderr
        assert "Revoke the application's authorisation" in done.stderr
