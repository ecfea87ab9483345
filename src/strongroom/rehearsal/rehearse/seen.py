"""What is there after a step, read from outside: rows as a superuser sees them, files, the tree, Amazon's ledger."""

import contextlib
import hmac
import os
import stat
import struct
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import namedtuple_row

from strongroom.formats import broker as wire
from strongroom.formats import house
from strongroom.formats import ring as ring_format
from strongroom.formats.broker import Verb
from strongroom.formats.house import HouseKind
from strongroom.formats.leaf import Leaf
from strongroom.formats.ring import KeyKind, Ring, Unlocks
from strongroom.formats.wire import number
from strongroom.keybroker.secrets import open_envelopes, read_under_house
from strongroom.policy.encryption_and_storage.connection import Connection, Unavailable
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.sabotage.breaking import Target

ACCOUNT: Final = 1
TRIES: Final = 60
QUERIES: Final = {
    "orders": "SELECT ref, order_id, order_hash, state, status, fulfilled_by, updated_at, fulfilled_at, cancelled_at,"
    " done_on, erased_at, sealed_version, received_at, asked_at FROM amazon_order WHERE account_id = 1",
    "sealed": "SELECT order_ref, part, write, day, born FROM sealed WHERE account_id = 1",
    "parts": "SELECT order_ref, part, write, day FROM part WHERE account_id = 1",
    "lines": "SELECT DISTINCT order_ref FROM order_item WHERE account_id = 1"
    " UNION SELECT DISTINCT order_ref FROM parcel_item WHERE account_id = 1",
    "days": "SELECT account_id, day, dropped_at FROM day_key",
    "deadlines": "SELECT id, kind, clause, subject, due_at, opened_at, breached_at, satisfied_at, withdrawn_at,"
    " approval FROM obligation",
    "receiver": "SELECT watermark, failure, answered_at FROM receiver WHERE account_id = 1",
    "calls": "SELECT id, operation, began_at, ended_at, outcome FROM api_call WHERE account_id = 1 ORDER BY began_at",
    "prints": "SELECT id, order_ref, state, job, queued_at FROM label_print WHERE account_id = 1",
    "pending": "SELECT account_id, entry FROM pending",
    "places": "SELECT l.entry, l.index FROM leaf l WHERE l.index >= %(from)s",
    "runs": "SELECT DISTINCT ON (check_id) check_id, outcome, began_at, ended_at FROM run WHERE ended_at IS NOT NULL"
    " ORDER BY check_id, began_at DESC",
}  # fmt: skip


@dataclass
class Seen:
    """One look. `truth`: the true time, `believed`: the broker's, both in seconds; `rows` by the names of QUERIES."""

    truth: float
    believed: float
    locked: bool
    in_doubt: bool
    finished: bool
    """Whether the worker said that it did all that was due after this step, and nothing stood in its way."""
    undisturbed_since: float
    """Since when, in true time, every step was finished."""
    rows: dict[str, list[Any]]
    ledger: dict[str, Any]
    ring: Ring
    cells: set[str]
    tree: PublishedTree
    leaves: list[Leaf]
    """Those that came since the last look."""
    first: int
    """The place of the first of them."""
    printed: int
    changed: list[Path] = field(default_factory=list)

    def at(self) -> datetime:
        return datetime.fromtimestamp(self.believed, UTC)


class Eyes:
    """Looks after each step; keeps what it needs to see only what is new."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._leaves = 0
        self._files: dict[str, tuple[int, int]] = {}
        self._hash_key = b""
        self._called = contextlib.ExitStack()
        self._database: psycopg.Connection[Any] | None = None

    @property
    def cells(self) -> Path:
        return self._rehearsal.folders.keys / "cells"

    def close(self) -> None:
        """Hang up on the database; the next look calls again."""
        self._called.close()

    def look(self, *, finished: bool, undisturbed_since: float) -> Seen:
        """Everything, once; what is down for a moment is waited for."""
        printed = self._rehearsal.printer("printed")  # first: what came out has its leaf already
        told, size = self._told()
        rows = self.rows()
        tree = self._tree(0 if told.locked else size)
        leaves = [tree.leaf(index) for index in range(self._leaves, tree.size)]
        first, self._leaves = self._leaves, tree.size
        folders = self._rehearsal.folders
        return Seen(
            truth=self._rehearsal.clock.wall(), believed=told.at / 1000, locked=told.locked, in_doubt=told.in_doubt,
            finished=finished, undisturbed_since=undisturbed_since, rows=rows,
            ledger=self._rehearsal.control.do("ledger"), ring=ring_format.decode((folders.keys / "ring").read_bytes()),
            cells={path.name for path in (folders.keys / "cells").iterdir()}, tree=tree, leaves=leaves, first=first,
            printed=printed, changed=self._changed(),
        )  # fmt: skip

    def hash_of(self, order_id: str) -> bytes:
        """The keyed hash of one of Amazon's numbers, made from the ring as the broker makes it."""
        if not self._hash_key:
            keys = self._rehearsal.folders.keys
            path = keys / "house" / f"{HouseKind.ORDER_HASH.name.lower()}-1"
            version = house.key_version(path.read_bytes())
            ring = ring_format.decode((keys / "ring").read_bytes())
            row = next(row for row in ring.rows if row.kind is KeyKind.HOUSE and row.day == version)
            key = ring_format.open_row(
                row, unlock=self.unlock_secret(ring), cell=(keys / "cells" / row.cell.hex()).read_bytes()
            )
            self._hash_key = read_under_house(path, HouseKind.ORDER_HASH, key)
        label = b"strongroom/order-hash/v1" + struct.pack(">q", ACCOUNT)
        return hmac.digest(self._hash_key, label + order_id.encode(), "sha256")

    def unlock_secret(self, ring: Ring) -> bytes:
        secret = (self._rehearsal.folders.data / "rehearsal-unlock").read_bytes()
        return open_envelopes(ring, Unlocks.FILE, secret)

    def leaf_now(self, subject: bytes, kind: int) -> int:
        """How many leaves of a kind about this subject lie at this moment in the tree's tail and last full bundles."""
        journal = self._rehearsal.folders.journal
        bundles = sorted((journal / "tile" / "entries").glob("*"))[-3:]
        found = b"".join(path.read_bytes() for path in (*bundles, journal / "tail") if path.is_file())
        return sum(found[at - 19 : at - 17] == struct.pack(">H", kind) for at in _all(found, subject))

    def _told(self) -> tuple[wire.Told, int]:
        """Time and state as the broker tells them, and how many leaves there are; a head over them is signed for us."""
        connection = Connection(path=str(self._rehearsal.running.terminal_socket))
        try:
            for _ in range(TRIES):
                with contextlib.suppress(Unavailable):
                    values = connection.ask(Verb.STATUS)
                    connection.ask(Verb.CHECKPOINT)
                    return wire.parse_told(values[:4]), number(values[5])
                self._rehearsal.running.supervisor.watch()
                time.sleep(0.5)
        finally:
            connection.close()
        raise Unavailable("the key broker did not come back")

    def rows(self) -> dict[str, list[Any]]:
        """What QUERIES ask for; a database that is down for a moment is waited for."""
        for _ in range(TRIES):
            with contextlib.suppress(psycopg.OperationalError):
                return self._read()
            self.close()
            self._rehearsal.running.supervisor.watch()
            time.sleep(0.2)
        raise psycopg.OperationalError("the database did not come back")

    def _read(self) -> dict[str, list[Any]]:
        """All of it as of one moment, in a connection that stays: what is asked after each step is planned once."""
        if self._database is None or self._database.closed:
            self._database = self._called.enter_context(Target(self._rehearsal).superuser())
        with self._database.transaction(), self._database.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("LOCK TABLE sealed IN ACCESS SHARE MODE")  # no moment is of before and after a day's drop
            return {n: cursor.execute(q, {"from": self._leaves}).fetchall() for n, q in QUERIES.items()}

    def _tree(self, size: int) -> PublishedTree:
        """The published tree of at least so many leaves, its head verified: one was signed when it was asked for."""
        journal = self._rehearsal.folders.journal
        for _ in range(TRIES):
            with contextlib.suppress(FileNotFoundError):
                tree = PublishedTree(journal)
                tree.verify_head()
                if tree.size >= size:
                    return tree
            time.sleep(0.05)
        return PublishedTree(journal)

    def _changed(self) -> list[Path]:
        """Files of the installation that are new or other than at the last look; Amazon rightly knows its customers."""
        amazon, found = os.fspath(self._rehearsal.folders.marketplace), []
        folders = [os.fspath(self._rehearsal.folders.data)]
        while folders:
            with contextlib.suppress(OSError), os.scandir(folders.pop()) as there:  # what goes meanwhile is passed over
                for each in there:
                    if each.is_dir(follow_symlinks=False):
                        folders += [each.path] if each.path != amazon else []
                        continue
                    with contextlib.suppress(OSError):
                        state = each.stat(follow_symlinks=False)
                        mark = (state.st_mtime_ns, state.st_size)
                        if stat.S_ISREG(state.st_mode) and self._files.get(each.path) != mark:
                            self._files[each.path] = mark
                            found.append(Path(each.path))
        return found


def _all(data: bytes, wanted: bytes) -> list[int]:
    found, at = [], data.find(wanted)
    while at >= 0:
        found.append(at)
        at = data.find(wanted, at + 1)
    return found
