"""Files that survive a power cut: written aside, flushed, renamed, and the folder flushed."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file as a whole, 0600; after return the new bytes are on the medium, before it the old ones are."""
    write_named_later(path, data)
    flush_folder(path.parent)


def write_named_later(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """The same, of this mode, but that the name is on the medium only when its folder is flushed; the bytes are."""
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, mode)  # whatever the process's mask
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    aside.rename(path)


def flush_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
