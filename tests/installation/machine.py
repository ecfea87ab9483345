"""A machine for tests of `strongroom init`: its own /etc (over ours) and units run by hand, as systemd would."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

UNITS = Path("/etc/systemd/system")


@dataclass
class Machine:
    """Namespaces held by a process; commands enter them. `up`: units that run, in order of their start."""

    holder: subprocess.Popen[bytes]
    data: Path
    folder: Path
    up: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    groups: Path | None = None

    def enter(self, *arguments: str) -> list[str]:
        return ["nsenter", "--target", str(self.holder.pid), "--mount", "--", *arguments]

    def run(self, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.enter(*arguments), input=said, capture_output=True, text=True, check=False, timeout=240,
            env=clean(), cwd="/",
        )  # fmt: skip

    def strongroom(self, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "strongroom.command.main", "--data", str(self.data), *arguments]
        return self.run(*command, said=said)

    def read(self, path: Path) -> str:
        return self.run("cat", str(path)).stdout

    def uid(self, name: str) -> int:
        return int(self.run("id", "-u", name).stdout or -1)

    def start(self, unit: str, *, wait: bool = False) -> None:
        """What systemd does with a service: credentials, the `+` command before it, then the program as its user."""
        settings = parse(self.read(UNITS / unit))
        credentials = self._credentials(unit, settings)
        for before in settings.get("ExecStartPre", []):
            ran = self.run(*words(before.removeprefix("+"), credentials))
            assert ran.returncode == 0, ran.stderr
        environment = {**clean(), **pairs(settings.get("Environment", []))}
        if "LoadCredential" in settings:
            environment["CREDENTIALS_DIRECTORY"] = str(credentials)
        command = self.enter(*_as_user(settings), *words(settings["ExecStart"][-1], credentials))
        log = (self.folder / f"{unit}.log").open("wb")
        process = subprocess.Popen(
            command, env=environment, cwd="/", stdout=log, stderr=log, start_new_session=True,
            preexec_fn=self._into_group(unit),  # noqa: PLW1509 - nothing is loaded there
        )  # fmt: skip
        log.close()
        if wait:
            assert process.wait(240) == 0, (self.folder / f"{unit}.log").read_text()
        else:
            self.up[unit] = process

    def stop(self) -> None:
        """Every unit, the last started first."""
        for unit, process in reversed(list(self.up.items())):
            # nsenter became the program: same pid, and postgres wants its own way to end.
            process.send_signal(2 if "database" in unit else 15)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
        self.up.clear()

    def said(self, unit: str) -> str:
        return (self.folder / f"{unit}.log").read_text()

    def _credentials(self, unit: str, settings: Mapping[str, list[str]]) -> Path:
        """As systemd hands them over: a folder of the unit's user, nobody else's."""
        made = Path(tempfile.mkdtemp(prefix="sr-cred-", dir=self.folder))
        uid = self.uid(settings["User"][-1]) if "User" in settings else 0
        for one in settings.get("LoadCredential", []):
            name, _, path = one.partition(":")
            (made / name).write_bytes(Path(path.replace("%%", "%")).read_bytes())
            (made / name).chmod(0o400)
            os.chown(made / name, uid, -1)
        made.chmod(0o500)
        os.chown(made, uid, -1)
        return made

    def _into_group(self, unit: str) -> Callable[[], None] | None:
        """The unit's control group, by which the inspector knows what runs in it."""
        if self.groups is None:
            return None
        group = self.groups / unit
        group.mkdir(exist_ok=True)

        def enter() -> None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

        return enter


def clean() -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def parse(text: str) -> dict[str, list[str]]:
    """A unit's [Service] settings; an empty value forgets those before it."""
    found: dict[str, list[str]] = {}
    for line in text.split("[Service]")[1].split("\n["):
        for setting in line.splitlines():
            name, equals, value = setting.partition("=")
            if equals and value:
                found.setdefault(name, []).append(value)
            elif equals:
                found.pop(name, None)
    return found


def words(command: str, credentials: Path) -> list[str]:
    """A command line's words, with systemd's specifiers and escapes as systemd reads them."""
    return [
        re.sub(r"%(.)", lambda match: {"d": str(credentials), "%": "%"}[match[1]], word).replace("$$", "$")
        for word in shlex.split(command)
    ]


def pairs(lines: Sequence[str]) -> dict[str, str]:
    found = [word.partition("=") for line in lines for word in shlex.split(line)]
    return {name: value for name, _, value in found}


def _as_user(settings: Mapping[str, list[str]]) -> list[str]:
    if "User" not in settings:
        return []
    groups = settings.get("SupplementaryGroups", [""])[-1]
    rights = ",".join(
        f"+{name.removeprefix('CAP_').lower()}" for name in " ".join(settings.get("AmbientCapabilities", [])).split()
    )
    return [
        "setpriv", f"--reuid={settings['User'][-1]}", f"--regid={settings['Group'][-1]}",
        *([f"--groups={groups}"] if groups else ["--clear-groups"]), "--no-new-privs",
        *([f"--inh-caps={rights}", f"--ambient-caps={rights}"] if rights else []), "--",
    ]  # fmt: skip


@contextmanager
def machine() -> Iterator[Machine]:
    """Root only; /etc is overlaid, so that users, units and rules are nobody else's."""
    if os.getuid() != 0:
        pytest.skip("only root makes users and units")
    if "overlay" not in Path("/proc/filesystems").read_text():
        pytest.skip("this kernel has no overlay file system")
    folder = Path(tempfile.mkdtemp(prefix="sr-machine-"))
    folder.chmod(0o711)
    for name in ("upper", "work", "data"):
        (folder / name).mkdir(mode=0o755)
    script = (
        f"mount -t overlay overlay -o lowerdir=/etc,upperdir={folder}/upper,workdir={folder}/work /etc; "
        "mkdir -p /etc/systemd/system; echo ready; exec sleep 3600"
    )
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"ready\n"
    made = Machine(holder, folder / "data", folder, groups=_control_groups())
    try:
        yield made
    finally:
        made.stop()
        holder.kill()
        holder.wait()
        holder.stdout.close()
        _remove_groups(made.groups)
        shutil.rmtree(folder, ignore_errors=True)


def _control_groups() -> Path | None:
    """A group of version 2 to put units into, where the system lets us."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            made = Path(line.split(" ")[4]) / f"sr-test-{os.getpid()}"
            try:
                made.mkdir()
            except OSError:
                return None
            return made
    return None


def _remove_groups(groups: Path | None) -> None:
    if groups is None:
        return
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            for group in groups.iterdir():
                if group.is_dir():
                    group.rmdir()
            groups.rmdir()
        except OSError:
            time.sleep(0.1)
        else:
            return
