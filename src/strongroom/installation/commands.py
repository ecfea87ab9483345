"""How each of our processes is started: the same arguments from the supervisor and from a service manager's units."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.formats.grade import Role
from strongroom.formats.verdict_file import FOLDER, WANTED
from strongroom.installation.configuration import Configuration
from strongroom.installation.folders import Folders

SETTINGS: Final = "strongroom.website.settings"
NOBODYS_HOME: Final = "/nonexistent"
"""Libraries that look for a person's files find none, rather than a home that is closed to them."""
PRIVILEGED: Final = 1024
PEERS: Final = (Role.WEB, Role.WORKER, Role.INSPECTOR)
"""Who asks the key broker, besides people at a terminal."""


@dataclass(frozen=True)
class Entries:
    """Which programs serve: production's, or a rehearsal's with its clock."""

    mode: str
    broker: Sequence[str]
    website: Sequence[str]
    worker: Sequence[str]
    migrate: Sequence[str]
    inspector: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


LIVE: Final = Entries(
    "live",
    ("-m", "strongroom.keybroker"),
    ("-m", "strongroom.website.serve"),
    ("-m", "strongroom.website.worker"),
    ("-m", "strongroom.website.migrate"),
    ("-m", "strongroom.installation.inspector"),
)


def broker(folders: Folders, entries: Entries, *more: str) -> list[str]:
    return [
        sys.executable, *entries.broker, "serve", "--keys", str(folders.keys), "--journal", str(folders.journal),
        "--socket", str(folders.terminal_socket), "--config", str(folders.data / "broker.toml"), *more,
    ]  # fmt: skip


def peers(folders: Folders, users: Mapping[Role, str]) -> list[str]:
    """What tells the key broker its peers apart in service grade: the named socket, and who is whose user (ADR 10)."""
    pairs = [part for role in PEERS for part in ("--peer", f"{role}:{users[role]}")]
    return ["--peers", str(folders.peers_socket), *pairs]


def website(entries: Entries, configuration: Configuration, *, certificate: Path | str, key: Path | str) -> list[str]:
    web = configuration.web
    return [
        sys.executable, *entries.website, "--listen", web.listen, "--port", str(web.port),
        "--certificate", str(certificate), "--key", str(key),
    ]  # fmt: skip


def worker(entries: Entries) -> list[str]:
    return [sys.executable, *entries.worker]


def inspector(folders: Folders, entries: Entries, *more: str) -> list[str]:
    return [
        sys.executable, *entries.inspector, "--data", str(folders.data), "--verdicts", str(folders.data / FOLDER),
        "--wanted", str(folders.data / WANTED), *more,
    ]  # fmt: skip


def migrate(folders: Folders, entries: Entries, configuration: Configuration) -> list[str]:
    return [
        sys.executable, *entries.migrate, "--mode", entries.mode, "--company", configuration.company.name,
        "--origin", str(folders.keys / "origin"),
    ]  # fmt: skip


def told(folders: Folders, entries: Entries, configuration: Configuration, role: str) -> dict[str, str]:
    """What a Django process of this installation is told by its environment; no secret among it."""
    return {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "STRONGROOM_DATA": str(folders.data),
        "STRONGROOM_ROLE": role,
        "STRONGROOM_HOSTS": ",".join(dict.fromkeys((*configuration.web.names, "127.0.0.1"))),
        "STRONGROOM_HSTS": "subdomains" if configuration.web.hsts_subdomains else "",
        **entries.environment,
    }
