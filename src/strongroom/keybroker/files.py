"""Files that survive a power cut: written aside, flushed, renamed, and the folder flushed."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file as a whole, 0600; after return the new bytes are on the medium, before it the old ones are."""
    aside = path.with_name(path.name + ".new")
    descriptor = _write_aside(aside, data, 0o600)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    aside.rename(path)
    flush_folder(path.parent)


def write_open(path: Path, data: bytes, *, mode: int) -> int:
    """Replace a file as a whole, with nothing flushed; its descriptor, for who flushes it."""
    aside = path.with_name(path.name + ".new")
    descriptor = _write_aside(aside, data, mode)
    aside.rename(path)
    return descriptor


def flush_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_aside(aside: Path, data: bytes, mode: int) -> int:
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, mode)  # whatever the process's mask
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
