"""The published files: rendered, written as one edition, taken into service in one step, read back.

`published/0007/` holds an edition whole, with `policy.sums`, a list that `sha256sum -c` reads. The file
`published/current` names the one that is served; it is replaced by a rename, so that nobody ever meets half of one.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from strongroom.policy.clauses.terms import Terms
from strongroom.policy.data_governance import document, page, paper
from strongroom.policy.data_governance.document import Edition, Publisher

SUMS: Final = "policy.sums"
FACTS: Final = "policy.json"
FILES: Final = ("policy.html", "policy.pdf", "privacy.html", "privacy.pdf", FACTS)
CURRENT: Final = "current"


def folder(data: Path) -> Path:
    return data / "published"


def render(publisher: Publisher, edition: Edition, terms: Terms, before: Mapping[str, Any] | None) -> dict[str, bytes]:
    """Every file of an edition, and their sums. `before`: the facts of the newest edition of another version."""
    policy = document.policy(publisher, edition, terms, before)
    privacy = document.privacy(publisher, edition, terms)
    facts = document.facts(policy, document.applying(terms, publisher.countries))
    made = {
        "policy.html": page.html(policy), "policy.pdf": paper.pdf(policy), "privacy.html": page.html(privacy),
        "privacy.pdf": paper.pdf(privacy), FACTS: json.dumps(facts, indent=1, ensure_ascii=False).encode() + b"\n",
    }  # fmt: skip
    return {**made, SUMS: sums(made)}


def sums(files: Mapping[str, bytes]) -> bytes:
    """The list of SHA-256, as `sha256sum` writes it, in the order of `FILES`."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in FILES).encode()


def digest(files: Mapping[str, bytes]) -> bytes:
    """What the journal holds of an edition: SHA-256 of its list of sums, 32 bytes."""
    return hashlib.sha256(files[SUMS]).digest()


def read_sums(text: bytes) -> dict[str, str]:
    """File names and their SHA-256 in hex. Raises `ValueError` for anything that is no such list."""
    found = {}
    for line in text.decode("ascii").splitlines():
        sum_, _, name = line.partition("  ")
        if len(sum_) != 64 or name not in FILES:
            raise ValueError("this is no list of sums")
        found[name] = sum_
    return found


def write(data: Path, number: int, files: Mapping[str, bytes]) -> None:
    """An edition on disk, whole and flushed, not yet served. Raises `FileExistsError` where another took its number."""
    home = folder(data)
    home.mkdir(mode=0o755, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    try:
        for name, content in files.items():
            _write(aside / name, content, home)
        aside.chmod(0o755)
        _give(aside, home)
        with _taken(home / f"{number:04}"):
            aside.rename(home / f"{number:04}")
        _flush(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def serve(data: Path, number: int) -> None:
    """From now on this edition is the one that is served."""
    home = folder(data)
    aside = home / f".{CURRENT}-{number:04}"
    _write(aside, f"{number:04}\n".encode(), home)
    aside.replace(home / CURRENT)
    _flush(home)


def current(data: Path) -> Path | None:
    """The folder of the edition that is served; `None` where nothing is published yet."""
    home = folder(data)
    try:
        number = (home / CURRENT).read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return home / number if number.isdigit() else None


def served(data: Path, name: str) -> bytes | None:
    """One file of the edition that is served; `None` where nothing is published yet."""
    home = current(data)
    try:
        return (home / name).read_bytes() if home is not None else None
    except FileNotFoundError:
        return None


def facts(data: Path, number: int | None = None) -> dict[str, Any] | None:
    """What an edition says as data, the served one where none is named."""
    home = current(data) if number is None else folder(data) / f"{number:04}"
    try:
        found: dict[str, Any] | None = json.loads((home / FACTS).read_text(encoding="utf-8")) if home else None
    except (FileNotFoundError, ValueError):
        return None
    return found


def editions(data: Path) -> list[int]:
    """The numbers of all editions, newest first."""
    home = folder(data)
    return sorted((int(each.name) for each in home.glob("[0-9]*") if each.name.isdigit()), reverse=True)


def before(data: Path, version: int) -> dict[str, Any] | None:
    """The facts of the newest edition of another version of the policy."""
    for number in editions(data):
        found = facts(data, number)
        if found is not None and found.get("version") != version:
            return found
    return None


@contextlib.contextmanager
def _taken(home: Path) -> Iterator[None]:
    """A rename onto a folder that is not empty is told as what it is."""
    try:
        yield
    except OSError as why:
        if home.exists():
            raise FileExistsError(str(home)) from None
        raise why from None


def _write(path: Path, content: bytes, home: Path) -> None:
    """A file that everybody may read and that is on disk when this returns."""
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _give(path, home)


def _give(path: Path, home: Path) -> None:
    """To whom the folder belongs: at root's terminal it is the website that must go on from here."""
    if os.geteuid() == 0:
        to = home.stat()
        os.chown(path, to.st_uid, to.st_gid)


def _flush(home: Path) -> None:
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
