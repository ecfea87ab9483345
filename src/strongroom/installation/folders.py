"""Where an installation keeps what: one data folder, 0700, and a short one for sockets where its path is too long."""

import contextlib
import fcntl
import hashlib
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.formats.secret import Secret
from strongroom.installation.problems import CannotStart

LONGEST_SOCKET: Final = 90
"""Unix socket names end near 104 bytes; PostgreSQL's own takes 17 of them."""


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
    def configuration(self) -> Path:
        return self.data / "strongroom.toml"

    def make(self) -> None:
        """Make what is missing. Refuses a data folder that others may read or that belongs to somebody else."""
        _make_private(self.data, passable=True)
        for folder in (self.credentials, self.tls, self.logs):
            _make_private(folder)
        reachable = os.getuid() != 0 or _others_may_pass(self.data.resolve())
        if not reachable and not (self.data / "postgres.path").exists():
            elsewhere = BEYOND / hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:16]
            elsewhere.mkdir(parents=True, exist_ok=True, mode=0o711)
            (self.data / "postgres.path").write_text(str(elsewhere / "postgres"), encoding="utf-8")
        far = len(str(self.data / "run")) > LONGEST_SOCKET or not reachable
        if far and not (self.data / "run.path").exists():
            short = tempfile.mkdtemp(prefix="strongroom-")  # the name of a socket cannot be long
            (self.data / "run.path").write_text(short, encoding="utf-8")
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
        given = os.environ.get("CREDENTIALS_DIRECTORY")
        for folder in ([Path(given)] if given else []) + [self.credentials]:
            path = folder / name
            if path.exists():
                return _read_private(path)
        raise CannotStart(
            f"The credential {name} is missing.", f"Put it into {self.credentials / name}, mode 0600, and start again."
        )

    def has_credential(self, name: str) -> bool:
        given = os.environ.get("CREDENTIALS_DIRECTORY")
        return (self.credentials / name).exists() or bool(given and (Path(given) / name).exists())

    def keep_credential(self, name: str, secret: Secret) -> None:
        """Write a credential, 0600, as a whole."""
        path = self.credentials / name
        aside = path.with_name(path.name + ".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret.bytes())
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)


def _make_private(folder: Path, *, passable: bool = False) -> None:
    """Ours alone. As root, PostgreSQL's user must pass through (not look into) the folders above its own."""
    mode = 0o711 if passable and os.getuid() == 0 else 0o700
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    state = folder.lstat()
    if folder.is_symlink() or state.st_uid != os.getuid():
        raise CannotStart(
            f"The folder {folder} belongs to somebody else or is a link.", "Choose another folder with --data."
        )
    if state.st_mode & 0o777 != mode:
        folder.chmod(mode)


def _others_may_pass(folder: Path) -> bool:
    """Whether another user may pass through every folder above this one."""
    return all(parent.stat().st_mode & 0o001 for parent in folder.parents)


def _read_private(path: Path) -> Secret:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise CannotStart(f"Others may read the credential {path.name}.", f"Run: chmod 600 {path}")
        value = file.read(65_536)
    value = value.removesuffix(b"\n")
    if not value:
        raise CannotStart(f"The credential {path.name} is empty.", f"Write the secret into {path}.")
    return Secret(value)
