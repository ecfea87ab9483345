"""`strongroom.toml`: what an administrator may say. Secrets never stand in it; nothing in it turns a control off."""

import difflib
import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from strongroom.installation.problems import CannotStart

LOGIN: Final = "https://api.amazon.com/auth/o2/token"
REGIONS: Final = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}
SECRET_WORDS: Final = ("secret", "password", "token", "key")


@dataclass(frozen=True)
class Marketplace:
    """Where Amazon is and who we are there; the client secret and refresh token are credential files."""

    endpoint: str = ""
    login_endpoint: str = LOGIN
    ca_file: str = ""
    region: str = "eu"
    marketplaces: tuple[str, ...] = ()
    client_id: str = ""

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
    """Where people reach us. `names` are the certificate's."""

    port: int = 8443
    listen: str = "127.0.0.1"
    names: tuple[str, ...] = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Company:
    name: str = "Strongroom"


@dataclass(frozen=True)
class Configuration:
    """Every section, with where each value came from: default, file or environment."""

    marketplace: Marketplace
    database: Database
    web: Web
    company: Company
    origins: dict[str, str]


_SECTIONS: Final[dict[str, Any]] = {
    "marketplace": Marketplace, "database": Database, "web": Web, "company": Company,
}  # fmt: skip


def load(path: Path) -> Configuration:
    """The configuration in force. Raises `CannotStart` for anything it does not know, with what was probably meant."""
    loaded: dict[str, Any] = {}
    if path.exists():
        try:
            loaded = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
            raise CannotStart(f"{path.name} is not TOML: {why}.", "Mend that line and start again.") from None
    _known("section", set(loaded), set(_SECTIONS), path)
    origins: dict[str, str] = {}
    sections = {name: _section(name, kind, loaded.get(name, {}), path, origins) for name, kind in _SECTIONS.items()}
    made = Configuration(**sections, origins=origins)
    if made.marketplace.region not in REGIONS:
        raise CannotStart(f"[marketplace] region {made.marketplace.region!r} is unknown.", "Say na, eu or fe.")
    return made


def _section(name: str, kind: Any, table: Any, path: Path, origins: dict[str, str]) -> Any:
    if not isinstance(table, dict):
        raise CannotStart(f"{path.name}: {name} is a section.", f"Write [{name}] on a line of its own.")
    kinds = {field.name: field.default for field in fields(kind)}
    for key in table:
        if key not in kinds and any(word in key for word in SECRET_WORDS):
            raise CannotStart(
                f"{path.name}: [{name}] {key} looks like a secret; secrets never stand in the configuration.",
                "Put it into the credentials folder, mode 0600 (docs/decisions/0004-credentials.md).",
            )
    _known(f"[{name}] setting", set(table), set(kinds), path)
    values = {}
    for key, default in kinds.items():
        variable = f"STRONGROOM_{name}_{key}".upper()
        if variable in os.environ:
            values[key], origins[f"{name}.{key}"] = _from_text(os.environ[variable], default), f"environment {variable}"
        elif key in table:
            values[key], origins[f"{name}.{key}"] = _checked(table[key], default, f"[{name}] {key}", path), path.name
        else:
            values[key], origins[f"{name}.{key}"] = default, "default"
    return kind(**values)


def _checked(value: Any, default: Any, name: str, path: Path) -> Any:
    if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if type(value) is not type(default):
        wanted = {str: "a text", int: "a number", tuple: "a list of texts"}[type(default)]
        raise CannotStart(f"{path.name}: {name} must be {wanted}.", "Mend that line and start again.")
    return value


def _from_text(text: str, default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, int):
        if not text.isdigit():
            raise CannotStart("An environment variable that is a number is not one.", "Give it digits only.")
        return int(text)
    return text


def _known(what: str, found: set[str], known: set[str], path: Path) -> None:
    for name in sorted(found - known):
        near = difflib.get_close_matches(name, sorted(known), 1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}."
        raise CannotStart(f"{path.name}: unknown {what} {name}.", hint)
