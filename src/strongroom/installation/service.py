"""`strongroom init`: users, folders, units and firewall rules of the service grade (DESIGN 2).

Idempotent: what is there is compared and written anew. A new version is installed by running it again.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.installation import certificates, firewall, layout, units
from strongroom.installation.binaries import find_binaries
from strongroom.installation.commands import LIVE
from strongroom.installation.configuration import Configuration, load
from strongroom.installation.folders import Folders, flush
from strongroom.installation.identities import GROUP, NAMED
from strongroom.installation.postgres import Embedded, new_password
from strongroom.installation.problems import CannotStart, in_words
from strongroom.installation.running import Running

UNITS: Final = Path("/etc/systemd/system")
SYSUSERS: Final = Path("/etc/sysusers.d/strongroom.conf")
RULES: Final = Path("/etc/strongroom") / firewall.RULES
BOOTED: Final = Path("/run/systemd/system")
"""There where systemd is the machine's service manager, sd_booted(3)."""
HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
SYSTEM: Final = "/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass
class Report:
    """What was done, and what is left to the administrator."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def install(data: Path, *, create_keys: Callable[[Running], str], pg_bindir: Path | None) -> Report:
    """Everything on this machine but the first start. `create_keys` is asked where there is no key ring yet."""
    need_root()
    _refuse_homes(data)
    report = Report()
    folders = Folders(data)
    was_active = _stop(report)
    _make_users(report)
    folders.make()
    with folders.only_one():
        configuration = load(folders.configuration)
        running = Running(folders, configuration, LIVE, pg_bindir=pg_bindir, managed_by="units")
        if not running.who.is_service:
            raise CannotStart(running.who.why, "Install Strongroom where every user may read it, such as below /opt.")
        made = create_keys(running)
        if made:
            report.done.append(f"New journal. Keep these two lines elsewhere:\n{made.strip()}")
        postgres = [] if configuration.database.host else running.prepare_cluster().command()
        certificates.ensure(folders.tls, configuration.web.names)
        fingerprint = certificates.fingerprint(folders.tls / "ca.pem")
        report.done.append(f"Certificate authority, SHA-256: {fingerprint}")
        rules = _install_rules(folders, configuration, report)
        layout.settle(folders, running.who)
        report.done.append(f"{data}: each file belongs to the user that needs it.")
    plan = units.Plan(folders, configuration, postgres, sys.executable, folders.has_credential("unlock"), rules)
    _write_units(Path("/"), plan, report)
    _verify(plan)
    _hand_to_the_manager(folders, report, was_active=was_active, unlocks=plan.unlock)
    return report


def stage(data: Path, destdir: Path, *, pg_bindir: Path | None) -> Report:
    """The same files below `destdir`, for a package: no users, no keys, nothing started. Needs no root."""
    report = Report()
    folders = Folders(data)
    below = destdir / str(folders.data).lstrip("/")
    configuration = load(below / "strongroom.toml")
    for name in ("", "credentials", "tls", "run"):
        (below / name).mkdir(parents=True, exist_ok=True)
        (below / name).chmod(0o711)
    server = Embedded(
        binaries=find_binaries(pg_bindir), folder=folders.data / "postgres", sockets=folders.data / "run" / "postgres",
        log=folders.data / "logs" / "postgres.log", password=new_password(), group=GROUP,
    )  # fmt: skip
    postgres = [] if configuration.database.host else server.command()
    _write(destdir, SYSUSERS, units.sysusers(), report)
    _write(destdir, RULES, firewall.rules(configuration, NAMED), report)
    _write_units(destdir, units.Plan(folders, configuration, postgres, sys.executable, False, RULES), report)
    report.left.append("On the machine itself run `strongroom init`: it makes users, keys and the rest.")
    return report


def need_root() -> None:
    if os.getuid() != 0:
        raise CannotStart("A service installation needs root.", "Run: sudo strongroom init")


def systemctl(*arguments: str) -> bool:
    """Whether the service manager did it; false where there is none."""
    if not BOOTED.exists():
        return False
    return subprocess.run(["systemctl", *arguments], capture_output=True, check=False).returncode == 0


def unit_names() -> list[str]:
    """Our units that stand on this machine."""
    return sorted(path.name for path in UNITS.glob("strongroom*") if path.suffix in (".service", ".target", ".timer"))


def _refuse_homes(data: Path) -> None:
    """Units see no homes (ProtectHome)."""
    for path in (Path(sys.executable), Path(__file__), data.absolute()):
        for home in HOMES:
            if path.is_relative_to(home):
                raise CannotStart(
                    f"{path} lies below {home}, which the service's processes may not enter.",
                    "Install Strongroom below /opt and keep its data below /var/lib, the default.",
                )


def _stop(report: Report) -> bool:
    """Stop what runs, for an upgrade; whether it ran."""
    if not systemctl("is-active", "--quiet", units.TARGET):
        return False
    if not systemctl("stop", units.TARGET, *unit_names()):
        raise CannotStart("The running service could not be stopped.", f"Look at: systemctl status {units.TARGET}")
    report.done.append("The running service was stopped for the change.")
    return True


def _make_users(report: Report) -> None:
    missing = [name for name in NAMED.values() if not exists(name)]
    _write(Path("/"), SYSUSERS, units.sysusers(), report)
    if not missing:
        return
    program = shutil.which("systemd-sysusers", path=SYSTEM)
    if program is not None:
        _run([program, str(SYSUSERS)])
    else:
        _run(["groupadd", "--system", "--force", GROUP])
        for name in missing:
            _run(["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name])
    still = [name for name in NAMED.values() if not exists(name)]
    if still:
        raise CannotStart(f"The users {', '.join(still)} could not be made.", "Make them as system users yourself.")
    report.done.append(f"Users made: {', '.join(missing)}.")


def exists(name: str) -> bool:
    """Whether this machine has a user of that name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _install_rules(folders: Folders, configuration: Configuration, report: Report) -> Path | None:
    """The rules' file, and beside it what a kernel makes of it, for the inspector to compare with."""
    if shutil.which("nft", path=SYSTEM) is None:
        report.left.append("Install the package nftables and run `strongroom init` again; until then NP-1 is Unknown.")
        (folders.data / firewall.WANTED).unlink(missing_ok=True)
        return None
    _write(Path("/"), RULES, firewall.rules(configuration, NAMED), report)
    wanted = firewall.as_the_kernel_shows(RULES)
    text = json.dumps(wanted, indent=1)
    _write(Path("/"), folders.data / firewall.WANTED, text, report)
    (folders.run / firewall.FOLDER).mkdir(mode=0o755, exist_ok=True)
    if not configuration.network.allow:
        report.left.append(
            "Nobody but this machine reaches the website: name your networks in [network] allow of strongroom.toml,"
            " then run `strongroom init` again."
        )
    return RULES


def _write_units(root: Path, plan: units.Plan, report: Report) -> None:
    made = units.all_units(plan)
    for name, text in made.items():
        _write(root, UNITS / name, text, report)
    if root == Path("/"):
        for name in set(unit_names()) - set(made):  # a former version's, or of a database that is elsewhere now
            systemctl("disable", "--now", name)
            (UNITS / name).unlink()
            report.done.append(f"{UNITS / name} removed.")


def _verify(plan: units.Plan) -> None:
    """systemd's own opinion, where it is installed."""
    program = shutil.which("systemd-analyze", path=SYSTEM)
    if program is None:
        return
    paths = [str(UNITS / name) for name in units.all_units(plan)]
    ran = subprocess.run([program, "verify", *paths], capture_output=True, text=True, check=False)
    faults = [line for line in ran.stderr.splitlines() if "strongroom" in line]  # others' units may have their own
    if faults:
        raise CannotStart(f"systemd finds fault in the units: {faults[0][:300]}", "Report this; it is our mistake.")


def _hand_to_the_manager(folders: Folders, report: Report, *, was_active: bool, unlocks: bool) -> None:
    if not BOOTED.exists():
        report.left.append("systemd does not run this machine; `strongroom up` runs the service under its users.")
        return
    systemctl("daemon-reload")
    systemctl("enable", units.TARGET)
    if was_active:
        systemctl("start", units.TARGET)
        report.done.append("The service was started again.")
    else:
        report.left.append(f"Start it: systemctl start {units.TARGET}")
    if not unlocks:
        report.left.append("Unlock the keys after each start: strongroom keys unlock")
    report.left.append(
        f"While there is nobody, each start writes a link into {folders.data / 'website'}; it lives 15 minutes."
    )


def _write(root: Path, path: Path, text: str, report: Report) -> None:
    """A file of root's, as a whole; said only where it changed."""
    where = root / str(path).lstrip("/")
    if where.exists() and where.read_text(encoding="utf-8") == text:
        return
    aside = where.with_name(f".{where.name}.new")
    with in_words():
        where.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        aside.write_text(text, encoding="utf-8")
        aside.chmod(0o644)
        aside.rename(where)
        flush(where.parent)
    report.done.append(f"{where} written.")


def _run(arguments: list[str]) -> None:
    ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise CannotStart(f"{arguments[0]} failed: {ran.stderr.strip()[:300]}", "Mend that, then run it again.")
