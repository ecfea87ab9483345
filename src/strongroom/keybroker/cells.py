"""Cells: 32 bytes for each living key, each overwritable alone (docs/formats/ring-and-cell.md).

A file cell claims NIST SP 800-88 *clear*: one overwrite in place. What a host's snapshots keep is a residual that
SECURITY.md names.
"""

import os
from pathlib import Path

from strongroom.formats.ring import CELL_BYTES
from strongroom.keybroker.files import flush_folder

EFFACED = bytes(CELL_BYTES)


class FileCells:
    """Cells as files in a folder, named by their id in hex."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, id_: bytes, cell: bytes) -> None:
        """A new cell, flushed; refuses to write over one."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(self._path(id_), flags, 0o600)
        try:
            os.write(descriptor, cell)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        flush_folder(self._folder)

    def read(self, id_: bytes) -> bytes:
        """The cell's bytes; effaced where it is missing or short, which is as dead."""
        try:
            cell = self._path(id_).read_bytes()
        except FileNotFoundError:
            return EFFACED
        return cell if len(cell) == CELL_BYTES else EFFACED

    def efface(self, id_: bytes) -> None:
        """Overwrite in place, flush, read back. Idempotent. Raises `OSError` where the bytes are not gone."""
        try:
            descriptor = os.open(self._path(id_), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.pwrite(descriptor, EFFACED, 0)
            os.fsync(descriptor)
            if os.pread(descriptor, CELL_BYTES, 0) != EFFACED:
                raise OSError("a cell was not overwritten")
        finally:
            os.close(descriptor)

    def unlink(self, id_: bytes) -> None:
        self._path(id_).unlink(missing_ok=True)

    def _path(self, id_: bytes) -> Path:
        return self._folder / id_.hex()
