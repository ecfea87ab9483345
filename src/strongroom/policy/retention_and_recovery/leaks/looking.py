"""One thing looked at: its bytes, what is packed in them, and what is packed in that, within limits.

Every file is hostile. A limit that is reached, or a container that cannot be opened, is written down: what was not
seen is unknown, never clean.
"""

import errno
import hashlib
import os
import stat
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.policy.retention_and_recovery.leaks import leveldb, pdf, postgres, sqlite, streams
from strongroom.policy.retention_and_recovery.leaks.engine import Engine
from strongroom.policy.retention_and_recovery.leaks.sources import BytesSource, FileSource, Source, Window
from strongroom.policy.retention_and_recovery.leaks.streams import CannotLookInside

LEAST: Final = 8
"""Fewer bytes hold no needle."""
MOST_KNOWN: Final = 200_000
MALFORMED: Final = (IndexError, ValueError, OverflowError, struct.error)
"""What a decoder says of numbers that make no sense."""


@dataclass(frozen=True)
class Limits:
    """chunk: bytes read at once. piece: of a stream kept in memory at once. The others are for each file.

    depth: containers within each other. expanded: bytes unpacked. streams: tries. seconds: spent on unpacking.
    """

    chunk: int = 4 << 20
    piece: int = 64 << 20
    depth: int = 6
    expanded: int = 1 << 30
    streams: int = 100_000
    seconds: float = 120.0


@dataclass(frozen=True, order=True)
class Hit:
    """A canary found: where (a path, then what it was packed in), which and in what form. Never the text."""

    path: str
    canary: str
    form: str


@dataclass
class Seen:
    """What was looked at so far."""

    hits: set[Hit] = field(default_factory=set)
    unknown: dict[str, str] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    unpacked: int = 0
    vanished: int = 0


class NotReadable(Exception):
    """A stream that cannot be read, with the reason: what it holds is unknown."""


class _Spent(Exception):
    """A limit for one file is reached."""


class _Budget:
    """What one file may cost."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = self._streams = 0
        self._until = time.monotonic() + limits.seconds

    def one_more(self) -> None:
        self._streams += 1
        if self._streams > self._limits.streams:
            raise _Spent(f"more than {self._limits.streams} streams inside")
        if time.monotonic() > self._until:
            raise _Spent(f"unpacking took more than {self._limits.seconds:.0f} s")

    def take(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self._limits.expanded:
            raise _Spent(f"unpacks to more than {self._limits.expanded} bytes")


@dataclass(frozen=True)
class _Look:
    """What is being looked at: its bytes, its trail of containers, how deep, and whether more follows its end."""

    source: Source
    trail: str
    budget: _Budget
    depth: int = 0
    cut: bool = False
    log: bool = False


class Scanner:
    """Looks at files and streams with one engine and keeps what it saw. For one thread."""

    def __init__(self, engine: Engine, limits: Limits | None = None) -> None:
        self._engine = engine
        self._limits = limits or Limits()
        self._overlap = 2 * engine.longest + 64
        self._finds = 0
        self._clean: set[bytes] = set()
        self.seen = Seen()

    def file(self, path: Path) -> None:
        """A file's name and its bytes. One that is gone meanwhile is counted; one that cannot be read is unknown."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as why:
            self.not_read(str(path), why)
            return
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                source: Source = FileSource(descriptor)
                if source.size <= self._limits.chunk:  # read once; most files are small
                    source = BytesSource(source.read(0, source.size))
                self._top(source, str(path))
                self.seen.files += 1
        except OSError as why:
            self.not_read(str(path), why)
        finally:
            os.close(descriptor)

    def data(self, name: str, data: bytes) -> None:
        """Bytes from elsewhere than a file, such as a name or a process's arguments."""
        self._top(BytesSource(data), name)

    def pieces(self, name: str, pieces: Iterable[bytes]) -> None:
        """A stream of unknown length, such as a table's rows."""
        buffer, budget = bytearray(), _Budget(self._limits)
        try:
            for piece in pieces:
                buffer += piece
                if len(buffer) >= self._limits.piece:
                    self._all_of(_Look(BytesSource(buffer), name, budget, cut=True))
                    self.seen.bytes += len(buffer) - self._overlap
                    buffer = buffer[-self._overlap :]
        except NotReadable as why:
            self.not_known(name, str(why))
        self._all_of(_Look(BytesSource(buffer), name, budget))
        self.seen.bytes += len(buffer)

    def not_known(self, name: str, reason: str) -> None:
        self.seen.unknown.setdefault(name, reason)

    def not_read(self, name: str, why: OSError) -> None:
        """What the system said when something was to be read."""
        if why.errno in (errno.ENOENT, errno.ESRCH):
            self.seen.vanished += 1
        elif why.errno != errno.ELOOP:  # became a link since it was listed; links are looked at as links
            self.not_known(name, f"cannot be read: {why.strerror}")

    def _top(self, source: Source, name: str) -> None:
        self._all_of(_Look(source, name, _Budget(self._limits)))
        self.seen.bytes += source.size

    def _all_of(self, look: _Look) -> None:
        try:
            self._into(look)
        except _Spent as why:
            self.not_known(look.trail.partition("!")[0], str(why))

    def _into(self, look: _Look) -> None:
        """The bytes themselves first: they are seen whatever the rest holds."""
        self._unpack(look, self._pass(look))
        try:
            self._by_format(look, look.source, look.trail)
        except MALFORMED:
            self.not_known(look.trail, "is malformed")

    def _pass(self, look: _Look) -> list[tuple[str, int]]:
        """All bytes, in blocks that overlap by more than the longest needle. Returns marks, in order, each once."""
        packed_log = postgres.is_log(look.source.read(0, 64))  # looked into where its records are whole
        marks: list[tuple[str, int]] = []
        for begins, ends in look.source.extents():
            at = max(0, begins)
            while at < ends:
                data = look.source.read(at, min(self._limits.chunk + self._overlap, ends - at))
                if not data:
                    break
                last = at + len(data) >= ends
                new = len(data) if last else self._limits.chunk
                marks += [(kind, at + offset) for kind, offset in self._block(look, data, packed_log) if offset < new]
                if last:
                    break
                at += self._limits.chunk
        return marks

    def _block(self, look: _Look, data: bytes, packed_log: bool) -> list[tuple[str, int]]:
        """One block: what is found in it, and where something begins that is to be looked into."""
        seen = self._engine.scan(data)
        self._found(look.trail, seen.needles)
        if look.depth == 0 and (joined := _lines_joined(data)):
            self._found(f"{look.trail}!lines joined", self._engine.scan(joined).needles)
        marks = [mark for mark in seen.marks if mark[0] != "page"]
        pages = [offset for kind, offset in seen.marks if kind == "page"]
        too_many = seen.too_many
        if look.log or (pages and not packed_log):
            rows = self._engine.data_marks(data)
            too_many = too_many or rows.too_many
            marks += postgres.likely(data, rows.marks, None if look.log else pages[0])
            marks.sort(key=lambda mark: mark[1])
        if too_many:
            self.not_known(look.trail, "more places than can be looked into seem to begin a stream")
        return marks

    def _found(self, trail: str, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._finds += 1
            needle = self._engine.needles[number]
            self.seen.hits.add(Hit(trail, needle.canary, needle.form))

    def _unpack(self, look: _Look, marks: list[tuple[str, int]]) -> None:
        chunks, done = postgres.Chunks(), 0
        for kind, offset in marks:
            if kind == "toast":
                chunks.met(look.source, offset)
            elif kind in ("pglz", "lz4 datum"):
                self._datum(look, kind, *postgres.datum(look.source, offset))
            elif offset >= done:
                look.budget.one_more()
                done = max(done, self._opened(look, kind, offset))
        self._batched(look, "toast", self._values(look, chunks))

    def _values(self, look: _Look, chunks: postgres.Chunks) -> Iterator[bytes]:
        """Values in chunks as they are; those that were compressed are unpacked on the way."""
        for first, piece in chunks.values(look.source):
            yield piece
            if first == 0 and len(piece) > 4:
                self._datum(look, "toast", piece[4:], int.from_bytes(piece[:4], "little"), exact=False)

    def _datum(self, look: _Look, kind: str, payload: bytes, info: int, *, exact: bool = True) -> None:
        """One value that the database packed. The same stands in many places, so what was clean once is known."""
        known = hashlib.blake2b(payload, digest_size=16).digest()
        if known in self._clean:
            return
        out, before = postgres.unpacked(payload, info, exact=exact), self._finds
        look.budget.take(len(out))
        self._inside(look, kind, out)
        if self._finds == before and len(self._clean) < MOST_KNOWN:
            self._clean.add(known)

    def _opened(self, look: _Look, kind: str, offset: int) -> int:
        """A stream or a member at this offset; where it ends, if it was seen to end."""
        try:
            match kind:
                case "tar":
                    member = streams.tar_member(look.source, offset)
                    if member is not None:
                        self._member(look, kind, member)
                    return 0
                case "pdf":
                    self._pdf(look, offset)
                    return 0
                case "zip":
                    member = streams.zip_member(look.source, offset)
                    if member is None:
                        return 0
                    if member.method == streams.STORED:
                        self._member(look, kind, member)
            return self._expanded(look, kind, offset)
        except CannotLookInside as why:
            self.not_known(look.trail, f"holds {why}")
        except MALFORMED:
            self.not_known(look.trail, f"holds a malformed {kind}")
        return 0

    def _expanded(self, look: _Look, kind: str, offset: int) -> int:
        state, pieces = streams.expand(kind, look.source, offset)
        buffer, deeper = bytearray(), look.depth < self._limits.depth
        for piece in pieces:
            look.budget.take(len(piece))
            buffer += piece
            if not deeper:
                break
            if len(buffer) >= self._limits.piece:
                self._inside(look, kind, buffer, cut=True)
                buffer = buffer[-self._overlap :]
        if not deeper and len(buffer) >= LEAST and (kind != "zlib" or len(buffer) > 64):
            self.not_known(look.trail, f"containers within each other beyond {self._limits.depth}")
        if deeper:
            self._inside(look, kind, buffer)
        broken = not state.ended and state.ends_at > offset
        if broken and look.cut and state.ends_at >= look.source.size:
            self.not_known(look.trail, "a stream inside goes on beyond what is kept in memory")
        elif broken and offset == 0 and deeper and kind != "zlib":
            self.not_known(look.trail, f"a damaged {kind} stream")
        return state.ends_at if state.ended else 0

    def _inside(self, look: _Look, kind: str, data: bytes | bytearray, *, cut: bool = False, log: bool = False) -> None:
        """Bytes that were packed, looked at like any."""
        if len(data) >= LEAST:
            self.seen.unpacked += len(data)
            self._into(_Look(BytesSource(data), f"{look.trail}!{kind}", look.budget, look.depth + 1, cut=cut, log=log))

    def _member(self, look: _Look, kind: str, member: streams.Member) -> None:
        """A member that is stored as it is was seen with the archive; only what its format hides is left."""
        window = Window(look.source, member.begins, member.size)
        self._by_format(look, window, f"{look.trail}!{kind}")

    def _pdf(self, look: _Look, offset: int) -> None:
        data = look.source.read(offset, pdf.MOST)
        end = data.rfind(b"%%EOF")
        following = data.find(b"%PDF-", 5)
        data = data[: following if following > 0 else end if end > 0 else len(data)]
        for view in pdf.views(data, self._limits.piece):
            look.budget.take(len(view))
            self._inside(look, "pdf", view)

    def _by_format(self, look: _Look, source: Source, trail: str) -> None:
        """What a format cuts up or packs by its own rules. `source` begins where such a file begins."""
        head = source.read(0, 64)
        for magic, name in streams.SEALED_FORMATS.items():
            if head.startswith(magic):
                self.not_known(trail, f"is {name}, which is not decoded")
        inner = _Look(source, trail, look.budget, look.depth)
        if postgres.is_log(head):
            for run, starts in postgres.log_runs(source):
                self._inside(inner, "wal", run, log=True)
                self._batched(inner, "wal!page", postgres.page_images(run, starts))
        elif head.startswith(sqlite.MAGIC):
            self._batched(inner, "sqlite", sqlite.overflowing_values(source))
        elif source.size >= 48 and source.read(source.size - 8, 8) == leveldb.MAGIC:
            self._batched(inner, "leveldb", leveldb.packed_blocks(source))
        elif leveldb.is_log(trail, head):
            self._batched(inner, "leveldb", leveldb.records(source))

    def _batched(self, look: _Look, kind: str, values: Iterator[bytes]) -> None:
        """Many small values put together, with zeros between, so that each costs no pass of its own."""
        buffer = bytearray()
        for value in values:
            look.budget.take(len(value))
            buffer += value + bytes(16)
            if len(buffer) >= self._limits.chunk:
                self._inside(look, kind, buffer)
                buffer = bytearray()
        self._inside(look, kind, buffer)


def _lines_joined(data: bytes) -> bytes:
    """Text without its line breaks, and without the = that quoted-printable puts before them: words they cut in two."""
    sample = data[:1024]
    if b"\n" not in sample or b"\0" in sample:
        return b""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if b"=" in data and b"=\n" in data:
        data = data.replace(b"=\n", b"")
    return data.replace(b"\n", b"")
