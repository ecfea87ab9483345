"""Where an installation keeps what: one data folder, 0700, and a short one for sockets where its path is too long."""

import contextlib
import errno
import fcntl
import hashlib
import os
import platform
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.formats.secret import Secret
from strongroom.installation.problems import CannotStart, in_words

LONGEST_RUN: Final = 80
"""Unix socket names have at most 103 bytes; `/postgres/.s.PGSQL.5432`, the longest, takes 23 of them."""

BEYOND: Final = Path("/var/lib/strongroom/reachable")
"""Root's clusters whose data folder lies below a private one, such as root's own home or a test's."""


def default_data_folder() -> Path:
    """The platform's place for a user's data; for root the system's, since PostgreSQL must reach it as another user."""
    if os.getuid() == 0:
        return Path("/var/lib/strongroom")
    if platform.system() == "Darwin":
        return Path.home() / "Library" / "Application Support" / "Strongroom"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "strongroom"


@dataclass(frozen=True)
class Folders:
    """The folders of one installation, by what they are for."""

    data: Path

    def __post_init__(self) -> None:
        """Absolute from here on: children start in other folders, and libpq takes a relative one for a host's name."""
        object.__setattr__(self, "data", self.data.absolute())

    @property
    def postgres(self) -> Path:
        """The cluster; for root below a private folder it lies where PostgreSQL's user reaches it (`postgres.path`)."""
        pointer = self.data / "postgres.path"
        return Path(pointer.read_text(encoding="utf-8")) if pointer.exists() else self.data / "postgres"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def journal(self) -> Path:
        return self.data / "journal"

    @property
    def credentials(self) -> Path:
        return self.data / "credentials"

    @property
    def tls(self) -> Path:
        return self.data / "tls"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def marketplace(self) -> Path:
        """The simulated marketplace's; a rehearsal's only."""
        return self.data / "marketplace"

    @property
    def run(self) -> Path:
        """Sockets and what processes tell each other; made anew at each start."""
        pointer = self.data / "run.path"
        return Path(pointer.read_text(encoding="utf-8")) if pointer.exists() else self.data / "run"

    @property
    def terminal_socket(self) -> Path:
        """Where people at this machine reach the key broker."""
        return self.run / "broker" / "terminal.sock"

    @property
    def peers_socket(self) -> Path:
        """Where web, worker and inspector reach the key broker in service grade, told apart by uid."""
        return self.run / "broker" / "peers.sock"

    @property
    def amazon_sockets(self) -> Path:
        """Where a rehearsal's simulated world is told what to do."""
        return self.run / "amazon"

    @property
    def configuration(self) -> Path:
        return self.data / "strongroom.toml"

    def make(self) -> None:
        """Make what is missing, closed to others. Raises `CannotStart` for a folder that is not ours or is a link."""
        with in_words():
            _make_private(self.data, passable=True)
            _make_private(self.logs)
            for folder in (self.credentials, self.tls):
                _make_private(folder, passable=True)
            reachable = os.getuid() != 0 or _others_may_pass(self.data.resolve())
            self._find_cluster(reachable=reachable)
            self._find_run(reachable=reachable)

    def _find_cluster(self, *, reachable: bool) -> None:
        """Where the cluster lies. A copied data folder must not reach the cluster of the one it was copied from."""
        pointer = self.data / "postgres.path"
        name = hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:16]
        elsewhere = BEYOND / name / "postgres"
        if pointer.exists():
            if Path(pointer.read_text(encoding="utf-8")) != elsewhere:
                raise CannotStart(
                    f"{pointer} names a database that was made for another folder; this one was moved or copied.",
                    "Move it back to where it was, or restore a backup into an empty folder.",
                )
        elif not reachable and not (self.data / "postgres").exists():
            elsewhere.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
            pointer.write_text(str(elsewhere), encoding="utf-8")

    def _find_run(self, *, reachable: bool) -> None:
        """Where the sockets lie: here, or in a short folder in the system's temporary one that says whose it is."""
        pointer = self.data / "run.path"
        here = str(self.data / "run")
        # A comma would end the name for libpq, which takes a list of hosts.
        fits = len(os.fsencode(here)) <= LONGEST_RUN and "," not in here and reachable
        if pointer.exists() and not _is_run_of(self.run, self.data):
            pointer.unlink()
        if not fits and not pointer.exists():
            short = Path(tempfile.mkdtemp(prefix="strongroom-"))
            (short / "of").write_text(str(self.data), encoding="utf-8")
            pointer.write_text(str(short), encoding="utf-8")
        _make_private(self.run, passable=True)

    @contextlib.contextmanager
    def only_one(self) -> Iterator[None]:
        """One supervisor a folder; the system lets go of the lock however it ends."""
        descriptor = os.open(self.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise CannotStart(
                f"Strongroom already runs in this folder (process {holder}).",
                "Stop it first (Ctrl+C where it runs, or `kill` that process), or choose another folder with --data.",
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.close(descriptor)

    def credential(self, name: str) -> Secret:
        """A secret from the service manager's credentials folder or from ours; never from a setting or a variable."""
        path = self._credential_path(name)
        if path is None:
            raise CannotStart(
                f"The credential {name} is missing.",
                f"Put it into {self.credentials / name}, mode 0600, and start again.",
            )
        # A service manager gives its user the file by an access list, which shows as its group's mode.
        return _read_private(path, others=0o077 if path.parent == self.credentials else 0o007)

    def has_credential(self, name: str) -> bool:
        return self._credential_path(name) is not None

    def keep_credential(self, name: str, secret: Secret) -> None:
        """Write a credential, 0600, as a whole: it is on disk when this returns."""
        path = self.credentials / name
        aside = path.with_name(path.name + ".new")
        with in_words():
            aside.unlink(missing_ok=True)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret.bytes())
                file.flush()
                os.fsync(file.fileno())
            aside.rename(path)
            flush(self.credentials)

    def _credential_path(self, name: str) -> Path | None:
        """Where it stands; a dangling link counts, so that it is refused rather than overlooked."""
        given = os.environ.get("CREDENTIALS_DIRECTORY")
        for folder in ([Path(given)] if given else []) + [self.credentials]:
            if os.path.lexists(folder / name):
                return folder / name
        return None


def flush(folder: Path) -> None:
    """A new or renamed name is on disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_private(folder: Path, *, passable: bool = False) -> None:
    """Ours alone. As root, other users must pass through (not look into) the folders that hold theirs."""
    mode = 0o711 if passable and os.getuid() == 0 else 0o700
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        raise CannotStart(
            f"The folder {folder} belongs to somebody else or is a link.", "Choose another folder with --data."
        )
    if state.st_mode & 0o022 and any(folder.iterdir()):
        raise CannotStart(
            f"Others may write in the folder {folder}; what lies in it may be theirs.",
            f"Look at what is in it, then run: chmod go-rwx {folder}",
        )
    if state.st_mode & 0o777 != mode:
        folder.chmod(mode)


def _is_run_of(run: Path, data: Path) -> bool:
    """Whether a recorded folder for sockets still is the one made for this data folder.

    Anybody may make a name in the temporary folder that a reboot has emptied, so it is judged before anything in it.
    A folder of somebody else's is refused later, in words; one that is gone or that a copy shares is made anew.
    """
    try:
        state = run.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        return True
    of = run / "of"
    return not of.is_symlink() and of.exists() and of.read_text(encoding="utf-8") == str(data)


def _others_may_pass(folder: Path) -> bool:
    """Whether another user may pass through every folder above this one."""
    return all(parent.stat().st_mode & 0o001 for parent in folder.parents)


def _read_private(path: Path, others: int) -> Secret:
    """What a private file holds, without one newline at its end. No link: its target's folder may be anybody's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as why:
        if why.errno == errno.ELOOP:
            raise CannotStart(f"The credential {path.name} is a link.", "Put the file itself there.") from None
        raise CannotStart(
            f"The credential {path.name} cannot be read: {why.strerror}.", f"Look at who owns {path}."
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(file.fileno()).st_mode & others:
            raise CannotStart(f"Others may read the credential {path.name}.", f"Run: chmod 600 {path}")
        value = file.read(65_536)
    value = value.removesuffix(b"\n")
    if not value:
        raise CannotStart(f"The credential {path.name} is empty.", f"Write the secret into {path}.")
    return Secret(value)
