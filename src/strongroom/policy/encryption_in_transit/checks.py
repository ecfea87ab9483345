"""What shows that everything travels in TLS to whom it is meant for, and that nothing answers without (ET)."""

import json
import os
import socket
import ssl
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from strongroom.formats.verdict import Look as Seen
from strongroom.policy.clauses import asking, terms
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown
from strongroom.policy.encryption_and_storage.connection import CHANNEL, SOCKET
from strongroom.policy.encryption_in_transit import handshakes, listeners
from strongroom.policy.encryption_in_transit.handshakes import Met, NoHandshake, NotThem
from strongroom.policy.obligations.inspected import PATIENCE, look_at

LINKS: Final = "SELECT name, direction, peer, transport FROM link WHERE retired_at IS NULL ORDER BY name"
LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
PRINTERS: Final = "SELECT name, uri, fingerprint FROM printer WHERE retired_at IS NULL ORDER BY name"
OWN_CONNECTION: Final = """
SELECT inet_server_addr() IS NULL, coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
       coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()), '')
"""


@dataclass(frozen=True)
class _Found:
    """How one link stands: what is wrong with it, or why it could not be looked at."""

    name: str
    wrong: str = ""
    silent: str = ""


def every_link_is_tls(look: Look) -> Verdict:
    """Each registered link and printer: protocol and name or pin, and that a wrong name is not believed."""
    known = asking.rows(LINKS)
    found = [_link(look, *row) for row in known]
    printers = [_printer(name, uri, bytes(pin)) for name, uri, pin in asking.rows(PRINTERS)]
    wrong = [each for each in (*found, *printers) if each.wrong]
    silent = [each for each in found if each.silent]
    asleep = sum(bool(each.silent) for each in printers)
    seen = {
        "links": len(found),
        "printers": len(printers),
        "wrong": len(wrong),
        "silent": len(silent),
        "asleep": asleep,
    }
    if wrong:
        return failed(f"The link {wrong[0].name}: {wrong[0].wrong}.", **seen)
    if "website" not in {name for name, *_ in known}:
        return unknown("Our own links are not registered, so none was looked at.", **seen)
    if silent:
        return unknown(f"The link {silent[0].name} could not be looked at: {silent[0].silent}.", **seen)
    return passed(
        f"{len(found):,} links and {len(printers) - asleep:,} printers speak TLS to whom they should.", **seen
    )


def nothing_answers_in_plain_text(look: Look) -> Verdict:
    """HTTP, SMTP and PostgreSQL, spoken in plain text to every TCP listener of ours: none may answer."""
    try:
        ours = listeners.ours(look.data)
    except FileNotFoundError:
        return unknown("This system does not show who listens.")
    port = urlsplit(look.address).port or 443
    if port not in {each.port for each in ours}:
        return unknown("Our own website is not among the listeners, so we are not shown them.", listeners=len(ours))
    theirs = _other_ends()
    spoke = listeners.plain_answers([each for each in ours if each.port not in theirs])
    seen = {"listeners": len(ours), "others": len(theirs), "plain": len({listener for listener, _ in spoke})}
    if spoke:
        listener, tongue = spoke[0]
        return failed(f"Port {listener.port} answers in plain text ({tongue}).", **seen)
    return passed(f"{len(ours):,} listeners of ours, and none answers in plain text.", **seen)


def nothing_else_listens(look: Look) -> Verdict:
    """Every listening socket of this machine, whoever holds it: ours as they should be, others listed as others."""
    return look_at(look, Seen.LISTENERS)


def _other_ends() -> set[int]:
    """Ports of this machine at which the other end of an outgoing link listens: a mail server, a rehearsal's Amazon.

    They are not ours; that nothing is said to them before TLS is the link's own look (ET-1).
    """
    peers = [peer for _, direction, peer, _ in asking.rows(LINKS) if direction == "out"]
    peers += [urlsplit(uri).netloc for _, uri, _ in asking.rows(PRINTERS)]
    here = [peer.rpartition(":") for peer in peers if ":" in peer]
    return {int(port) for host, _, port in here if port.isdigit() and host in LOCAL}


def _link(look: Look, name: str, direction: str, peer: str, transport: str) -> _Found:
    if direction == "here":
        return _within_the_machine(name)
    if name == "database":
        return _database_over_a_network(look)
    said = _said(look, name)
    ca = look.ca if name == "website" else Path(said["ca_file"]) if said.get("ca_file") else None
    starttls = name == "mail" and said.get("security", "starttls") == "starttls"
    try:
        met = handshakes.meet(peer, ca=ca, starttls=starttls)
    except NotThem:
        return _Found(name, wrong="whoever answers has a certificate that is not theirs")
    except NoHandshake as why:
        return _Found(name, silent=f"no handshake ({why})")
    if not _is_new_enough(met, transport):
        return _Found(name, wrong=f"it speaks {met.version}, which is older than {transport}")
    return _Found(name, wrong=_too_easy(peer, ca, transport, starttls=starttls))


def _too_easy(peer: str, ca: Path | None, transport: str, *, starttls: bool) -> str:
    """What it should not do and does: pass for somebody else, or speak an older protocol than it says."""
    try:
        handshakes.meet(peer, ca=ca, name=handshakes.WRONG_NAME, starttls=starttls)
    except NotThem:
        pass
    except NoHandshake:
        return ""  # it hung up at a name that it does not know
    else:
        return "its certificate passes for another name"
    if transport != "TLS 1.3":
        return ""
    try:
        handshakes.meet(peer, ca=ca, newest=ssl.TLSVersion.TLSv1_2)
    except (NoHandshake, NotThem):
        return ""
    return "it speaks TLS 1.2, though it is said to speak TLS 1.3 only"


def _printer(name: str, uri: str, pin: bytes) -> _Found:
    parts = urlsplit(uri)
    try:
        met = handshakes.meet_pinned(f"{parts.hostname}:{parts.port or 631}")
    except NoHandshake as why:
        return _Found(name, silent=f"no handshake ({why})")
    if met.fingerprint != pin:
        return _Found(f"to the printer {name}", wrong="whoever answers has another certificate than the registered one")
    if not _is_new_enough(met, "TLS 1.2"):
        return _Found(f"to the printer {name}", wrong=f"it speaks {met.version}")
    return _Found(name)


def _is_new_enough(met: Met, transport: str) -> bool:
    oldest = terms.in_force().choice("transport")
    return all(handshakes.is_old_enough(met.version, each) for each in (transport, oldest))


def _within_the_machine(name: str) -> _Found:
    """The two that never leave it: this process's own ends of them."""
    if name == "broker":
        return _to_the_broker(name)
    local, *_ = asking.first(OWN_CONNECTION) or (False,)
    return _Found(name, wrong="" if local else "it leaves the machine, though it is said to stay within it")


def _to_the_broker(name: str) -> _Found:
    """By a name in the file system where processes have uids of their own, else by the channel that was handed over."""
    path, channel = os.environ.get(SOCKET), os.environ.get(CHANNEL)
    if path:
        try:
            is_socket = stat.S_ISSOCK(Path(path).stat().st_mode)
        except OSError:
            return _Found(name, silent="its socket is not there")
        return _Found(name, wrong="" if is_socket else "it is no Unix socket")
    if not channel:
        return _Found(name, silent="this process has no way to it")
    with socket.socket(fileno=os.dup(int(channel))) as mine:
        return _Found(name, wrong="" if mine.family is socket.AF_UNIX else "it is no Unix socket")


def _database_over_a_network(look: Look) -> _Found:
    """This process's own connection, and how all processes are told to connect."""
    _, encrypted, version = asking.first(OWN_CONNECTION) or (False, False, "")
    told = json.loads((look.data / "database.json").read_text(encoding="utf-8")).get("options", {})
    if not encrypted or version not in handshakes.VERSIONS:
        return _Found("database", wrong="it is not encrypted, or by an old protocol")
    if told.get("sslmode") != "verify-full":
        return _Found("database", wrong="whoever answers is believed without a look at their name")
    return _Found("database")


def _said(look: Look, name: str) -> dict[str, Any]:
    """What `strongroom.toml` says of a link's other end."""
    section = {"marketplace sign-in": "marketplace"}.get(name, name)
    path = look.data / "strongroom.toml"
    if not path.exists():
        return {}
    found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")).get(section, {})
    return found


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "ET-1.links",
        passes="Every link speaks TLS to whom it is meant for, and believes nobody else.",
        fails="A link speaks to somebody else, or by an old protocol.",
        run=every_link_is_tls,
    ),
    Check(
        "ET-2.plaintext",
        passes="Nothing of ours answers in plain text.",
        fails="Something of ours answers in plain text.",
        run=nothing_answers_in_plain_text,
    ),
    Check(
        "ET-3.listeners",
        passes="Ours listen where they should and nowhere else; other listeners are listed as carrying none of it.",
        fails="Something listens that is not on the list.",
        run=nothing_else_listens,
        patience=PATIENCE,
        needs=Seen.LISTENERS,
    ),
)
