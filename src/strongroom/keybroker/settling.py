"""Files that become durable in a thread of their own, while the journal's tail still holds all that they hold.

Descriptors stay open until they are flushed: a medium that failed meanwhile says so to them, and perhaps to no other.
"""

import concurrent.futures
import os
from collections.abc import Iterable
from pathlib import Path

from strongroom.keybroker.files import flush_folder, write_open


class Settling:
    """What was written below a folder and is not known to be on the medium."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._open: list[int] = []
        self._folders: set[Path] = set()
        self._known: set[Path] = set()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "settle")
        self._running: concurrent.futures.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """How many files nobody flushes yet."""
        return len(self._open)

    @property
    def running(self) -> bool:
        return self._running is not None

    def write(self, path: Path, data: bytes, *, mode: int) -> None:
        """Replace a file as a whole; it is durable once a `begin` after this has `ended`."""
        if path.parent not in self._known:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            self._known.add(path.parent)
            self._folders.update(each for each in path.parent.parents if each.is_relative_to(self._top))
        self._open.append(write_open(path, data, mode=mode))
        self._folders.add(path.parent)

    def begin(self) -> None:
        """Flush what was written until now. One at a time."""
        self._running = self._thread.submit(_flush, self._open, frozenset(self._folders))
        self._open, self._folders = [], set()

    def ended(self, *, wait: bool) -> bool:
        """Whether what was begun is durable now. Raises `OSError` where the medium failed."""
        if self._running is None or not (wait or self._running.done()):
            return False
        running, self._running = self._running, None
        running.result()
        return True

    def close(self) -> None:
        """Let go. What is not durable is in the tail."""
        self._thread.shutdown(wait=False)
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()


def _flush(descriptors: Iterable[int], folders: Iterable[Path]) -> None:
    failed: OSError | None = None
    for descriptor in descriptors:
        try:
            os.fsync(descriptor)
        except OSError as why:
            failed = failed or why
        finally:
            os.close(descriptor)
    for folder in folders:
        flush_folder(folder)
    if failed is not None:
        raise failed
