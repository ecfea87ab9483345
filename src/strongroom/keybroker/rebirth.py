"""Re-execution after a death: the same pid with a fresh heap, so that no old copy of a key stays in it (DESIGN 4).

The unlock secret crosses in anonymous memory that has no name and no file; where the kernel offers it, in memory
that even the kernel's own reads cannot reach (memfd_secret).
"""

import ctypes
import mmap
import os
import sys
from typing import Final

SECRET_BYTES: Final = 32
_MEMFD_SECRET: Final = 447


def hold(secret: bytes) -> int:
    """A descriptor that survives the execution and holds the secret."""
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(_MEMFD_SECRET, 0) if sys.platform == "linux" else -1
    if descriptor < 0:
        descriptor = os.memfd_create("unlock", 0)
    os.set_inheritable(descriptor, True)
    os.ftruncate(descriptor, mmap.PAGESIZE)
    with mmap.mmap(descriptor, mmap.PAGESIZE) as memory:
        memory[:SECRET_BYTES] = secret
    return descriptor


def take(descriptor: int) -> bytes:
    """The secret again; the memory is overwritten and gone."""
    with mmap.mmap(descriptor, mmap.PAGESIZE) as memory:
        secret = bytes(memory[:SECRET_BYTES])
        memory[:SECRET_BYTES] = bytes(SECRET_BYTES)
    os.close(descriptor)
    return secret


def again(module: str, arguments: list[str], keep: list[int]) -> None:
    """Replace this process by a fresh one. Returns never."""
    for descriptor in keep:
        os.set_inheritable(descriptor, True)
    os.execv(sys.executable, [sys.executable, *_interpreter_flags(), "-m", module, *arguments])  # noqa: S606


def _interpreter_flags() -> list[str]:
    return ["-I"] if sys.flags.isolated else []
