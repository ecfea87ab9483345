"""Sabotage of what no file may hold: the probe's words, printed, left lying, packed, in a column (RR-4, LM-3)."""

import base64
import contextlib
import gzip
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from strongroom.formats import probe_words
from strongroom.formats.grade import Role
from strongroom.formats.parts import Part
from strongroom.rehearsal.sabotage.breaking import Act, Sabotage, Target, without_a_trace

PROBE: Final = "SELECT ref FROM amazon_order WHERE account_id = -1 ORDER BY received_at DESC LIMIT 1"
Pack = Callable[[str], bytes]


def _customer(target: Target) -> str:
    """Name and address of the probe, as a line of text would have them."""
    with target.superuser() as sql:
        row = sql.execute(PROBE).fetchone()
    if row is None:
        raise LookupError("the rehearsal has no probe yet")
    told = probe_words.fields(uuid.UUID(str(row[0])))[Part.RECIPIENT]
    return ", ".join(told[name].text() for name in ("name", "line1", "city", "postcode"))


def _in_a_log(program: str, before: str) -> Act:
    """A line at the end of a running program's log, as it would have printed it; then the line is gone again."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        path = target.rehearsal.folders.logs / f"{program}.log"
        line = f"{before}{_customer(target)}\n".encode()
        with path.open("ab") as file:
            file.write(line)
        try:
            yield
        finally:
            with path.open("r+b") as file:  # the program goes on writing behind it, so its bytes are overwritten
                at = file.read().index(line)
                file.seek(at)
                file.write(b"\n" * len(line))

    return act


def _in_a_file(name: str, pack: Pack, *, temporary: bool = False) -> Act:
    """A stray file as the worker would leave it: in the data folder, or where programs put what is temporary."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        rehearsal = target.rehearsal
        # The inspector of a rehearsal searches one folder that stands for those of the machine; one user searches them.
        shared = rehearsal.elsewhere if rehearsal.running.who.is_service else Path(tempfile.gettempdir())
        folder = shared if temporary else rehearsal.folders.data
        path = folder / f"{name}-{uuid.uuid4().hex[:8]}"
        path.touch(mode=0o600)
        path.write_bytes(pack(_customer(target)))
        worker = rehearsal.running.who.roles[Role.WORKER]
        if os.getuid() == 0:
            os.chown(path, worker.uid, worker.gid)
        try:
            yield
        finally:
            path.unlink()

    return act


@contextlib.contextmanager
def in_a_plain_column(target: Target) -> Iterator[None]:
    """A name in a column that is not sealed. What the database wrote beside is destroyed too: old rows and its log."""
    text = _customer(target).partition(",")[0]
    with target.unguarded() as sql:
        row = sql.execute("SELECT ref, service FROM amazon_order WHERE account_id > 0 LIMIT 1").fetchone()
        if row is None:
            raise LookupError("the rehearsal has no order yet")
        change = "UPDATE amazon_order SET service = %s WHERE account_id > 0 AND ref = %s"
        with without_a_trace(sql, "amazon_order"):
            sql.execute(change, [text, row[0]])
            try:
                yield
            finally:
                sql.execute(change, [row[1], row[0]])


def _base64(text: str) -> bytes:
    return base64.encodebytes(b'{"shippingAddress": "' + text.encode() + b'"}')


def _utf16(text: str) -> bytes:
    return text.encode("utf-16")


def _gzip(text: str) -> bytes:
    return gzip.compress(f"rows of a report\n{text}\n".encode() * 20)


SABOTAGE: Final[tuple[Sabotage, ...]] = (
    Sabotage("RR-4", "A temporary file holds a customer", _in_a_file("label", str.encode, temporary=True)),
    Sabotage("RR-4", "A stray file holds a customer in base64", _in_a_file("answer", _base64)),
    Sabotage("RR-4", "A stray file holds a customer in UTF-16", _in_a_file("sheet", _utf16)),
    Sabotage("RR-4", "A stray file holds a customer, packed with gzip", _in_a_file("report.gz", _gzip)),
    Sabotage("RR-4", "A plain column holds a customer", in_a_plain_column),
    Sabotage("RR-4", "An error in the website's log names a customer", _in_a_log("website", "ValueError: ")),
    Sabotage(
        "LM-3", "A warning in the worker's log names a customer",
        _in_a_log("worker", "2026-01-01T00:00:00Z WARNING strongroom.worker: not delivered to "),
        checks=("LM-3.scan",),
    ),
    Sabotage("LM-3", "The database's log repeats a value", _in_a_log("postgres", "DETAIL:  Failing row contains ("),
             checks=("LM-3.lines",)),
)  # fmt: skip
