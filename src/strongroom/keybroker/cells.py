"""Cells: 32 bytes for each living key, each overwritable alone (docs/formats/ring-and-cell.md).

A file cell claims NIST SP 800-88 *clear*: one overwrite in place. What a host's snapshots keep is a residual that
SECURITY.md names.
"""

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from strongroom.formats.ring import CELL_BYTES
from strongroom.keybroker.files import flush_folder

EFFACED = bytes(CELL_BYTES)
ASIDE = ".new"


class FileCells:
    """Cells as files in a folder, named by their id in hex."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, id_: bytes, cell: bytes) -> None:
        """A new cell, flushed; refuses to write over one."""
        self.prepare(id_, cell)
        self.settle(id_)
        flush_folder(self._folder)

    def prepare(self, id_: bytes, cell: bytes) -> None:
        """A cell whose key is in no ring yet, flushed, beside its name; refuses to write over one."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(self._aside(id_), flags, 0o600)
        try:
            os.write(descriptor, cell)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        flush_folder(self._folder)

    def settle(self, id_: bytes) -> None:
        """Give a prepared cell its name. Where that is lost with the power, `tidy` does it at the next start."""
        self._aside(id_).rename(self._path(id_))

    def tidy(self, living: Collection[bytes]) -> None:
        """What a killed process left: a cell beside its name belongs to a key in the ring, or to none that was ever
        used; an effaced one without a key only has its name left. A whole cell under its name is not touched, whatever
        ring lies here: the right one may come back.
        """
        names = {id_.hex() for id_ in living}
        for path in list(self._folder.iterdir()):
            if path.suffix == ASIDE and path.stem in names:
                path.rename(path.with_suffix(""))
            elif path.suffix == ASIDE:
                _efface(path)
                path.unlink()
            elif path.name not in names and path.read_bytes() == EFFACED:
                path.unlink()

    def read(self, id_: bytes) -> bytes:
        """The cell's bytes; effaced where it is missing or short, which is as dead."""
        try:
            cell = self._path(id_).read_bytes()
        except FileNotFoundError:
            return EFFACED
        return cell if len(cell) == CELL_BYTES else EFFACED

    def efface(self, id_: bytes) -> None:
        """Overwrite in place, flush, read back. Idempotent. Raises `OSError` where the bytes are not gone."""
        with contextlib.suppress(FileNotFoundError):
            _efface(self._path(id_))

    def unlink(self, id_: bytes) -> None:
        self._path(id_).unlink(missing_ok=True)

    def _path(self, id_: bytes) -> Path:
        return self._folder / id_.hex()

    def _aside(self, id_: bytes) -> Path:
        return self._folder / f"{id_.hex()}{ASIDE}"


def _efface(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, EFFACED, 0)
        os.fsync(descriptor)
        if os.pread(descriptor, CELL_BYTES, 0) != EFFACED:
            raise OSError("a cell was not overwritten")
    finally:
        os.close(descriptor)
