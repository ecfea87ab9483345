"""A clock that can be moved: real time plus offsets that stand in a small shared file, read by every process.

Wall and boot time move together in a rehearsal; clock drills move one of them. What goes wrong with our machine's clock
alone (a wrong wall, a reboot) is written apart: Amazon's stays right. No production entry point knows it.
"""

import hashlib
import mmap
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from strongroom.formats.clock import SystemClock

SLOTS: Final = 16
_HEADER = struct.Struct(">8sQqqQ")
_WHOLE_AT: Final = 40
"""CRC-32 of the header: whoever reads while it is written must not believe half of it, or zeros."""
_BOOT_AT: Final = 48
_MAGIC: Final = b"SRCLOCK1"
_SLOTS_AT: Final = 64
_MACHINE = struct.Struct(">qqQ")
"""Of our machine alone: how wrong its wall is (ms), boot time of before its last reboot (ms), how many reboots."""
_MACHINE_AT: Final = 256
_SIZE: Final = 4096


class RehearsalClock:
    """`formats.clock.Clock` over the shared file. `acknowledges`: this process writes what it did, the worker alone.

    `elsewhere`: this process stands for another machine, whose clocks are right whatever happens to ours.
    """

    def __init__(self, path: Path, *, acknowledges: bool = False, elsewhere: bool = False) -> None:
        self._system = SystemClock()
        self._elsewhere = elsewhere
        descriptor = os.open(path, (os.O_RDWR if acknowledges else os.O_RDONLY) | os.O_CLOEXEC)
        try:
            self._memory = mmap.mmap(descriptor, _SIZE, access=mmap.ACCESS_WRITE if acknowledges else mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        if self._memory[:8] != _MAGIC:
            raise ValueError(f"{path.name}: not a rehearsal clock")

    def wall(self) -> float:
        return self._system.wall() + (self._read()[0] + self._machine()[0]) / 1000

    def boot(self) -> float:
        return self._system.boot() + (self._read()[1] - self._machine()[1]) / 1000

    def boot_id(self) -> str:
        reboots = self._machine()[2]
        return self._system.boot_id() + (f"+{reboots}" if reboots else "")

    def steps(self) -> int:
        return self._read()[2]

    def acknowledge(self, slot: int, steps: int) -> None:
        """Say that this process did all that was due after so many steps."""
        struct.pack_into(">Q", self._memory, _SLOTS_AT + 8 * slot, steps)

    def acknowledged(self, slot: int) -> int:
        found: int = struct.unpack_from(">Q", self._memory, _SLOTS_AT + 8 * slot)[0]
        return found

    def _read(self) -> tuple[int, int, int]:
        """(wall offset ms, boot offset ms, steps); read again while the driver is writing."""
        while True:
            said = self._memory[: _WHOLE_AT + 8]
            if _checked(said[:_WHOLE_AT]) == said:
                _, _, wall, boot, steps = _HEADER.unpack_from(said)
                return wall, boot, steps

    def _machine(self) -> tuple[int, int, int]:
        """(wall wrong by ms, boot time taken back ms, reboots) of our machine; nothing of it elsewhere."""
        if self._elsewhere:
            return 0, 0, 0
        while True:
            said = self._memory[_MACHINE_AT : _MACHINE_AT + _MACHINE.size + 8]
            if said == bytes(len(said)):
                return 0, 0, 0
            if _checked(said[: _MACHINE.size]) == said:
                wrong, taken, reboots = _MACHINE.unpack_from(said)
                return wrong, taken, reboots


def _checked(header: bytes) -> bytes:
    return header + zlib.crc32(header).to_bytes(8, "big")


class ClockDriver(RehearsalClock):
    """The one process that moves the clock. It tells the true time itself."""

    def __init__(self, path: Path, *, start: float | None = None) -> None:
        """Make the clock's file if there is none; `start`: what the wall says then, seconds since 1970."""
        if not path.exists():
            aside = path.with_name(path.name + ".new")
            offset = 0 if start is None else int((start - SystemClock().wall()) * 1000)
            aside.write_bytes(_checked(_HEADER.pack(_MAGIC, 0, offset, 0, 0)).ljust(_SIZE, b"\0"))
            aside.rename(path)
        super().__init__(path, acknowledges=True, elsewhere=True)
        self._write(self._memory[:_WHOLE_AT])  # what a driver of before left has no checksum
        self._after_reboot()

    def step(self, seconds: float) -> int:
        """Move wall and boot time forward together; returns the number of steps so far."""
        return self._move(wall=seconds, boot=seconds)

    def move_wall(self, seconds: float) -> int:
        return self._move(wall=seconds, boot=0)

    def move_boot(self, seconds: float) -> int:
        return self._move(wall=0, boot=seconds)

    def set_wrong(self, seconds: float) -> int:
        """Our machine's wall says so much more than is true (less, where negative); 0 sets it right."""
        return self._break(lambda _, taken, reboots: (int(seconds * 1000), taken, reboots))

    def reboot(self) -> int:
        """Our machine starts again: boot time begins at 0, under another name."""
        now = int(self.boot() * 1000)
        return self._break(lambda wrong, _, reboots: (wrong, now, reboots + 1))

    def _break(self, change: Callable[[int, int, int], tuple[int, int, int]]) -> int:
        was = self._memory[_MACHINE_AT : _MACHINE_AT + _MACHINE.size]
        changed = _checked(_MACHINE.pack(*change(*_MACHINE.unpack(was))))
        self._memory[_MACHINE_AT : _MACHINE_AT + len(changed)] = changed
        return self._move(wall=0, boot=0)

    def _after_reboot(self) -> None:
        """Boot time began again with the machine, so what was added to it is taken back."""
        now = hashlib.sha256(self.boot_id().encode()).digest()[:8]
        if self._memory[_BOOT_AT : _BOOT_AT + 8] not in (now, bytes(8)):
            self._move(wall=0, boot=-self._read()[1] / 1000)
        self._memory[_BOOT_AT : _BOOT_AT + 8] = now

    def _move(self, *, wall: float, boot: float) -> int:
        _, turn, wall_now, boot_now, steps = _HEADER.unpack_from(self._memory)
        moved = (wall_now + int(wall * 1000), boot_now + int(boot * 1000), steps + 1)
        self._write(_HEADER.pack(_MAGIC, turn + 1, *moved))
        return int(steps + 1)

    def _write(self, header: bytes) -> None:
        """In one copy: `pack_into` would fill the place with zeros first."""
        self._memory[: _WHOLE_AT + 8] = _checked(header)
