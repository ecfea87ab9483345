"""How an installation runs: under one uid, or as a service whose processes have a uid each (DESIGN 2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from strongroom.formats import owned_file
from strongroom.formats.owned_file import NotTheirs

FILE: Final = "installation.json"
MOST: Final = 65_536


class Kind(StrEnum):
    """The two grades."""

    SINGLE_USER = "single-user"
    SERVICE = "service"


class Role(StrEnum):
    """Who has a uid of their own in service grade; `amazon` stands for a rehearsal's simulated world."""

    WEB = "web"
    WORKER = "worker"
    BROKER = "broker"
    INSPECTOR = "inspector"
    DATABASE = "database"
    AMAZON = "amazon"


@dataclass(frozen=True)
class Grade:
    """What `installation.json` says and its owner vouches for. `why`: what stands in the way of service grade."""

    kind: Kind
    uids: Mapping[Role, int]
    why: str = ""

    @property
    def is_service(self) -> bool:
        return self.kind is Kind.SERVICE


def grade(data: Path) -> Grade:
    """The grade of the installation in this data folder. Service only where root alone can have said so."""
    try:
        return parse(owned_file.read(data, FILE, uid=0, most=MOST))
    except FileNotFoundError:
        why = f"There is no {FILE}: Strongroom has not been started in this folder."
    except NotTheirs as problem:
        why = f"Root did not make this installation ({problem}); it needs `strongroom init`."
    except ValueError:
        why = f"{FILE} cannot be understood; start Strongroom again to have it written anew."
    return Grade(Kind.SINGLE_USER, {}, why)


def parse(text: bytes) -> Grade:
    """The grade in a file's bytes. Raises `ValueError`. Names beyond those here are the inspector's."""
    told: Any = json.loads(text)
    if not isinstance(told, dict) or told.get("version") != 1 or not isinstance(told.get("uids"), dict):
        raise ValueError("not an installation of version 1")
    uids = {Role(role): uid for role, uid in told["uids"].items()}
    if not all(type(uid) is int and uid >= 0 for uid in uids.values()):
        raise ValueError("a uid is a number")
    return Grade(Kind(str(told.get("grade"))), uids, str(told.get("why", "")))
