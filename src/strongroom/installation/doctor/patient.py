"""Whom the doctor looks at: one installation on one machine, as it is now. Every place is handed in, so tests plant."""

import fcntl
import os
import platform
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from strongroom.formats.broker import Told
from strongroom.formats.clock import Clock
from strongroom.installation import configuration, description, service
from strongroom.installation.configuration import Configuration
from strongroom.installation.description import Description
from strongroom.installation.folders import Folders
from strongroom.installation.inspector.broker import Broker, Silent
from strongroom.installation.neighbours import PROC
from strongroom.installation.problems import CannotStart

GIB: Final = 1 << 30
BORN_AGAIN_WITHIN: Final = 4.0
"""Seconds that a key broker is waited for whose socket is there."""


class NotHere(Exception):
    """What would be looked at is not part of this installation as it is now; the message says why."""


@dataclass(frozen=True)
class Machine:
    """What of the machine is looked at. packages: the lock file of what should be installed."""

    python: tuple[int, int] = (sys.version_info[0], sys.version_info[1])
    system: str = platform.system()
    proc: Path = PROC
    booted: Path = service.BOOTED
    units: Path = service.UNITS
    packages: Path | None = None
    least_free: int = GIB
    advised_free: int = 10 * GIB

    def lock_file(self) -> Path | None:
        """Beside the sources, else where the package put it, outside the folder whose files are listed."""
        name = "requirements.lock"
        places = (description.PACKAGE.parents[1] / name, Path(sys.prefix) / "share" / "strongroom" / name)
        return self.packages or next((path for path in places if path.exists()), None)


@dataclass(frozen=True)
class Patient:
    """One installation. clock: the machine's, or a rehearsal's in a rehearsal's folder."""

    folders: Folders
    clock: Clock
    machine: Machine = field(default_factory=Machine)

    @property
    def is_rehearsal(self) -> bool:
        return (self.folders.data / "clock").exists()

    @property
    def has_keys(self) -> bool:
        return (self.folders.keys / "ring").exists()

    def installed(self) -> None:
        """Raises `NotHere` where nothing was installed yet."""
        if not self.has_keys:
            raise NotHere("Nothing is installed in this folder yet.")

    @cached_property
    def holder(self) -> int | None:
        """The process that `strongroom up` runs as in this folder; none where nobody holds the folder's lock."""
        try:
            descriptor = os.open(self.folders.data / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            # Shared and for a moment: whoever runs holds it exclusively for as long as it lives.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            words = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            return int(words) if words.isdigit() else 0
        finally:
            os.close(descriptor)
        return None

    @cached_property
    def told(self) -> Told | None:
        """What the key broker says of time and lock; none where it does not answer here. One that is just being born
        again, as after it was locked, is waited for.
        """
        path, until = self.folders.terminal_socket, time.monotonic() + BORN_AGAIN_WITHIN
        while True:
            try:
                return Broker(path=path).time()
            except Silent:
                if not path.exists() or time.monotonic() > until:
                    return None
            time.sleep(0.1)

    @property
    def is_up(self) -> bool:
        return self.holder is not None or self.told is not None

    def running(self) -> None:
        """Raises `NotHere` where Strongroom does not run."""
        if not self.is_up:
            raise NotHere("Strongroom does not run here now.")

    @property
    def now(self) -> int:
        """Believed time in milliseconds: the broker's, else what the clock says."""
        return self.told.at if self.told is not None else int(self.clock.wall() * 1000)

    @cached_property
    def configuration(self) -> Configuration:
        """What is set. Raises `NotHere` where the file itself is at fault, which its own examination says."""
        try:
            return configuration.load(self.folders.configuration)
        except CannotStart:
            raise NotHere("The configuration cannot be read; see settings.file.") from None

    @cached_property
    def description(self) -> Description:
        """What the last start wrote down. Raises `NotHere`, `NotTheirs` or `ValueError`."""
        data = self.folders.data
        try:
            owner = data.stat().st_uid
            return description.read(data, owner)
        except FileNotFoundError:
            raise NotHere("Strongroom was never started in this folder.") from None
        except ValueError:
            raise CannotStart("installation.json cannot be understood.", "Start Strongroom again.") from None
