"""One installation's processes, from an empty folder to serving: database, broker, website, worker (DESIGN 2)."""

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from strongroom.formats.secret import Secret
from strongroom.installation import certificates, database_roles, external, neighbours
from strongroom.installation.binaries import find_binaries
from strongroom.installation.channels import Channel, make_channels
from strongroom.installation.configuration import Configuration
from strongroom.installation.folders import Folders
from strongroom.installation.postgres import Embedded, new_password, wait_ready
from strongroom.installation.problems import CannotStart
from strongroom.installation.supervisor import Process, Supervisor, environment

SETTINGS: Final = "strongroom.website.settings"


@dataclass(frozen=True)
class Entries:
    """Which programs serve: production's, or a rehearsal's with its clock."""

    mode: str
    broker: Sequence[str]
    website: Sequence[str]
    worker: Sequence[str]
    migrate: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


LIVE: Final = Entries(
    "live",
    ("-m", "strongroom.keybroker"),
    ("-m", "strongroom.website.serve"),
    ("-m", "strongroom.website.worker"),
    ("-m", "strongroom.website.migrate"),
)


class Running:
    """Starts and holds them. Use as a context manager, so that every child ends with it."""

    def __init__(
        self, folders: Folders, configuration: Configuration, entries: Entries, *, pg_bindir: Path | None = None
    ) -> None:
        self.folders = folders
        self.configuration = configuration
        self.entries = entries
        self.supervisor = Supervisor(folders.logs, folders.run / "children")
        self.channels: dict[str, Channel] = make_channels(("web", "worker", "inspector"))
        self._pg_bindir = pg_bindir
        self.admin: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()
        for channel in self.channels.values():
            channel.close()

    @property
    def address(self) -> str:
        return f"https://{self.configuration.web.names[0]}:{self.configuration.web.port}"

    def start_database(self) -> None:
        """PostgreSQL with our roles and database; external ones are checked before a byte is written."""
        if self.configuration.database.host:
            self.admin = self._external()
        else:
            self.admin = self._embedded()
        name = self.configuration.database.name
        ours = not self.configuration.database.host
        database_roles.make(self.admin, self.folders, name, whole_server=ours)
        known = {"host": self.admin["host"], "port": self.admin["port"], "name": name}
        tls = {key: self.admin[key] for key in ("sslmode", "sslrootcert") if key in self.admin}
        (self.folders.data / "database.json").write_text(json.dumps({**known, "options": tls}), encoding="utf-8")

    def create_keys(self, *arguments: str, descriptors: Sequence[int] = ()) -> str:
        """Make key ring and journal if there are none; returns origin and public key where they are new."""
        if (self.folders.keys / "ring").exists():
            return ""
        made = subprocess.run(
            [sys.executable, *self.entries.broker, "create", "--keys", str(self.folders.keys), "--journal",
             str(self.folders.journal), *arguments],
            capture_output=True, text=True, check=False, env=environment(), pass_fds=list(descriptors),
        )  # fmt: skip
        if made.returncode != 0:
            raise CannotStart(f"The key ring was not made. {made.stderr.strip()}", "Look at the folder keys.")
        return made.stdout

    def migrate(self, at: float | None = None) -> None:
        """The schema, as the owner, in a process of its own that ends before others begin.

        at: when an installation made now was made, seconds since 1970; a rehearsal's clock says another than the wall.
        """
        if not self.folders.has_credential("django-secret-key"):
            self.folders.keep_credential("django-secret-key", Secret(secrets.token_urlsafe(48)))
        if not self.folders.has_credential("monitoring-token"):
            self.folders.keep_credential("monitoring-token", Secret(secrets.token_urlsafe(32)))
        done = subprocess.run(
            [sys.executable, *self.entries.migrate, "--mode", self.entries.mode, "--company",
             self.configuration.company.name, "--origin", str(self.folders.keys / "origin"),
             *(["--at", str(at)] if at is not None else [])],
            capture_output=True, text=True, check=False, env=self.environment("owner"),
        )  # fmt: skip
        if done.returncode != 0:
            path = self.folders.logs / "migrate.log"
            path.write_text(done.stderr, encoding="utf-8")
            last = done.stderr.strip().splitlines()[-1:]
            raise CannotStart(f"The database could not be prepared. {' '.join(last)}", f"Look at {path}.")

    def start_broker(self, *arguments: str) -> None:
        """The key broker, with its end of every channel."""
        given = [f"--channel={name}:{channel.brokers.fileno()}" for name, channel in self.channels.items()]
        self.supervisor.start(
            Process(
                "keybroker",
                [sys.executable, *self.entries.broker, "serve", "--keys", str(self.folders.keys), "--journal",
                 str(self.folders.journal), "--socket", str(self.terminal_socket), "--config",
                 str(self.folders.data / "broker.toml"), "--ready-fd", "{ready}", *_apart(given), *arguments],
                descriptors=[channel.brokers.fileno() for channel in self.channels.values()],
                needs_ready_line=True,
            )
        )  # fmt: skip

    def start_website(self) -> None:
        _check_port(self.configuration.web.listen, self.configuration.web.port)
        ca, certificate, key = certificates.ensure(self.folders.tls, self.configuration.web.names)
        web = self.configuration.web
        self.supervisor.start(
            Process(
                "website",
                [sys.executable, *self.entries.website, "--listen", web.listen, "--port", str(web.port),
                 "--certificate", str(certificate), "--key", str(key)],
                environment=self.environment("web"),
                descriptors=[self.channels["web"].peers.fileno()],
                ready=lambda: _answers(f"https://127.0.0.1:{web.port}/sign-in", ca),
            )
        )  # fmt: skip

    def start_worker(self) -> None:
        """The credentials of its channels are asked for here: a missing one is said where somebody reads it."""
        for name in self.configuration.credentials():
            self.folders.credential(name)
        self.supervisor.start(
            Process(
                "worker", [sys.executable, *self.entries.worker], environment=self.environment("worker"),
                descriptors=[self.channels["worker"].peers.fileno()],
            )
        )  # fmt: skip

    def run(self, role: str, arguments: Sequence[str]) -> str:
        """A short Django process with a role's database rights and broker channel; its output."""
        channel = self.channels.get(role)
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=False, env=self.environment(role),
            pass_fds=[channel.peers.fileno()] if channel else [],
        )  # fmt: skip
        if done.returncode != 0:
            raise CannotStart(f"{arguments[1]} failed. {done.stderr.strip()[-300:]}", "Look at the logs folder.")
        return done.stdout

    @property
    def terminal_socket(self) -> Path:
        return self.folders.run / "terminal.sock"

    def environment(self, role: str) -> dict[str, str]:
        """What a Django process of this installation is told; no secret among it."""
        channel = self.channels.get(role)
        told = {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "STRONGROOM_DATA": str(self.folders.data),
            "STRONGROOM_ROLE": role,
            "STRONGROOM_HOSTS": ",".join(dict.fromkeys((*self.configuration.web.names, "127.0.0.1"))),
        }
        if channel is not None:
            told["STRONGROOM_BROKER_CHANNEL"] = str(channel.peers.fileno())
        if "CREDENTIALS_DIRECTORY" in os.environ:
            told["CREDENTIALS_DIRECTORY"] = os.environ["CREDENTIALS_DIRECTORY"]
        return {**environment(), **told, **self.entries.environment}

    def _embedded(self) -> dict[str, Any]:
        if not self.folders.has_credential("database-postgres"):
            self.folders.keep_credential("database-postgres", new_password())
        server = Embedded(
            binaries=find_binaries(self._pg_bindir), folder=self.folders.postgres,
            sockets=self.folders.run / "postgres", log=self.folders.logs / "postgres.log",
            password=self.folders.credential("database-postgres"),
        )  # fmt: skip
        server.prepare()  # once before its command is known: it may move the binaries to where their user reaches them
        self.supervisor.start(
            Process(
                "postgres", server.command(), {"LC_ALL": "C"}, stop_with=signal.SIGINT, force_with=signal.SIGQUIT,
                popen=server.run_as(), folder="/", prepare=server.prepare,
            )
        )  # fmt: skip
        wait_ready(server.parameters, alive=lambda: self.supervisor.alive("postgres"), explain=server.explain)
        # Ours too: ALTER ROLE or ALTER DATABASE may have undone what its command line says.
        external.check(server.parameters, self.configuration.database.name)
        return server.parameters

    def _external(self) -> dict[str, Any]:
        said = self.configuration.database
        parameters: dict[str, Any] = {
            "host": said.host, "port": said.port, "user": said.admin_user, "dbname": "postgres",
            "password": self.folders.credential("database-admin").text(),
        }  # fmt: skip
        if not said.host.startswith("/"):
            parameters |= {"sslmode": "verify-full", "sslrootcert": said.sslrootcert}
        for finding in external.check(parameters, said.name):
            sys.stderr.write(f"strongroom: the database server's {finding.words()}\n")
        return parameters


def _check_port(listen: str, port: int) -> None:
    """Say that a port is taken before a server fails on it."""
    with socket.socket(socket.AF_INET6 if ":" in listen else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen, port))
        except OSError as why:
            pid = neighbours.listener(port)
            who = f" Process {pid} listens there." if pid else ""
            raise CannotStart(
                f"Port {port} on {listen} cannot be used: {why.strerror}.{who}",
                "Stop what uses it, or choose another with --port.",
            ) from None


def _apart(arguments: Sequence[str]) -> list[str]:
    """`--name=value` as two words, which a re-executed broker can tell apart."""
    return [part for argument in arguments for part in argument.split("=", 1)]


def _answers(address: str, ca: Path) -> bool:
    try:
        context = ssl.create_default_context(cafile=str(ca))
        with urllib.request.urlopen(address, timeout=5, context=context) as answer:  # noqa: S310 - https, our own CA
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False
