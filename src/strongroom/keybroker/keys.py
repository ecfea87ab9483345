"""Living keys: born unlocked, opened by unlocking, dead on time whether or not anybody unlocks (RR-2, ES-3)."""

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from strongroom.formats import ring as format_
from strongroom.formats import sealed
from strongroom.formats.ring import NEVER, KeyKind, Ring, Row
from strongroom.formats.sealed import CannotOpen
from strongroom.keybroker.cells import EFFACED, FileCells
from strongroom.keybroker.files import write_whole

KeyName = tuple[int, int, int]
"""(account, day, generation)."""
MILLISECONDS: Final = 86_400_000


class LockedBuffer:
    """32 bytes that are not swapped where the system allows, and are overwritten when let go."""

    def __init__(self, value: bytes) -> None:
        self.value = bytearray(value)
        _libc_lock(self.value)

    def wipe(self) -> None:
        self.value[:] = bytes(len(self.value))


class KeyRing:
    """The ring's rows and, while unlocked, their keys. Every change of the file is whole and flushed."""

    def __init__(self, folder: Path, *, reached: Callable[[str], None]) -> None:
        self._path = folder / "ring"
        self._cells = FileCells(folder / "cells")
        self._reached = reached
        self.ring = format_.decode(self._path.read_bytes())
        self._cells.tidy({row.cell for row in self.ring.rows})
        self._unlock: LockedBuffer | None = None
        self._keys: dict[tuple[KeyKind, KeyName], LockedBuffer] = {}
        self._derived: dict[tuple[KeyName, int], bytes] = {}

    @property
    def locked(self) -> bool:
        return self._unlock is None

    def unlock_secret(self) -> bytes:
        """U, to be kept over a re-execution; empty while locked."""
        return bytes(self._unlock.value) if self._unlock else b""

    def unlock(self, secret: bytes) -> list[Row]:
        """Open every row with the unlock secret; returns those that did not open. `CannotOpen` if none did."""
        self.lock()
        unopened = []
        for row in self.ring.rows:
            try:
                key = format_.open_row(row, unlock=secret, cell=self._cells.read(row.cell))
            except CannotOpen:
                unopened.append(row)
                continue
            self._keys[row.kind, _name(row)] = LockedBuffer(key)
        if not self._keys:
            raise CannotOpen("this secret opens no key of the ring")
        self._unlock = LockedBuffer(secret)
        return unopened

    def lock(self) -> None:
        """Forget every key in memory; the ring and the cells stay."""
        for buffer in self._keys.values():
            buffer.wipe()
        self._keys.clear()
        self._derived.clear()
        if self._unlock is not None:
            self._unlock.wipe()
            self._unlock = None

    def find(self, kind: KeyKind, account: int, day: int, generation: int) -> Row | None:
        name = (account, day, generation)
        return next((row for row in self.ring.rows if row.kind is kind and _name(row) == name), None)

    def day_keys(self, account: int) -> Iterator[Row]:
        """The account's living day keys that are open, oldest day first."""
        rows = [r for r in self.ring.rows if r.kind is KeyKind.DAY and r.account == account]
        return iter(sorted((r for r in rows if (r.kind, _name(r)) in self._keys), key=lambda r: (r.day, r.generation)))

    def wrap_key(self, account: int, day: int, generation: int) -> bytes:
        """W of a living day; `CannotOpen` where the day is dead or was never."""
        return self._derive((account, day, generation), 0, sealed.wrap_key)

    def index_key(self, account: int, day: int, generation: int, field: int) -> bytes:
        return self._derive((account, day, generation), field, lambda key: sealed.index_key(key, field))

    def house_key(self, version: int) -> bytes:
        return self._key(KeyKind.HOUSE, (0, version, 0))

    def newest_house_key(self) -> Row:
        return max((r for r in self.ring.rows if r.kind is KeyKind.HOUSE), key=lambda r: r.day)

    def bear(self, kind: KeyKind, *, account: int, day: int, generation: int, now: int, life_days: int) -> Row:
        """A new key: cell, then ring, both flushed. The caller writes KEY_BORN before it is used."""
        if self._unlock is None:
            raise CannotOpen("locked")
        cell, key = os.urandom(format_.CELL_BYTES), os.urandom(sealed.KEY_BYTES)
        dies_at = day * MILLISECONDS + life_days * MILLISECONDS if kind is KeyKind.DAY else NEVER
        row = Row(
            kind=kind,
            account=account,
            day=day,
            generation=generation,
            born=now,
            dies_at=dies_at,
            cell=os.urandom(16),
            cell_check=format_.cell_check(cell),
            key_id=sealed.key_id(key),
            token=os.urandom(32),
        )
        row = format_.seal_row(row, key, unlock=bytes(self._unlock.value), cell=cell, nonce=os.urandom(12))
        self._cells.prepare(row.cell, cell)
        self._reached("birth: cell written")
        self._save(replace(self.ring, rows=(*self.ring.rows, row)))
        self._reached("birth: ring written")
        self._cells.settle(row.cell)
        self._keys[kind, _name(row)] = LockedBuffer(key)
        return row

    def dead_or_due(self, now: int, destroyed: Callable[[KeyName], bool]) -> list[Row]:
        """Day keys past their death, already named by a destroy leaf, or whose cell is gone."""
        return [
            row
            for row in self.ring.rows
            if row.kind is KeyKind.DAY
            and (format_.dies_at(row) <= now or destroyed(_name(row)) or not self._cell_is_whole(row))
        ]

    def efface(self, row: Row) -> None:
        """Steps 1 and 2 of a death: the cell overwritten, flushed and read back; the key wiped in memory."""
        self._reached("death: begun")
        self._cells.efface(row.cell)
        self._reached("death: cell effaced")
        buffer = self._keys.pop((row.kind, _name(row)), None)
        if buffer is not None:
            buffer.wipe()
        self._derived = {name: key for name, key in self._derived.items() if name[0] != _name(row)}

    def forget(self, row: Row) -> None:
        """Step 4 of a death, after its leaf: the ring without the row, then the cell's name."""
        self._save(replace(self.ring, rows=tuple(r for r in self.ring.rows if r.cell != row.cell)))
        self._reached("death: row removed")
        self._cells.unlink(row.cell)

    def _cell_is_whole(self, row: Row) -> bool:
        cell = self._cells.read(row.cell)
        return cell != EFFACED and format_.cell_check(cell) == row.cell_check

    def _key(self, kind: KeyKind, name: KeyName) -> bytes:
        buffer = self._keys.get((kind, name))
        if buffer is None:
            raise CannotOpen("that key is gone")
        return bytes(buffer.value)

    def _derive(self, name: KeyName, use: int, derive: Callable[[bytes], bytes]) -> bytes:
        if (name, use) not in self._derived:
            self._derived[name, use] = derive(self._key(KeyKind.DAY, name))
        return self._derived[name, use]

    def _save(self, ring: Ring) -> None:
        write_whole(self._path, format_.encode(ring))
        self.ring = ring


def token_hash(row: Row) -> bytes:
    return hashlib.sha256(row.token).digest()


def _name(row: Row) -> KeyName:
    return row.account, row.day, row.generation


def _libc_lock(buffer: bytearray) -> None:
    """mlock the pages of a buffer; a limit that forbids it is a residual the process states at start."""
    address = (ctypes.c_char * len(buffer)).from_buffer(buffer)
    ctypes.CDLL(None).mlock(ctypes.byref(address), ctypes.c_size_t(len(buffer)))
