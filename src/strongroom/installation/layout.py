"""Who owns what in a data folder, and who else may read it: one table, applied at start, compared by the inspector."""

import fnmatch
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.formats.grade import Role
from strongroom.installation.folders import Folders
from strongroom.installation.identities import Identities, Identity
from strongroom.installation.problems import CannotStart


@dataclass(frozen=True)
class Rule:
    """Paths below the data folder: whose they are, and the widest mode. `role` None: the owner of the data folder's.

    `whole`: everything below too, folders as `mode`, files as `mode` without the right to execute. `made`: the
    folder is made where it is missing.
    """

    path: str
    role: Role | None
    mode: int
    whole: bool = False
    made: bool = False


LAYOUT: Final = (
    Rule("keys", Role.BROKER, 0o700, whole=True, made=True),
    Rule("journal", Role.BROKER, 0o755, whole=True, made=True),
    Rule("verdicts", Role.INSPECTOR, 0o755, whole=True, made=True),
    Rule("wanted", Role.WORKER, 0o755, whole=True, made=True),
    Rule("website", Role.WEB, 0o700, whole=True, made=True),
    Rule("published", Role.WEB, 0o755, whole=True, made=True),
    Rule("logs", None, 0o700, whole=True),
    Rule("credentials/unlock", Role.BROKER, 0o600),
    Rule("credentials/database-web", Role.WEB, 0o600),
    Rule("credentials/django-secret-key", Role.WEB, 0o600),
    Rule("credentials/monitoring-token", Role.WEB, 0o600),
    Rule("credentials/database-worker", Role.WORKER, 0o600),
    Rule("credentials/database-*", None, 0o600),
    Rule("credentials/*", Role.WORKER, 0o600),  # what else there is, is for talking to others: Amazon, mail
    Rule("credentials", None, 0o711),
    Rule("tls/server.key", Role.WEB, 0o600),
    Rule("tls/ca.key", None, 0o600),
    Rule("tls/ca.pem", None, 0o644),
    Rule("tls/server.pem", None, 0o644),
    Rule("tls", None, 0o711),
    Rule("installation.json", None, 0o644),
    Rule("firewall.json", None, 0o644),
    Rule("strongroom.toml", None, 0o644),
    Rule("broker.toml", None, 0o644),
    Rule("database.json", None, 0o644),
    Rule("postgres.path", None, 0o644),
    Rule("run.path", None, 0o644),
    Rule("pg_hba.conf", None, 0o644),
    Rule("lock", None, 0o600),
    # A rehearsal's.
    Rule("marketplace", Role.AMAZON, 0o755, whole=True),
    Rule("printer", Role.AMAZON, 0o755, whole=True),
    Rule("mail", Role.AMAZON, 0o755, whole=True),
    Rule("printer-uri", None, 0o644),
    Rule("clock", Role.WORKER, 0o644),
    Rule("rehearsal-unlock", Role.BROKER, 0o600),
    Rule("rehearsal-begin", None, 0o644),
)
"""The first rule that fits decides. What none names belongs to the owner and is closed to others."""
SOCKETS: Final = (Rule("broker", Role.BROKER, 0o711, made=True), Rule("amazon", Role.AMAZON, 0o711, made=True))
"""The same for the folder of sockets, `run`; the database's is made by its launcher."""


def rule_for(path: str) -> Rule | None:
    """The rule of a path below the data folder; `keys/x` falls under a whole `keys`."""
    for rule in LAYOUT:
        if fnmatch.fnmatchcase(path, rule.path) or (rule.whole and path.startswith(f"{rule.path}/")):
            return rule
    return None


def settle(folders: Folders, who: Identities) -> None:
    """Make what is missing and give everything its owner and mode. As root; idempotent, and safe to be killed in.

    Also the upgrade of a folder whose files were all root's, and back. Raises `CannotStart`.
    """
    for rule in LAYOUT:
        for path in sorted(folders.data.glob(rule.path)) or [folders.data / rule.path]:
            if rule_for(str(path.relative_to(folders.data))) is rule:
                _settle(path, rule, who)
    for rule in SOCKETS:
        if rule.role is not Role.AMAZON or (folders.data / "clock").exists():
            _settle(folders.run / rule.path, rule, who)


def hand_over(folder: Path, to: Identity) -> None:
    """Give a whole tree to another user, the folder itself last: who owns that owns everything in it.

    Meanwhile it is root's and closed, so its former owner can plant nothing. Links are handed over as links; a file
    with a second name elsewhere is refused, since that may be anybody's. Raises `CannotStart`.
    """
    os.chown(folder, 0, 0, follow_symlinks=False)
    for path in _below(folder):
        state = path.lstat()
        if stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
            raise CannotStart(
                f"{path} has another name elsewhere; it is not given to another user.",
                "Look who made that name, remove it, and start again.",
            )
        os.chown(path, to.uid, to.gid, follow_symlinks=False)
    os.chown(folder, to.uid, to.gid, follow_symlinks=False)


def identity_of(rule: Rule, who: Identities) -> Identity:
    return who.owner if rule.role is None else who.roles[rule.role]


def _settle(path: Path, rule: Rule, who: Identities) -> None:
    if not os.path.lexists(path):
        if not rule.made:
            return
        path.mkdir(mode=rule.mode)
    to = identity_of(rule, who)
    state = path.lstat()
    if stat.S_ISLNK(state.st_mode):
        raise CannotStart(f"{path} is a link.", "Put the file or folder itself there.")
    if os.getuid() == 0 and (state.st_uid, state.st_gid) != (to.uid, to.gid):
        if stat.S_ISDIR(state.st_mode) and rule.whole:
            hand_over(path, to)
        else:
            os.chown(path, to.uid, to.gid, follow_symlinks=False)
    mode = stat.S_IMODE(state.st_mode)
    wanted = rule.mode if who.is_service else mode & rule.mode
    if mode != wanted and "*" not in rule.path:  # a credential that others may read is said, not mended: they may have
        path.chmod(wanted)


def _below(folder: Path) -> Iterator[Path]:
    """Everything below, the deepest first, without following links."""
    for here, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            yield Path(here) / name
