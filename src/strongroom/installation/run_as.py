"""Whom PostgreSQL runs as. It refuses root, so root hands it to another user; everybody else runs it as themselves."""

import contextlib
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any, Final

from strongroom.installation.problems import CannotStart

VARIABLE: Final = "STRONGROOM_PG_USER"
USERS: Final = ("strongroom-db", "postgres", "nobody")
"""`strongroom init` makes the first."""


def unprivileged() -> pwd.struct_passwd | None:
    """None where we are not root; for root the user named in STRONGROOM_PG_USER, else the first of `USERS`."""
    if os.getuid() != 0:
        return None
    named = os.environ.get(VARIABLE)
    for name in (named,) if named else USERS:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            if found.pw_uid == 0:
                raise CannotStart(f"PostgreSQL refuses to run as root, which {VARIABLE} names.", "Name another user.")
            return found
    if named:
        raise CannotStart(f"There is no user {named}, whom {VARIABLE} names.", "Make that user or name another.")
    raise CannotStart(
        "PostgreSQL refuses to run as root and there is no user `postgres` or `nobody`.", f"Name one in {VARIABLE}."
    )


def drop(owner: pwd.struct_passwd | None, group: int | None = None) -> dict[str, Any]:
    """Popen's arguments that give up root: uid, gid, and every other group but `group`."""
    groups = [] if group is None else [group]
    return {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": groups}


def can_reach(owner: pwd.struct_passwd | None, path: Path) -> bool:
    """Whether that user may execute or enter `path`. Asked as that user, since only the system knows all its rules."""
    return subprocess.run(["test", "-x", path], check=False, cwd="/", **drop(owner)).returncode == 0
