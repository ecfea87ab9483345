"""One installation's processes, from an empty folder to serving: database, broker, website, worker, inspector."""

import contextlib
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from strongroom.formats.grade import Role
from strongroom.formats.secret import Secret
from strongroom.installation import (
    certificates,
    cluster,
    commands,
    database_roles,
    description,
    external,
    file_systems,
    identities,
    layout,
    neighbours,
)
from strongroom.installation.binaries import find_binaries
from strongroom.installation.channels import Channel, make_channels
from strongroom.installation.commands import Entries
from strongroom.installation.configuration import Configuration
from strongroom.installation.description import Listener
from strongroom.installation.folders import Folders
from strongroom.installation.postgres import PORT, Embedded, new_password, wait_ready
from strongroom.installation.problems import CannotStart
from strongroom.installation.process_flags import Capability, Life, die_with_parent
from strongroom.installation.supervisor import Process, Supervisor, environment


class Running:
    """Starts and holds them. Use as a context manager, so that every child ends with it."""

    def __init__(
        self, folders: Folders, configuration: Configuration, entries: Entries, *, pg_bindir: Path | None = None,
        managed_by: str = "supervisor",
    ) -> None:  # fmt: skip
        self.folders = folders
        self.configuration = configuration
        self.entries = entries
        if entries.mode == "live":
            file_systems.refuse_outside_media([folders.data, *map(Path, configuration.backup.targets)])
        self.who = identities.choose(folders.data)
        layout.settle(folders, self.who)
        self.supervisor = Supervisor(folders.logs, folders.run / "children")
        self.channels: dict[str, Channel] = {} if self.who.is_service else make_channels(commands.PEERS)
        self._pg_bindir = pg_bindir
        self._managed_by = managed_by
        self.admin: dict[str, Any] = {}
        self.describe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()
        for channel in self.channels.values():
            channel.close()

    @property
    def address(self) -> str:
        return f"https://{self.configuration.web.names[0]}:{self.configuration.web.port}"

    def describe(self, *others: Listener) -> None:
        """Write down how this runs; `others`: what else should listen, in a rehearsal."""
        description.write(
            self.folders, self.who, self.configuration, mode=self.entries.mode, managed_by=self._managed_by,
            listeners=(*self.listeners(), *others),
        )  # fmt: skip

    def listeners(self) -> list[Listener]:
        """What should listen, and nothing else of ours (ET-3)."""
        web = self.configuration.web
        found = [Listener("tcp", web.listen, web.port, Role.WEB)]
        found += [Listener("unix", str(self.folders.terminal_socket), 0, Role.BROKER)]
        if self.who.is_service:
            found += [Listener("unix", str(self.folders.peers_socket), 0, Role.BROKER)]
        if not self.configuration.database.host:
            path = self.folders.run / "postgres" / f".s.PGSQL.{PORT}"
            found += [Listener("unix", str(path), 0, Role.DATABASE)]
        return found

    def start_database(self) -> None:
        """PostgreSQL with our roles and database; external ones are checked before a byte is written."""
        self.admin = self._external() if self.configuration.database.host else self._embedded()
        self.make_roles()

    def make_roles(self) -> None:
        """Roles, passwords and database on a server that answers; where it is, for those who read the folder."""
        name = self.configuration.database.name
        ours = not self.configuration.database.host
        database_roles.make(self.admin, self.folders, name, whole_server=ours)
        known = {"host": self.admin["host"], "port": self.admin["port"], "name": name}
        tls = {key: self.admin[key] for key in ("sslmode", "sslrootcert") if key in self.admin}
        (self.folders.data / "database.json").write_text(json.dumps({**known, "options": tls}), encoding="utf-8")
        layout.settle(self.folders, self.who)

    def create_keys(self, *arguments: str, descriptors: Sequence[int] = ()) -> str:
        """Make key ring and journal if there are none; returns origin and public key where they are new."""
        if (self.folders.keys / "ring").exists():
            return ""
        layout.settle(self.folders, self.who)
        made = subprocess.run(
            [sys.executable, *self.entries.broker, "create", "--keys", str(self.folders.keys), "--journal",
             str(self.folders.journal), *arguments],
            capture_output=True, text=True, check=False, env=self._plain(Role.BROKER), pass_fds=list(descriptors),
            cwd="/", preexec_fn=die_with_parent(life=self.life(Role.BROKER)),
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
            [*commands.migrate(self.folders, self.entries, self.configuration),
             *(["--at", str(at)] if at is not None else [])],
            capture_output=True, text=True, check=False, env=self.environment("owner"),
        )  # fmt: skip
        if done.returncode != 0:
            path = self.folders.logs / "migrate.log"
            path.write_text(done.stderr, encoding="utf-8")
            last = done.stderr.strip().splitlines()[-1:]
            raise CannotStart(f"The database could not be prepared. {' '.join(last)}", f"Look at {path}.")

    def start_broker(self, *arguments: str) -> None:
        """The key broker, which tells its peers apart by uid, or by the end of the channel each was handed."""
        layout.settle(self.folders, self.who)
        descriptors = [channel.brokers.fileno() for channel in self.channels.values()]
        pairs = [f"{name}:{channel.brokers.fileno()}" for name, channel in self.channels.items()]
        peers = [part for pair in pairs for part in ("--channel", pair)]
        if self.who.is_service:
            peers += commands.peers(self.folders, {role: str(one.uid) for role, one in self.who.roles.items()})
        self._start(
            "keybroker", Role.BROKER,
            commands.broker(self.folders, self.entries, "--ready-fd", "{ready}", *peers, *arguments),
            descriptors=descriptors, needs_ready_line=True,
        )  # fmt: skip

    def start_website(self) -> None:
        web = self.configuration.web
        _check_port(web.listen, web.port)
        ca, certificate, key = certificates.ensure(self.folders.tls, web.names)
        layout.settle(self.folders, self.who)
        self._start(
            "website", Role.WEB,
            commands.website(self.entries, self.configuration, certificate=certificate, key=key),
            environment=self.environment("web"), descriptors=self._descriptors("web"),
            ready=lambda: _answers(f"https://127.0.0.1:{web.port}/sign-in", ca),
        )  # fmt: skip

    def start_worker(self) -> None:
        """The credentials of its channels are asked for here: a missing one is said where somebody reads it."""
        for name in self.configuration.credentials():
            self.folders.credential(name)
        layout.settle(self.folders, self.who)
        self._start(
            "worker", Role.WORKER, commands.worker(self.entries), environment=self.environment("worker"),
            descriptors=self._descriptors("worker"),
        )  # fmt: skip

    def start_inspector(self) -> None:
        """The inspector, which looks at the others and is asked by nobody."""
        reach = ["--broker", str(self.folders.peers_socket)]
        if not self.who.is_service:
            reach = ["--channel-fd", str(self.channels["inspector"].peers.fileno())]
        self._start(
            "inspector", Role.INSPECTOR,
            commands.inspector(self.folders, self.entries, "--ready-fd", "{ready}", *reach),
            environment=self.entries.environment, descriptors=self._descriptors("inspector"), needs_ready_line=True,
        )  # fmt: skip

    def run(self, role: str, arguments: Sequence[str]) -> str:
        """A short Django process with a role's uid, database rights and way to the broker; its output."""
        with self.beside(role, arguments) as said:
            pass
        return said[0]

    @contextlib.contextmanager
    def beside(self, role: str, arguments: Sequence[str]) -> Iterator[list[str]]:
        """The same, beside what is done meanwhile; it has ended, and its output is there, once this is left."""
        said: list[str] = []
        with subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            **self.as_role(role),
        ) as process:  # fmt: skip
            yield said
            output, problems = process.communicate()
        if process.returncode != 0:
            raise CannotStart(f"{arguments[1]} failed. {problems.strip()[-300:]}", "Look at the logs folder.")
        said.append(output)

    def as_role(self, role: str) -> dict[str, Any]:
        """Popen's arguments for a Django process of a role: uid, environment, way to the broker."""
        known = Role(role) if role in commands.PEERS else None
        return {
            "env": self.environment(role), "pass_fds": self._descriptors(role), "cwd": "/",
            "preexec_fn": die_with_parent(life=self.life(known)),
        }  # fmt: skip

    @property
    def terminal_socket(self) -> Path:
        return self.folders.terminal_socket

    def environment(self, role: str) -> dict[str, str]:
        """What a Django process of this installation is told; no secret among it."""
        told = commands.told(self.folders, self.entries, self.configuration, role)
        if role in self.channels:
            told["STRONGROOM_BROKER_CHANNEL"] = str(self.channels[role].peers.fileno())
        elif role in commands.PEERS:
            told["STRONGROOM_BROKER_SOCKET"] = str(self.folders.peers_socket)
        known = Role(role) if role in commands.PEERS else None
        # What a service manager handed to us is closed to others; they read their own files.
        if "CREDENTIALS_DIRECTORY" in os.environ and self.life(known) is None:
            told["CREDENTIALS_DIRECTORY"] = os.environ["CREDENTIALS_DIRECTORY"]
        return {**self._plain(known), **told}

    def life(self, role: Role | None) -> Life | None:
        """Whom a process of this role becomes; nobody else in single-user grade, and for the owner's own (`None`)."""
        if not self.who.is_service or role is None:
            return None
        capabilities: tuple[Capability, ...] = ()
        if role is Role.INSPECTOR:
            capabilities = (Capability.DAC_READ_SEARCH, Capability.SYS_PTRACE)
        elif role is Role.WEB and self.configuration.web.port < commands.PRIVILEGED:
            capabilities = (Capability.NET_BIND_SERVICE,)
        alone = role is Role.BROKER
        return Life(self.who.roles[role], capabilities, without_network=alone, locks_memory=alone)

    def process(self, name: str, role: Role, arguments: Sequence[str], **more: Any) -> Process:
        """A child of this installation under its role's uid."""
        environment = {**self._plain(role), **more.pop("environment", {})}
        return Process(name, arguments, environment, life=self.life(role), folder="/", **more)

    def reach_database(self) -> None:
        """A database that somebody else starts: wait until it answers."""
        if self.configuration.database.host:
            self.admin = self._external()
        else:
            self._wait_for(self._server(), alive=lambda: True)

    def prepare_cluster(self) -> Embedded:
        """The embedded server, its cluster made or taken over, not started."""
        server = self._server()
        database = self.who.roles[Role.DATABASE]
        if self.who.is_service and Role.DATABASE not in self.who.shared:
            cluster.adopt(self.folders.postgres, lambda folder: layout.hand_over(folder, database), database.uid)
        server.prepare()
        return server

    def _server(self) -> Embedded:
        if not self.folders.has_credential("database-postgres"):
            self.folders.keep_credential("database-postgres", new_password())
        return Embedded(
            binaries=find_binaries(self._pg_bindir), folder=self.folders.postgres,
            sockets=self.folders.run / "postgres", log=self.folders.logs / "postgres.log",
            password=self.folders.credential("database-postgres"),
            group=self.who.group if self.who.is_service else None,
        )  # fmt: skip

    def _wait_for(self, server: Embedded, *, alive: Callable[[], bool]) -> None:
        """Until it answers; then how to reach it is known."""
        wait_ready(server.parameters, alive=alive, explain=server.explain)
        # Ours too: ALTER ROLE or ALTER DATABASE may have undone what its command line says.
        external.check(server.parameters, self.configuration.database.name)
        self.admin = server.parameters

    def _start(self, name: str, role: Role, arguments: Sequence[str], **more: Any) -> None:
        self.supervisor.start(self.process(name, role, arguments, **more))

    def _descriptors(self, role: str) -> list[int]:
        return [self.channels[role].peers.fileno()] if role in self.channels else []

    def _plain(self, role: Role | None) -> dict[str, str]:
        """A child's environment but for what it is told; who is not the starter gets no home of somebody else's."""
        home = {"HOME": commands.NOBODYS_HOME} if self.life(role) is not None else {}
        return {**environment(), **home}

    def _embedded(self) -> dict[str, Any]:
        server = self.prepare_cluster()  # before its command is known: it may move the binaries within reach
        self.supervisor.start(
            Process(
                "postgres", server.command(), {"LC_ALL": "C"}, stop_with=signal.SIGINT, force_with=signal.SIGQUIT,
                popen=server.run_as(), folder="/", prepare=server.prepare,
            )
        )  # fmt: skip
        self._wait_for(server, alive=lambda: self.supervisor.alive("postgres"))
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


def _answers(address: str, ca: Path) -> bool:
    try:
        context = ssl.create_default_context(cafile=str(ca))
        with urllib.request.urlopen(address, timeout=5, context=context) as answer:  # noqa: S310 - https, our own CA
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False
