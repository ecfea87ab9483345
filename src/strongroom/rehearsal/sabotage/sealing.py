"""Sabotage of what is sealed, and of what is printed (ES-1, ES-5)."""

import contextlib
import hashlib
import os
import ssl
import time
import uuid
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from strongroom.application.despatch.printing.printer import Printer
from strongroom.formats.leaf import PURPOSE_AT, Kind
from strongroom.formats.parts import Purpose
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from strongroom.rehearsal.sample_shop import PRINTER_URI

TEXT: Final = b"Mabel Quill, 12 Harbour Road, Quillmarsh QM1 2AB, +44 7700 900123"
PART: Final = 5
ASKED_WITHIN: Final = 20.0


def _row(body: bytes, bundle: bytes, later: int = 0) -> Any:
    """A row beside the sealed ones of a living day that fits its columns; `later`: as many days after the newest."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        with target.unguarded() as sql:
            row = sql.execute(
                "INSERT INTO sealed (account_id, day, order_ref, part, write, born, generation, bundle, body)"
                " SELECT account_id, day + %s, order_ref, %s, 1, born, generation, %s, %s FROM sealed s"
                " WHERE account_id > 0 AND EXISTS (SELECT FROM day_key k WHERE k.account_id = s.account_id"
                " AND k.day = s.day AND k.dropped_at IS NULL) ORDER BY day DESC LIMIT 1"
                " RETURNING account_id, day, order_ref",
                [later, PART, bundle, body],
            ).fetchone()
            assert row is not None  # noqa: S101 - a rehearsal always holds something
            try:
                yield
            finally:
                sql.execute(
                    "DELETE FROM sealed WHERE account_id = %s AND day = %s AND order_ref = %s AND part = %s"
                    " AND write = 1",
                    [*row, PART],
                )

    return act


plain: Final = _row(b"\x01" + TEXT.ljust(128 + 16, b"\x00"), b"\x01" + TEXT.ljust(62))
elsewhere: Final = _row(b"\x01" + os.urandom(128 + 16), b"\x01" + os.urandom(62), later=2)
nobodys: Final = _row(b"\x01" + os.urandom(128 + 16), b"\x01" + os.urandom(62))


@contextlib.contextmanager
def opened_for_no_label(target: Target) -> Iterator[None]:
    """The entry of an opening for a label, of which the print ledger knows nothing."""
    entry = uuid.uuid4()
    with target.unguarded() as sql:
        sql.execute(
            "INSERT INTO entry SELECT o.account_id, %s, e.kind, e.outcome, (SELECT max(at) FROM entry), o.ref, e.by,"
            " overlay(e.payload PLACING %s::bytea FROM %s FOR 1), e.salt FROM entry e, amazon_order o"
            " WHERE e.kind = %s AND o.account_id > 0 AND NOT EXISTS (SELECT FROM label_print l"
            " WHERE l.order_ref = o.ref) LIMIT 1",
            [entry, bytes([Purpose.LABEL]), PURPOSE_AT + 1, Kind.OPENED],
        )
        try:
            yield
        finally:
            sql.execute("DELETE FROM entry WHERE id = %s", [entry])


@contextlib.contextmanager
def another_document(target: Target) -> Iterator[None]:
    """Something that is no label goes to the label printer, past us."""
    folder = target.rehearsal.folders.data / "printer"
    pem = (folder / "server.pem").read_text(encoding="ascii").split("-----END CERTIFICATE-----")[0]
    der = ssl.PEM_cert_to_DER_cert(pem + "-----END CERTIFICATE-----\n")
    device = Printer(folder.with_name(PRINTER_URI).read_text(encoding="utf-8"), hashlib.sha256(der).digest())
    with target.superuser() as sql:
        _asked(sql)
        device.send_document(device.create_job("Customers of this week"), b"%PDF-1.4", "application/pdf")
        try:
            _asked(sql)
            yield
        finally:
            target.rehearsal.printer("forget")
            _asked(sql)


def _asked(sql: psycopg.Connection[Any]) -> None:
    """Until the worker asked the printers once more."""
    before = sql.execute("SELECT max(jobs_at) FROM printer").fetchone()
    sql.execute("UPDATE printer SET asked_at = NULL")
    deadline = time.monotonic() + ASKED_WITHIN
    while sql.execute("SELECT max(jobs_at) FROM printer").fetchone() == before and time.monotonic() < deadline:
        time.sleep(0.05)


SABOTAGE: Final[tuple[Sabotage, ...]] = (
    Sabotage("ES-1", "A row holds plain text that fits its column", plain),
    Sabotage("ES-1", "A row looks sealed, and nobody sealed it", nobodys),
    Sabotage("ES-1", "A row stands in the table of a day that has no key", elsewhere),
    Sabotage("ES-5", "An address is opened for a label that the ledger does not know", opened_for_no_label),
    Sabotage("ES-5", "Another document goes to the label printer", another_document),
)
