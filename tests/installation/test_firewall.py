"""Rules from the allow-list, as the kernel takes them; who may reach the website and who may not; and what was changed."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.formats.grade import Role
from strongroom.formats.verdict import Look, State, Verdict
from strongroom.installation import firewall
from strongroom.installation.configuration import Configuration, Network, load
from strongroom.installation.problems import CannotStart
from strongroom.rehearsal.installation import Rehearsal
from tests.installation.service_grade import needs_own_uids, quiet_rehearsal, take

USERS = {Role.WEB: "41000", Role.WORKER: "41001", Role.BROKER: "41002", Role.INSPECTOR: "41003"}
pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="only root has a firewall"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs the package nftables"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="needs the package iproute2"),
]


def configured(folder: Path, *allow: str) -> Configuration:
    made = load(folder / "strongroom.toml")
    return replace(made, network=Network(allow=allow))


def test_the_kernel_takes_the_rules_and_shows_them_alike_each_time(folder: Path) -> None:
    path = folder / firewall.RULES
    path.write_text(firewall.rules(configured(folder, "192.0.2.0/24", "198.51.100.7", "2001:db8::/32"), USERS))
    one, again = firewall.as_the_kernel_shows(path), firewall.as_the_kernel_shows(path)
    assert firewall.of_ours(one) == firewall.of_ours(again)
    chains = [item["chain"] for item in firewall.of_ours(one) if "chain" in item]
    assert {chain["hook"] for chain in chains} == {"input", "output"}
    assert len([item for item in firewall.of_ours(one) if "rule" in item]) == 8
    assert "192.0.2.0" in json.dumps(one)


def test_without_an_allow_list_nobody_else_reaches_the_port(folder: Path) -> None:
    text = firewall.rules(configured(folder), USERS)
    assert "saddr" not in text
    assert "tcp dport 8443 drop" in text


def test_rules_that_do_not_load_are_said(folder: Path) -> None:
    (folder / "broken").write_text("table inet strongroom { nonsense }")
    with pytest.raises(CannotStart, match="do not load"):
        firewall.as_the_kernel_shows(folder / "broken")


PROBE = """
import socket, sys
s = socket.socket(); s.settimeout(1.5)
try:
    s.bind((sys.argv[1], 0)); s.connect(("10.99.0.1", 8443)); print(s.recv(2).decode())
except OSError as why:
    print(type(why).__name__)
"""
SERVE = "import socket\ns = socket.create_server(('0.0.0.0', 8443))\nprint('up', flush=True)\nwhile True:\n    c, _ = s.accept(); c.sendall(b'ok'); c.close()"
OUT = """
import os, socket, sys
os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
s = socket.socket(); s.settimeout(1.5)
try:
    s.connect(("10.99.0.2", 9000)); print("ok")
except OSError as why:
    print(type(why).__name__)
"""


@pytest.fixture
def net() -> Iterator[tuple[str, str]]:
    """Two networks joined by a cable: the server's (10.99.0.1) and the others' (10.99.0.2, 10.99.0.3)."""
    server, others = f"sr-s-{os.getpid()}", f"sr-o-{os.getpid()}"
    run("ip", "netns", "add", server)
    run("ip", "netns", "add", others)
    try:
        run("ip", "link", "add", "srv0", "netns", server, "type", "veth", "peer", "name", "oth0", "netns", others)
        for name, link, addresses in ((server, "srv0", ("10.99.0.1",)), (others, "oth0", ("10.99.0.2", "10.99.0.3"))):
            for address in addresses:
                run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", link)
            run("ip", "-n", name, "link", "set", link, "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield server, others
    finally:
        subprocess.run(["ip", "netns", "del", server], check=False)
        subprocess.run(["ip", "netns", "del", others], check=False)


def run(*arguments: str) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def inside(name: str, code: str, *arguments: str) -> str:
    return run("ip", "netns", "exec", name, "/usr/bin/python3", "-c", code, *arguments).strip()


def test_an_allowed_address_reaches_the_website_and_another_does_not(folder: Path, net: tuple[str, str]) -> None:
    server, others = net
    path = folder / firewall.RULES
    path.write_text(firewall.rules(configured(folder, "10.99.0.2"), USERS))
    serving = subprocess.Popen(["ip", "netns", "exec", server, "/usr/bin/python3", "-c", SERVE], stdout=subprocess.PIPE)
    listening = subprocess.Popen(
        ["ip", "netns", "exec", others, "/usr/bin/python3", "-c", SERVE.replace("8443", "9000")], stdout=subprocess.PIPE
    )
    try:
        for process in (serving, listening):
            assert process.stdout is not None
            process.stdout.readline()
        assert inside(others, PROBE, "10.99.0.3") == "ok", "before the rules"
        run("ip", "netns", "exec", server, "nft", "-f", str(path))
        assert inside(others, PROBE, "10.99.0.2") == "ok"
        assert inside(others, PROBE, "10.99.0.3") == "TimeoutError"
        out = {role: inside(server, OUT, USERS[role]) for role in USERS}
        assert out == {
            Role.WORKER: "ok", Role.WEB: "TimeoutError", Role.BROKER: "TimeoutError", Role.INSPECTOR: "TimeoutError",
        }  # fmt: skip
    finally:
        for process in (serving, listening):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


# what the inspector makes of it


@pytest.fixture(scope="module")
def installed() -> Iterator[Rehearsal]:
    needs_own_uids()
    made = Path(tempfile.mkdtemp(prefix="sr-fire-"))
    made.chmod(0o711)
    with quiet_rehearsal(made / "data") as running:
        yield running
    shutil.rmtree(made, ignore_errors=True)


def look(installed: Rehearsal, folder: Path, change: str = "", after: str = "") -> Verdict:
    """A machine of its own with our rules loaded, changed, and written down by root, as the unit does."""
    users: dict[Role, str] = {
        role: str(one.uid) for role, one in installed.running.who.roles.items() if role is not Role.DATABASE
    }
    rules, dump = folder / firewall.RULES, installed.folders.run / firewall.FOLDER
    rules.write_text(firewall.rules(configured(folder, "192.0.2.0/24"), users))
    wanted = installed.folders.data / firewall.WANTED
    wanted.write_text(json.dumps(firewall.as_the_kernel_shows(rules)))
    wanted.chmod(0o644)
    dump.mkdir(mode=0o755, exist_ok=True)
    (dump / firewall.DUMP).unlink(missing_ok=True)
    planted = (
        f"nft -f {rules}\n{change}\nnft -j list ruleset > {dump / firewall.DUMP}\n{after.format(dump / firewall.DUMP)}"
    )
    return take(installed, Look.FIREWALL, inside=planted, spaces=("--net", "--mount"))


def test_rules_as_they_should_be_pass_beside_an_administrators_own(installed: Rehearsal, folder: Path) -> None:
    seen = look(installed, folder, "nft add table inet mine; nft add chain inet mine c")
    assert (seen.problems, seen.unseen, seen.state) == ((), (), State.PASS)
    assert seen.saw["tables"] == ("inet mine", "inet strongroom")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("nft flush ruleset", "are not in the kernel"),
        ("nft flush chain inet strongroom incoming", "are not in the kernel"),
        ("nft insert rule inet strongroom incoming ip saddr 203.0.113.9 accept", "1 rules stand among ours"),
        ("nft add rule inet strongroom incoming accept", "1 rules stand among ours"),
        ("nft add chain inet strongroom incoming '{ policy drop; }'", "are not in the kernel"),
    ],
)
def test_what_was_changed_in_the_kernel_is_seen(installed: Rehearsal, folder: Path, change: str, words: str) -> None:
    seen = look(installed, folder, change)
    assert words in " ".join(seen.problems)
    assert "systemctl restart strongroom-firewall" in seen.problems[0]


def test_rules_that_nobody_wrote_down_lately_are_unknown(installed: Rehearsal, folder: Path) -> None:
    seen = look(installed, folder, after="touch -d '1 hour ago' {}")
    assert seen.state is State.UNKNOWN
    assert "20 minutes" in seen.unseen[0]


def test_rules_that_another_wrote_down_are_not_believed(installed: Rehearsal, folder: Path) -> None:
    seen = look(installed, folder, after=f"chown {installed.running.who.roles[Role.WEB].uid} {{}}")
    assert seen.state is State.UNKNOWN


def test_without_rules_of_ours_it_is_unknown_and_says_what_makes_them(installed: Rehearsal) -> None:
    (installed.folders.data / firewall.WANTED).unlink(missing_ok=True)
    seen = take(installed, Look.FIREWALL)
    assert seen.state is State.UNKNOWN
    assert "strongroom init" in seen.unseen[0]
