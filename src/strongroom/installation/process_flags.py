"""Flags for our child processes: their own uid, no core dumps, not traceable, gone when the supervisor is (Linux)."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from strongroom.installation.identities import Identity

_PDEATHSIG: Final = 1
_DUMPABLE: Final = 4
_KEEPCAPS: Final = 8
_CAPBSET_DROP: Final = 24
_NO_NEW_PRIVS: Final = 38
_CAP_AMBIENT: Final = 47
_CAP_AMBIENT_RAISE: Final = 2
_CAPABILITY_VERSION_3: Final = 0x20080522
_CLONE_NEWNET: Final = 0x40000000
_CLONE_NEWNS: Final = 0x00020000
_MS_REC_PRIVATE: Final = 0x4000 | 0x40000
LAST_CAPABILITY: Final = 63
# Loaded here and not between fork and exec, where loading may wait for a lock that no thread is left to let go.
_LIBC: Final[Any] = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Capability(IntEnum):
    """The few rights of root that a process of ours may keep."""

    DAC_READ_SEARCH = 2
    NET_BIND_SERVICE = 10
    SYS_PTRACE = 19


@dataclass(frozen=True)
class Life:
    """What a child becomes before its program begins. `identity` None: who its parent is, with its rights."""

    identity: Identity | None = None
    capabilities: tuple[Capability, ...] = ()
    without_network: bool = False
    locks_memory: bool = False


def harden() -> None:
    """What web and worker ask for before they hold anything (DESIGN 2). Nothing but core dumps outside Linux."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _LIBC is not None:
        _LIBC.prctl(_DUMPABLE, 0, 0, 0, 0)
        _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def die_with_parent(name: signal.Signals = signal.SIGTERM, life: Life | None = None) -> Callable[[], None]:
    """For Popen's `preexec_fn`: no core dumps, no new rights, and a signal when the parent dies, however it dies.

    A changed uid clears that wish, so it is made last. The system counts the *thread* that started the child as its
    parent: start children from a thread that lives as long as they should.
    """
    parent = os.getpid()
    wanted = life or Life()

    def before_exec() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if wanted.identity is not None:
            _become(wanted.identity, wanted)
        if _LIBC is not None:
            _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
            _LIBC.prctl(_PDEATHSIG, int(name), 0, 0, 0)
            if os.getppid() != parent:  # it died before the wish was made, so no signal will come
                os._exit(1)

    return before_exec


def leave_the_machine() -> bool:
    """This thread, and whoever it starts, goes on with a network and mounts of its own; false where it may not.

    The network has no device but the loopback, which is down. What is mounted from here on ends with the last of them.
    """
    if _LIBC is None or _LIBC.unshare(_CLONE_NEWNET | _CLONE_NEWNS) != 0:
        return False
    _checked(_LIBC.mount(b"none", b"/", None, _MS_REC_PRIVATE, None))
    return True


def _become(identity: Identity, life: Life) -> None:
    """Root gives up what it is, but for the named capabilities. Raises where the system does not let it."""
    if life.locks_memory:
        _unlimited_locks()
    if life.without_network:
        _LIBC.unshare(_CLONE_NEWNET)  # more than is promised, so nothing is lost where a container forbids it
    for number in range(LAST_CAPABILITY + 1):
        if number not in life.capabilities:
            _LIBC.prctl(_CAPBSET_DROP, number, 0, 0, 0)
    if life.capabilities:
        _checked(_LIBC.prctl(_KEEPCAPS, 1, 0, 0, 0))
    os.umask(0o022)  # what is closed says so itself; what others should read must not depend on who started us
    os.setgroups(list(identity.groups))
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
    if life.capabilities:
        _keep(life.capabilities)


def _keep(capabilities: Sequence[Capability]) -> None:
    """Permitted, effective, inheritable and ambient: so they outlive the exec of an ordinary program."""
    mask = sum(1 << number for number in capabilities)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)
    _checked(_LIBC.capset(header, sets))
    for number in capabilities:
        _checked(_LIBC.prctl(_CAP_AMBIENT, _CAP_AMBIENT_RAISE, int(number), 0, 0))


def _unlimited_locks() -> None:
    """So that the key broker may keep all of its memory out of swap; a container may forbid it."""
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, OSError):
        return


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
