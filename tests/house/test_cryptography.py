"""The inventory of cryptography is that of the code: nothing new unlisted, nothing listed that is gone (ASVS 11.1.2)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.formats.house import HouseKind
from strongroom.formats.ring import KeyKind

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "strongroom"
PAGE: Final = (ROOT / "docs" / "formats" / "cryptography.md").read_text(encoding="utf-8")
NO_ALGORITHM: Final = ("serialization", "exceptions", "x509")
"""Modules of `cryptography` that encode, complain, or describe certificates."""
TYPES: Final = {"EllipticCurvePrivateKey", "generate_private_key"}


def section(name: str) -> str:
    return PAGE.split(f"## {name}\n")[1].split("\n## ")[0]


def listed(name: str, column: int = 1) -> set[str]:
    """What stands in backticks in one column of a section's table."""
    rows = [line.split("|") for line in section(name).splitlines() if line.startswith("| ")]
    return {word for row in rows for word in re.findall(r"`([\w.-]+)`", row[column])}


def used() -> Iterator[str]:
    """Classes that are imported from `cryptography`, and what is called of hashlib and hmac."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.ImportFrom(module=str(module), names=names) if module.startswith("cryptography"):
                    if not any(part in module or names[0].name == part for part in NO_ALGORITHM):
                        yield from ({name.name for name in names} - TYPES)
                case ast.Attribute(value=ast.Name(id="hashlib" | "hmac" as where), attr=name):
                    yield f"{where}.{name}"


def test_every_algorithm_of_the_code_is_listed_and_no_other() -> None:
    assert set(used()) == listed("Algorithms")


def test_every_kind_of_key_is_listed() -> None:
    kinds = {kind.name for kind in HouseKind} | {kind.name for kind in KeyKind}
    assert listed("Keys") == kinds


def test_every_credential_is_listed() -> None:
    """By the names that the code asks for; a role's password has the role in its name."""
    asked = set()
    for path in [*(SOURCE / "installation").rglob("*.py"), *(SOURCE / "website").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'(?:keep_|has_|_)?credential\("([a-z-]+)"', text))
        asked |= {"database-ROLE" for _ in re.findall(r'credential\(f"database-\{', text)}
    assert {"unlock", "database-ROLE", "django-secret-key"} <= asked
    assert asked == listed("Credentials")
