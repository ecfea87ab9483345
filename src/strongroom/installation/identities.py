"""Whom each process runs as (DESIGN 2): its own uid where root starts it, everybody's where it cannot be otherwise.

Named users (`strongroom init` makes them) come first. Without them root takes numbers that nobody has, one set a data
folder, so that two installations of one machine are strangers to each other.
"""

import grp
import hashlib
import importlib.util
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from strongroom.formats import owned_file
from strongroom.formats.grade import FILE, MOST, Grade, Kind, Role
from strongroom.formats.owned_file import NotTheirs
from strongroom.installation import run_as
from strongroom.installation.neighbours import PROC

GROUP: Final = "strongroom"
"""Those who meet at the database's socket: database, website, worker."""
MEMBERS: Final = frozenset({Role.WEB, Role.WORKER, Role.DATABASE})
NAMED: Final = {role: f"strongroom-{role}" for role in Role if role not in (Role.DATABASE, Role.AMAZON)} | {
    Role.DATABASE: "strongroom-db"
}
FIRST: Final = 30_000
STEP: Final = 8
SETS: Final = 3_750
"""30,000 to 59,999: below what distributions keep for system users and containers, above what they give to people."""
NUMBERED: Final = (Role.WEB, Role.WORKER, Role.BROKER, Role.INSPECTOR, Role.AMAZON)


@dataclass(frozen=True)
class Identity:
    """A uid with its group; `groups` are further ones."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class Identities:
    """Everybody's identity. `owner` owns the data folder; `group` is the house's; `why` is for single-user grade.

    `shared`: roles whose uid others on this machine have too, such as `postgres`. `numbers`: the first of the folder's.
    """

    kind: Kind
    owner: Identity
    group: int
    roles: Mapping[Role, Identity]
    why: str = ""
    shared: frozenset[Role] = frozenset()
    numbers: int | None = None

    @property
    def is_service(self) -> bool:
        return self.kind is Kind.SERVICE

    def grade(self) -> Grade:
        return Grade(self.kind, {role: self.roles[role].uid for role in Role}, self.why)


def choose(data: Path) -> Identities:
    """Who runs what in this folder. Root gets service grade unless something stands in the way, which `why` says."""
    if os.getuid() != 0:
        return _one_uid("Strongroom was started by an ordinary user; it needs `strongroom init`.")
    made = _own_uids(data)
    database = run_as.unprivileged()
    why = obstacle(data, made.roles[Role.WEB]) if database is not None else "There is no user for the database."
    return _one_uid(why) if why else made


def named_users() -> dict[Role, pwd.struct_passwd]:
    """The service users that exist on this machine."""
    found = {}
    for role, name in NAMED.items():
        try:
            found[role] = pwd.getpwnam(name)
        except KeyError:
            continue
    return found


def obstacle(data: Path, who: Identity) -> str:
    """What keeps another uid from running our program on this folder, in one sentence; empty where nothing does."""
    closed = next((folder for folder in _on_the_way(data) if not folder.stat().st_mode & 0o001), None)
    if closed is None and _can_run(who):
        return ""
    where = closed or Path(sys.executable)
    return (
        f"Other users cannot pass through {where}, so that all processes run as root; clauses that need own uids stay"
        " Unknown."
    )


def _on_the_way(data: Path) -> Iterator[Path]:
    """Every folder that a process of ours must pass: to interpreter, library, packages, sources and data."""
    seen: set[Path] = set()
    packages = [spec.origin for name in ("psycopg", "cryptography") if (spec := importlib.util.find_spec(name))]
    ends = [sys.executable, sys.base_prefix, sys.prefix, os.__file__, __file__, *filter(None, packages)]
    for end in (*map(Path, ends), data / "lock"):
        for path in (end, end.resolve()):
            for folder in path.parents:
                if folder not in seen:
                    seen.add(folder)
                    if folder != data:  # its mode is ours to set
                        yield folder


def _can_run(who: Identity) -> bool:
    """Asked as that user, since only the system knows all its rules."""
    code = "import strongroom.installation.folders, strongroom.website, psycopg, cryptography.hazmat.bindings._rust"
    ran = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd="/", capture_output=True, env={"PATH": os.defpath},
        user=who.uid, group=who.gid, extra_groups=list(who.groups),
    )  # fmt: skip
    return ran.returncode == 0


def _one_uid(why: str) -> Identities:
    """Everything as whoever starts it; as root the database alone is another's, since it refuses root."""
    me = Identity(os.getuid(), os.getgid())
    roles = dict.fromkeys(Role, me)
    if os.getuid() == 0 and (database := run_as.unprivileged()) is not None:
        roles[Role.DATABASE] = Identity(database.pw_uid, database.pw_gid)
    return Identities(Kind.SINGLE_USER, me, me.gid, roles, why, frozenset(Role))


def _own_uids(data: Path) -> Identities:
    users = named_users()
    first = _numbers(data)
    group = _group() or first + STEP - 1
    roles: dict[Role, Identity] = {}
    for place, role in enumerate(NUMBERED):
        uid = users[role].pw_uid if role in users else first + place
        gid = users[role].pw_gid if role in users else first + place
        roles[role] = Identity(uid, gid, (group,) if role in MEMBERS else ())
    shared = frozenset() if Role.DATABASE in users else frozenset({Role.DATABASE})
    database = users.get(Role.DATABASE) or run_as.unprivileged()
    roles[Role.DATABASE] = Identity(database.pw_uid, database.pw_gid, (group,)) if database else Identity(0, 0)
    return Identities(Kind.SERVICE, Identity(0, 0), group, roles, shared=shared, numbers=first)


def _group() -> int | None:
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def _numbers(data: Path) -> int:
    """The first of this folder's numbers: what it had before, else a set that no user and no process has."""
    before = _before(data)
    if before is not None and _is_free(before, processes=False):
        return before
    start = int.from_bytes(hashlib.sha256(os.fsencode(data)).digest()[:4], "big")
    for further in range(SETS):
        first = FIRST + (start + further) % SETS * STEP
        if _is_free(first, processes=True):
            return first
    return FIRST + start % SETS * STEP


def _before(data: Path) -> int | None:
    try:
        told: Any = json.loads(owned_file.read(data, FILE, uid=0, most=MOST))
        first = told["numbers"]
    except (OSError, NotTheirs, ValueError, KeyError, TypeError):
        return None
    return first if type(first) is int and FIRST <= first < FIRST + SETS * STEP else None


def _is_free(first: int, *, processes: bool) -> bool:
    numbers = range(first, first + STEP)
    for number in numbers:
        for ask in (pwd.getpwuid, grp.getgrgid):
            try:
                ask(number)
            except KeyError:
                continue
            return False
    return not processes or not any(uid in numbers for uid in _living_uids())


def _living_uids() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                yield entry.stat().st_uid
            except OSError:
                continue
