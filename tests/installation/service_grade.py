"""A rehearsal whose processes have a uid each, for tests that run as root; and one look at it at a time."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from strongroom.formats import verdict
from strongroom.formats.grade import Role
from strongroom.formats.verdict import Look, Verdict
from strongroom.installation import commands
from strongroom.installation.identities import choose
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.ports import free_port

RIGHTS = "+dac_read_search,+sys_ptrace"


def needs_own_uids() -> None:
    """Skip where processes cannot have uids of their own; loudly where a package would mend it."""
    if os.getuid() != 0:
        pytest.skip("only root can start processes under other uids")
    with tempfile.TemporaryDirectory(prefix="sr-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        why = choose(Path(made)).why
    if why:
        pytest.skip(f"needs the package python3-venv (an interpreter that other users can reach): {why}")


@contextmanager
def quiet_rehearsal(folder: Path) -> Iterator[Rehearsal]:
    """Every process, nobody buys anything."""
    with Rehearsal(folder, port=free_port(), days=1, orders_per_day=0.0) as running:
        running.start()
        yield running


def as_role(
    rehearsal: Rehearsal, role: Role, arguments: Sequence[str], **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a program as one of the installation's users."""
    who = rehearsal.running.who.roles[role]
    return as_uid(who.uid, arguments, **more)


def as_uid(uid: int, arguments: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", *arguments],
        capture_output=True, text=True, check=False, cwd="/", input=more.get("said"), timeout=120,
    )  # fmt: skip


def take(
    rehearsal: Rehearsal,
    look: Look,
    *,
    inside: str = "",
    spaces: Sequence[str] = ("--mount",),
    search: Path | None = None,
) -> Verdict:
    """One look by a real inspector process with its own uid and rights.

    `inside`: shell commands of root's before it, such as a planted fault's, in namespaces of their own (`spaces`).
    """
    folders, who = rehearsal.folders, rehearsal.running.who.roles[Role.INSPECTOR]
    with tempfile.TemporaryDirectory(prefix="sr-look-") as made:
        os.chown(made, who.uid, who.gid)
        reach = ["--broker", str(folders.peers_socket), "--supervisor", str(os.getpid())]
        reach += ["--search", str(search)] if search is not None else []
        command = commands.inspector(
            folders, rehearsal.running.entries, *reach, "--once", "--look", str(look), "--verdicts", made
        )
        become = ["setpriv", f"--reuid={who.uid}", f"--regid={who.gid}", "--clear-groups", "--no-new-privs",
                  f"--inh-caps={RIGHTS}", f"--ambient-caps={RIGHTS}", "--"]  # fmt: skip
        ran = subprocess.run(
            _within([*become, *command], inside, spaces),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            timeout=180,
        )
        path = Path(made) / f"{look}.json"
        assert path.exists(), ran.stderr
        return verdict.decode(path.read_bytes())


def _within(command: list[str], inside: str, spaces: Sequence[str]) -> list[str]:
    if not inside:
        return command
    return ["unshare", *spaces, "sh", "-ec", f'{inside}\nexec "$@"', "sh", *command]


@contextmanager
def started(arguments: Sequence[str], **more: object) -> Iterator[subprocess.Popen[str]]:
    """A process that lives for the test, once it has said a line."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd="/", **more)  # type: ignore[call-overload]
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]
