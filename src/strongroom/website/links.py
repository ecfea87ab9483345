"""The ways that data travels here, as the configuration has them: each is written into the register of links (ET-3).

What is in no configuration is no link, and a link of which no threat speaks is not used (GS-2).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from strongroom.formats.leaf import Actor

if TYPE_CHECKING:
    from strongroom.installation.configuration import Configuration

HERE: Final = "this machine"
NAMES: Final = ("website", "broker", "database", "marketplace", "marketplace sign-in")


@dataclass(frozen=True)
class Way:
    """One link, in the register's words. peer: host:port, or `this machine`."""

    name: str
    direction: str
    peer: str
    transport: str
    carries: str


def ways(configuration: "Configuration") -> list[Way]:
    """Every link of this installation but its printers and channels, which register themselves."""
    web, database, amazon = configuration.web, configuration.database, configuration.marketplace
    network = bool(database.host) and not database.host.startswith("/")
    found = [
        Way("website", "in", f"{web.names[0]}:{web.port}", "TLS 1.3", "personal data"),
        Way("broker", "here", HERE, "Unix socket", "personal data"),
        Way("database", "out", f"{database.host}:{database.port}", "TLS 1.2", "other Amazon data")
        if network
        else Way("database", "here", HERE, "Unix socket", "other Amazon data"),
    ]
    if amazon.is_set:
        found.append(Way("marketplace", "out", _peer(amazon.url()), "TLS 1.2", "personal data"))
        if _peer(amazon.login_endpoint) != _peer(amazon.url()):
            found.append(Way("marketplace sign-in", "out", _peer(amazon.login_endpoint), "TLS 1.2", "no Amazon data"))
    return found


def hosts(configuration: "Configuration") -> frozenset[str]:
    """Whom we speak to, as host:port; channels of messages register themselves when they go live."""
    found = {way.peer for way in ways(configuration) if way.direction == "out"}
    if configuration.mail.is_set:
        found.add(f"{configuration.mail.host}:{configuration.mail.port}")
    if configuration.webhook.is_set:
        found.add(_peer(configuration.webhook.url))
    return frozenset(found)


def know(configuration: "Configuration") -> None:
    """Write every link into the register and retire what is not configured any more. At the worker's start."""
    from strongroom.policy.encryption_and_storage import registers  # noqa: PLC0415 - Django is set up now

    by, now = Actor.INSTALLER.reference, ways(configuration)
    for way in now:
        registers.know_link(
            name=way.name, direction=way.direction, peer=way.peer, transport=way.transport, carries=way.carries, by=by
        )
    for name in set(NAMES) - {way.name for way in now}:
        registers.retire_link(name=name, by=by)


def _peer(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port or 443}"
