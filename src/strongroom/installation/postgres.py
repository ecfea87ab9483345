"""Embedded PostgreSQL: our own launcher on the wheel's (or any) binaries. Unix socket, scram, checksums (DESIGN 7).

`postgres` runs as a direct child, so a kill -9 leaves no zombie that blocks the next start (`pg_ctl` would).
"""

import grp
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg

from strongroom.formats.secret import Secret
from strongroom.installation import cluster, run_as
from strongroom.installation.binaries import Binaries, within_reach
from strongroom.installation.problems import CannotStart, disk_full, in_words
from strongroom.installation.process_flags import die_with_parent

PORT: Final = 5432
START_WITHIN: Final = 30.0
STOP_WITHIN: Final = 20.0
ALMOST_FULL: Final = 1 << 20
SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "log_destination": "stderr",  # csvlog and jsonlog write DETAIL whatever the verbosity says
    "logging_collector": "off",
    "log_error_verbosity": "terse",
    "log_min_messages": "warning",  # from debug2 on, statements are logged as they are parsed
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_duration": "off",
    "log_lock_waits": "off",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "debug_print_parse": "off",
    "debug_print_rewritten": "off",
    "debug_print_plan": "off",
    "shared_preload_libraries": "",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "max_connections": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO, MDY",
}
"""RR-4: nothing of these may put a value into the server's log; a duplicate key's DETAIL would.

They stand on the command line, which outranks `postgresql.conf` and ALTER SYSTEM. What is not here may be tuned there.
"""


class Embedded:
    """One PostgreSQL of ours. `folder` holds its data, `sockets` its socket, `log` its log file.

    Whoever starts it holds the installation's lock (`Folders.only_one`): a start ends what it finds running in
    `folder`. Beside `folder` stand `pg_hba.conf` and, where needed, a copy of the binaries. `group`: those who may
    reach its socket besides its own user, where others have uids of their own.
    """

    def __init__(
        self, *, binaries: Binaries, folder: Path, sockets: Path, log: Path, password: Secret,
        group: int | str | None = None,
    ) -> None:  # fmt: skip
        self._binaries = binaries
        self._folder = folder.absolute()
        self._sockets = sockets.absolute()
        self._log = log
        self._password = password
        self._owner = run_as.unprivileged()
        self._group = group
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
        """Prepare, start, and return when it answers. Raises `CannotStart`, and then nothing runs."""
        self.prepare()
        with in_words():
            self._launch()

    def prepare(self) -> None:
        """Make the cluster if there is none, take over what a kill left behind. Raises `CannotStart`."""
        with in_words():
            cluster.check_owner(self._folder, self._owner)
            self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
            cluster.take_over(self._folder, self._sockets, PORT)
            self._reach()
            if cluster.is_whole(self._folder):
                cluster.check_version(self._folder, self._binaries)
            elif complaint := cluster.make(self._folder, self._binaries, self._owner, self._password):
                raise self._explained(complaint)
            self._write_access()

    def stop(self) -> None:
        """Fast stop; sessions are ended, nothing committed is lost."""
        if self.process is None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                continue
            break
        self.process = None

    def command(self) -> list[str]:
        """What runs as a direct child, for a supervisor that starts it itself."""
        told = {
            **SETTINGS, "port": str(PORT), "unix_socket_directories": _quoted(self._sockets),
            "hba_file": str(self._access),
        }  # fmt: skip
        if self._group is not None:
            told |= {"unix_socket_group": str(self._group), "unix_socket_permissions": "0770"}
        settings = [part for name, value in told.items() for part in ("-c", f"{name}={value}")]
        return [self._binaries / "postgres", "-D", str(self._folder), *settings]

    def run_as(self) -> dict[str, Any]:
        """Popen's arguments that drop root."""
        return run_as.drop(self._owner, self._gid)

    def explain(self) -> CannotStart:
        """Why it did not start, from the end of its log."""
        return self._explained(self._tail(max(0, self._log.stat().st_size - 8192)) if self._log.exists() else "")

    @property
    def _gid(self) -> int | None:
        return grp.getgrnam(self._group).gr_gid if isinstance(self._group, str) else self._group

    @property
    def _access(self) -> Path:
        return self._folder.with_name("pg_hba.conf")

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            began = self._log.stat().st_size
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=cluster.environment(),
                start_new_session=True, **self.run_as(),
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - nothing is loaded after the fork
            )  # fmt: skip
        try:
            wait_ready(self.parameters, alive=lambda: self.process is not None and self.process.poll() is None,
                       explain=lambda: self._explained(self._tail(began)))  # fmt: skip
        except CannotStart:
            self.stop()
            raise

    def _reach(self) -> None:
        """PostgreSQL's user reaches its folders and programs; the modes of all folders above stay as they are."""
        if self._owner is None:
            return
        os.chown(self._sockets, self._owner.pw_uid, self._owner.pw_gid if self._gid is None else self._gid)
        self._sockets.chmod(0o700 if self._gid is None else 0o750)
        for path in (self._folder.parent, self._sockets):
            if not run_as.can_reach(self._owner, path):
                raise CannotStart(
                    f"As root, PostgreSQL runs as user {self._owner.pw_name}, who cannot reach {path}.",
                    "Choose a --data folder outside private homes, or start Strongroom as an ordinary user.",
                )
        self._binaries = within_reach(self._binaries, self._owner, self._folder.with_name("engine"))

    def _write_access(self) -> None:
        """Everybody by password over the socket, nobody else. In our own folder, as the cluster's is its user's."""
        aside = self._access.with_name("pg_hba.conf.new")
        aside.write_text("local all all scram-sha-256\n", encoding="utf-8")
        aside.chmod(0o644)
        aside.rename(self._access)

    def _explained(self, words: str) -> CannotStart:
        """A full disk may have kept the server from saying so in its log."""
        if shutil.disk_usage(self._folder.parent).free < ALMOST_FULL:
            return disk_full()
        return _explain(words)

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
        except psycopg.OperationalError as why:
            if "authentication failed" in str(why):
                raise CannotStart(
                    "The database refuses its own administrator's password.",
                    "Restore credentials/database-postgres as it was when this database was made.",
                ) from None
            time.sleep(0.02)
        else:
            return
    raise explain()


def new_password() -> Secret:
    return Secret(secrets.token_urlsafe(32))


def _explain(words: str) -> CannotStart:
    """PostgreSQL's own words turned into what a person can do."""
    if "No space left on device" in words:
        return disk_full()
    if "lock file" in words and "already exists" in words:
        pid = re.search(r"PID (\d+)", words)
        return CannotStart(
            f"Another PostgreSQL{f' (process {pid[1]})' if pid else ''} uses this data folder or its socket.",
            "Stop it, or choose another folder with --data.",
        )
    if "still in use" in words:
        return CannotStart("An earlier PostgreSQL of this folder is still ending.", "Wait a moment and start again.")
    if "could not bind" in words or "could not create any Unix-domain sockets" in words:
        return CannotStart("PostgreSQL could not open its socket.", "Look at logs/postgres.log in the data folder.")
    last = next((line for line in reversed(words.splitlines()) if "FATAL" in line or "error" in line), "")
    return CannotStart(f"PostgreSQL did not start. {last}".strip(), "Look at logs/postgres.log in the data folder.")


def _quoted(folder: Path) -> str:
    """A folder as one element of PostgreSQL's list of folders, whatever its name holds."""
    doubled = str(folder).replace('"', '""')
    return f'"{doubled}"'
