"""The catalogue of every stored field: its class and, of a text, its shape (DF-2, DF-3, AZ-12)."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from strongroom.policy.definitions import PERSONAL


class Class(StrEnum):
    """How sensitive a column is. The words are the catalogue's keys."""

    PUBLIC = "public"
    NON_PUBLIC = "non_public"
    DATED = "dated"
    """Purchases: in clear, and gone with the order's personal data."""
    SEALED = "sealed"
    STAFF = "staff"


SOME: Final = (
    ("an e-mail address", dict(PERSONAL)["an e-mail address"]),
    ("an order number of Amazon's", dict(PERSONAL)["an order number of Amazon's"]),
    ("a telephone number", re.compile(r"(?<!\w)\+\d{1,3}[ (.-]?\d[\d ().-]{6,}\d")),
    (
        "a house and its street",
        re.compile(
            r"\b\d{1,4}[A-Za-z]? (?:[A-Z][\w'’-]+ ){1,3}"
            r"(?:Street|St|Road|Rd|Lane|Ln|Avenue|Ave|Close|Drive|Court|Crescent|Terrace|Gardens|Mews|Square)\b"
        ),
    ),
)
"""What is looked for where a seller's numbers and products' names may look like a postcode or a card."""
_SCANS: Final = {"all": (*PERSONAL, SOME[-1]), "some": SOME, "": ()}
_REFERENCE: Final = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b[0-9a-f]{32,}\b")


@dataclass(frozen=True)
class Shape:
    """What a text is made of as a whole, and what must not stand in it."""

    name: str
    made_of: re.Pattern[str]
    scan: tuple[tuple[str, re.Pattern[str]], ...]

    def why_not(self, text: str) -> str:
        """What is wrong with a text, without repeating it; empty where nothing is. References of ours are left out."""
        if not self.made_of.fullmatch(text):
            return f"something else than {self.name.replace('_', ' ')}"
        bare = _REFERENCE.sub(" ", text) if self.scan else ""
        return next((what for what, pattern in self.scan if pattern.search(bare)), "")


@dataclass(frozen=True)
class Column:
    """A column's class; of a text also its shape."""

    name: str
    kind: Class
    shape: Shape | None = None


@dataclass(frozen=True)
class Table:
    """A table: whose data it is about, by what Amazon's rows bear their origin, and its columns by name."""

    name: str
    of: str
    origin: str
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def is_amazons(self) -> bool:
        return self.of == "amazon"


@cache
def catalogue() -> dict[str, Table]:
    """Every table by name. Raises `ValueError` for a column that stands twice or has a shape that is none."""
    loaded = tomllib.loads((files(__package__) / "fields.toml").read_text(encoding="utf-8"))
    shapes = {name: _shape(name, said) for name, said in loaded.pop("shapes").items()}
    return {name: _table(name, said, shapes) for name, said in loaded.items()}


def differences(stored: Iterable[tuple[str, str]]) -> list[str]:
    """Where the catalogue and these columns (table, column) are not the same, as `table.column: what is wrong`."""
    known = {(table.name, column) for table in catalogue().values() for column in table.columns}
    there = set(stored)
    return [
        *(f"{table}.{column}: in no class" for table, column in sorted(there - known)),
        *(f"{table}.{column}: in the catalogue only" for table, column in sorted(known - there)),
    ]


def _shape(name: str, said: dict[str, str]) -> Shape:
    return Shape(name, re.compile(said["made_of"], re.DOTALL), _SCANS[said.get("scan", "")])


def _table(name: str, said: dict[str, Any], shapes: dict[str, Shape]) -> Table:
    made = Table(name, said["of"], said.get("origin", ""))
    for column in _columns(said, shapes):
        if column.name in made.columns:
            raise ValueError(f"{name}.{column.name} stands in two classes")
        made.columns[column.name] = column
    return made


def _columns(said: dict[str, str], shapes: dict[str, Shape]) -> Iterator[Column]:
    for kind in Class:
        for word in said.get(kind, "").split():
            column, _, shape = word.partition(":")
            yield Column(column, kind, shapes[shape] if shape else None)
