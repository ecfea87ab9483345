"""`strongroom.toml`: what an administrator may say. Secrets never stand in it; nothing in it turns a control off."""

import difflib
import ipaddress
import os
import re
import tomllib
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from strongroom.installation.problems import CannotStart

LOGIN: Final = "https://api.amazon.com/auth/o2/token"
REGIONS: Final = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}
SECRET_WORDS: Final = ("secret", "password", "token", "key")
ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
"""A mail address without quotes, comments or anything that could begin another header."""
HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,250}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Marketplace:
    """Where Amazon is and who we are there; the client secret and refresh token are credential files.

    `label_at_most`: what a label bought there may cost, in whole units of its currency.
    """

    endpoint: str = ""
    login_endpoint: str = LOGIN
    ca_file: str = ""
    region: str = "eu"
    marketplaces: tuple[str, ...] = ()
    client_id: str = ""
    label_at_most: int = 50

    @property
    def is_set(self) -> bool:
        return bool(self.client_id)

    def url(self) -> str:
        return self.endpoint or REGIONS[self.region]


@dataclass(frozen=True)
class Database:
    """An external PostgreSQL; empty: ours. `admin_user` makes roles and runs migrations (credential database-admin)."""

    host: str = ""
    port: int = 5432
    name: str = "strongroom"
    sslrootcert: str = ""
    admin_user: str = "postgres"


@dataclass(frozen=True)
class Web:
    """Where people reach us. `names` are the certificate's.

    hsts_subdomains: browsers speak to every host below these names encrypted only, for a year after a visit. Set it
    where each of them does.
    """

    port: int = 8443
    listen: str = "127.0.0.1"
    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    hsts_subdomains: bool = False


@dataclass(frozen=True)
class Company:
    """Who the seller is, whom to write to (mail addresses), and where parcels come from (lines; two letters).

    sells_to: other countries it sells to, by two letters; their data-protection laws stand on the privacy page.
    """

    name: str = "Strongroom"
    contacts: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    city: str = ""
    postcode: str = ""
    country: str = "GB"
    phone: str = ""
    sells_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """Who may reach the website, as addresses or networks (NP-1), and what else listens on this machine (ET-3).

    `other_listeners`: such as `tcp/22`; what carries no Amazon Information and is known.
    """

    allow: tuple[str, ...] = ()
    other_listeners: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backup:
    """`targets`: folders that hold copies (ES-2); others are refused."""

    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mail:
    """The server that takes our mail, TLS only (ET-1): `security` is starttls or tls. Its password is a credential.

    `from_`: the sender's address, written `from`. `directors`, `security_team`: mailboxes besides people who sign in
    here. `digest_hour`: when the daily digest leaves, 0 to 23, in London.
    """

    host: str = ""
    port: int = 587
    security: str = "starttls"
    from_: str = ""
    username: str = ""
    ca_file: str = ""
    directors: tuple[str, ...] = ()
    security_team: tuple[str, ...] = ()
    digest_hour: int = 7

    @property
    def is_set(self) -> bool:
        return bool(self.host)


@dataclass(frozen=True)
class Webhook:
    """One receiver of signed messages. `own_hosts`: hosts within our own network that it may be; others are public."""

    url: str = ""
    ca_file: str = ""
    own_hosts: tuple[str, ...] = ()

    @property
    def is_set(self) -> bool:
        return bool(self.url)


@dataclass(frozen=True)
class Journal:
    """`checkpoints_to`: a folder elsewhere, such as a mounted share, to which each hour's checkpoint goes (LM-2)."""

    checkpoints_to: str = ""


@dataclass(frozen=True)
class Configuration:
    """Every section, with where each value came from: default, file or environment."""

    marketplace: Marketplace
    database: Database
    web: Web
    company: Company
    network: Network
    backup: Backup
    mail: Mail
    webhook: Webhook
    journal: Journal
    origins: dict[str, str]

    def credentials(self) -> tuple[str, ...]:
        """The credential files that the configured channels need."""
        mail = ("mail-password",) if self.mail.is_set and self.mail.username else ()
        return (*mail, "webhook-secret") if self.webhook.is_set else mail

    def origin(self, key: str) -> str:
        """Where `section.key` came from: `default`, the file's name, or `environment VARIABLE`."""
        return self.origins[key]


SECTIONS: Final[dict[str, Any]] = {
    "marketplace": Marketplace, "database": Database, "web": Web, "company": Company, "mail": Mail,
    "webhook": Webhook, "journal": Journal, "network": Network, "backup": Backup,
}  # fmt: skip


def load(path: Path) -> Configuration:
    """The configuration in force. Raises `CannotStart` for anything it does not know, with what was probably meant."""
    text, loaded = _read(path)
    _refuse_secrets(loaded, text, path)
    _known("section", "", set(loaded), set(SECTIONS), text, path)
    _known_variables()
    origins: dict[str, str] = {}
    sections = {
        name: _section(name, kind, loaded.get(name, {}), text, path, origins) for name, kind in SECTIONS.items()
    }
    made = Configuration(**sections, origins=origins)
    _sensible(made)
    return made


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    if not path.exists():
        return "", {}
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise CannotStart(f"{path.name} is not TOML: {why}.", "Mend that line and start again.") from None
    except OSError as why:
        raise CannotStart(f"{path.name} cannot be read: {why.strerror}.", f"Look at who owns {path}.") from None


def _sensible(made: Configuration) -> None:
    """What a type alone does not say."""
    if made.marketplace.region not in REGIONS:
        raise CannotStart(f"[marketplace] region {made.marketplace.region!r} is unknown.", "Say na, eu or fe.")
    for name in ("endpoint", "login_endpoint"):
        address = getattr(made.marketplace, name)
        if address and not address.startswith("https://"):
            raise CannotStart(f"[marketplace] {name} is no https address.", "Orders travel encrypted only (ET-1).")
    for name, port in (("web", made.web.port), ("database", made.database.port)):
        if not 0 < port < 65_536:
            raise CannotStart(f"[{name}] port {port} is none.", "A port is a number from 1 to 65535.")
    if made.marketplace.label_at_most < 0:
        raise CannotStart("[marketplace] label_at_most is less than nothing.", "Say 0 to buy no labels.")
    _sensible_company(made.company)
    if not made.web.names:
        raise CannotStart("[web] names is empty.", "Name at least one host under which people reach the website.")
    _sensible_network(made)
    _sensible_mail(made.mail)
    _sensible_webhook(made.webhook)
    if made.journal.checkpoints_to and not Path(made.journal.checkpoints_to).is_absolute():
        raise CannotStart("[journal] checkpoints_to is no whole path.", "Begin it with /, such as /mnt/elsewhere.")


def _sensible_company(company: Company) -> None:
    for country in (company.country, *company.sells_to):
        if not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
            raise CannotStart(f"[company] country {country!r} is none.", 'Say two capital letters, such as "GB".')


def _sensible_mail(mail: Mail) -> None:
    if mail.security not in ("starttls", "tls"):
        raise CannotStart(
            f"[mail] security {mail.security!r} is unknown; mail leaves encrypted only (ET-1).", "Say starttls or tls."
        )
    if not 0 < mail.port < 65_536:
        raise CannotStart(f"[mail] port {mail.port} is none.", "A port is a number from 1 to 65535.")
    if not 0 <= mail.digest_hour < 24:
        raise CannotStart(f"[mail] digest_hour {mail.digest_hour} is none.", "Say a full hour, from 0 to 23.")
    if not mail.is_set:
        return
    if not HOST.fullmatch(mail.host):
        raise CannotStart(f"[mail] host {mail.host!r} is no host.", "Write such as mail.example.org.")
    for name, addresses in (
        ("from", (mail.from_,)), ("directors", mail.directors), ("security_team", mail.security_team),
    ):  # fmt: skip
        for address in addresses:
            if not ADDRESS.fullmatch(address):
                raise CannotStart(f"[mail] {name}: {address!r} is no mail address.", "Write such as a@example.org.")


def _sensible_webhook(webhook: Webhook) -> None:
    if not webhook.is_set:
        return
    try:
        parts = urlsplit(webhook.url)
        sound = parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or parts.username is not None or parts.fragment or not webhook.url.isprintable():
        raise CannotStart(
            "[webhook] url is no https address without a name and password in it.", "It is signed instead; see README."
        )


def _sensible_network(made: Configuration) -> None:
    for network in made.network.allow:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise CannotStart(
                f"[network] allow: {network!r} is no address or network.", "Write such as 192.0.2.7 or 192.0.2.0/24."
            ) from None
    for other in made.network.other_listeners:
        if not re.fullmatch(r"(tcp|udp)/[1-9][0-9]{0,4}", other):
            raise CannotStart(f"[network] other_listeners: {other!r} is no listener.", "Write such as tcp/22.")
    for target in made.backup.targets:
        if not Path(target).is_absolute():
            raise CannotStart(f"[backup] targets: {target!r} is no whole path.", "Begin it with /.")


def _refuse_secrets(loaded: dict[str, Any], text: str, path: Path) -> None:
    """Before anything else, so that no other complaint repeats what stands there; the value is never shown."""
    tables = {"": loaded, **{name: table for name, table in loaded.items() if isinstance(table, dict)}}
    for section, table in tables.items():
        known = {_key(field) for field in fields(SECTIONS[section])} if section in SECTIONS else set()
        for key in table:
            if any(word in key.lower() for word in SECRET_WORDS) and key not in known:
                raise CannotStart(
                    f"{path.name}{_line(text, section, key)}: {key} looks like a secret; secrets never stand in the"
                    " configuration.",
                    "Put it into the credentials folder, mode 0600 (docs/decisions/0004-credentials.md).",
                )


def _known_variables() -> None:
    """A variable that names one of our sections but none of its settings was mistyped, or holds a secret."""
    known = {_variable(name, _key(field)) for name, kind in SECTIONS.items() for field in fields(kind)}
    for variable in sorted(os.environ):
        if variable in known or not variable.startswith(tuple(f"STRONGROOM_{name}_".upper() for name in SECTIONS)):
            continue
        if any(word.upper() in variable for word in SECRET_WORDS):
            raise CannotStart(
                f"The environment variable {variable} looks like a secret; secrets never stand in the environment.",
                "Put it into the credentials folder, mode 0600 (docs/decisions/0004-credentials.md).",
            )
        near = difflib.get_close_matches(variable, sorted(known), 1)
        raise CannotStart(
            f"The environment variable {variable} is no setting.", f"Did you mean {near[0]}?" if near else "Unset it."
        )


def _variable(section: str, key: str) -> str:
    return f"STRONGROOM_{section}_{key}".upper()


def _section(name: str, kind: Any, table: Any, text: str, path: Path, origins: dict[str, str]) -> Any:
    if not isinstance(table, dict):
        raise CannotStart(f"{path.name}: {name} is a section.", f"Write [{name}] on a line of its own.")
    kinds = {_key(field): field.default for field in fields(kind)}
    _known(f"[{name}] setting", name, set(table), set(kinds), text, path)
    values = {}
    for key, default in kinds.items():
        variable = _variable(name, key)
        if variable in os.environ:
            values[key], origins[f"{name}.{key}"] = _from_text(variable, default), f"environment {variable}"
        elif key in table:
            said = f"{path.name}{_line(text, name, key)}: [{name}] {key}"
            values[key], origins[f"{name}.{key}"] = _checked(table[key], default, said), path.name
        else:
            values[key], origins[f"{name}.{key}"] = default, "default"
    return kind(**{field.name: values[_key(field)] for field in fields(kind)})


def _key(field: "Field[Any]") -> str:
    """How a setting is written: `from` is a word of Python's, so its field ends in an underscore."""
    return field.name.removesuffix("_")


def _checked(value: Any, default: Any, said: str) -> Any:
    if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if type(value) is not type(default):
        wanted = {bool: "true or false", str: "a text", int: "a number", tuple: "a list of texts"}[type(default)]
        raise CannotStart(f"{said} must be {wanted}.", "Mend that line and start again.")
    return value


def _from_text(variable: str, default: Any) -> Any:
    text = os.environ[variable]
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise CannotStart(f"The environment variable {variable} is neither true nor false.", "Say one of them.")
        return text == "true"
    if isinstance(default, int):
        if not (text.isascii() and text.isdigit()):
            raise CannotStart(f"The environment variable {variable} is not a number.", "Give it digits only.")
        return int(text)
    return text


def _known(what: str, section: str, found: set[str], known: set[str], text: str, path: Path) -> None:
    for name in sorted(found - known):
        near = difflib.get_close_matches(name, sorted(known), 1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}."
        raise CannotStart(f"{path.name}{_line(text, section, name)}: unknown {what} {name}.", hint)


def _line(text: str, section: str, key: str) -> str:
    """` line N` where a key or section stands, as far as it is written plainly; else nothing."""
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].strip()
        if words.startswith("["):
            inside = words.strip("[] ")
            if not section and inside == key:
                return f" line {number}"
        elif inside == section and words.split("=", 1)[0].strip() == key:
            return f" line {number}"
    return ""
