"""Sabotage of logs: the journal's files and rows, what is kept, and the API log (LM-2, LM-4, LM-6)."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.formats import note
from strongroom.formats.tiles import path as tile_path
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target

BODY: Final = '{"name":"Mabel Quill","city":"Quillmarsh"}'


def _flip(level: int | str) -> Any:
    """One bit of a file of the tree that is full and never written again."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        path = target.rehearsal.folders.journal / tile_path(level, 0)
        data = path.read_bytes()
        at = len(data) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        try:
            yield
        finally:
            path.write_bytes(data)

    return act


@contextlib.contextmanager
def an_entry_gone(target: Target) -> Iterator[None]:
    """An entry of the journal, deleted by a superuser; its place in the tree stays."""
    with target.unguarded() as sql:
        names, row = _placed(sql)
        sql.execute("DELETE FROM entry WHERE account_id = %s AND id = %s", [row[0], row[1]])
        try:
            yield
        finally:
            marks = ", ".join(["%s"] * len(row))
            sql.execute(f"INSERT INTO entry ({names}) VALUES ({marks})", list(row))  # noqa: S608 - names of ours


@contextlib.contextmanager
def an_entry_changed(target: Target) -> Iterator[None]:
    """An entry that says something else than was written."""
    with target.unguarded() as sql:
        _, row = _placed(sql)
        payload = bytes(row[-2])
        change = "UPDATE entry SET payload = %s WHERE account_id = %s AND id = %s"
        sql.execute(change, [payload[:-1] + bytes([payload[-1] ^ 1]), row[0], row[1]])
        try:
            yield
        finally:
            sql.execute(change, [payload, row[0], row[1]])


@contextlib.contextmanager
def an_entry_put_in(target: Target) -> Iterator[None]:
    """An entry that nobody gave a place: what it tells never happened."""
    id_ = uuid.uuid4()
    with target.unguarded() as sql:
        sql.execute(
            'INSERT INTO entry SELECT account_id, %s, kind, outcome, at, subject, "by", payload, salt FROM entry'
            " LIMIT 1",
            [id_],
        )
        try:
            yield
        finally:
            sql.execute("DELETE FROM entry WHERE id = %s", [id_])


@contextlib.contextmanager
def leaves_cut_off(target: Target) -> Iterator[None]:
    """The newest bundle that is full, with its tile: leaves that were given out are nowhere any more."""
    folder = target.rehearsal.folders.journal
    last = max(int(path.name) for path in (folder / "tile" / "entries").glob("[0-9][0-9][0-9]"))
    files = [folder / tile_path(level, last) for level in (0, "entries")]
    for path in files:
        path.rename(path.with_name(path.name + ".cut"))
    try:
        yield
    finally:
        for path in files:
            path.with_name(path.name + ".cut").rename(path)


@contextlib.contextmanager
def signed_anew(target: Target) -> Iterator[None]:
    """The same tree under another key: a forger's, who put it beside the tree as well."""
    folder = target.rehearsal.folders.journal
    (vkey,) = folder.glob("*.vkey")
    line, head = vkey.read_text(encoding="utf-8"), (folder / "checkpoint").read_text(encoding="utf-8")
    known = note.parse_verifier_key(line)
    forged = Ed25519PrivateKey.generate()
    text = note.verify(head, known)
    vkey.write_text(note.VerifierKey(known.name, note.public_key(forged)).line() + "\n", encoding="utf-8")
    (folder / "checkpoint").write_text(note.sign(text, known.name, forged), encoding="utf-8")
    try:
        yield
    finally:
        vkey.write_text(line, encoding="utf-8")
        (folder / "checkpoint").write_text(head, encoding="utf-8")


@contextlib.contextmanager
def nobody_gives_places(target: Target) -> Iterator[None]:
    """The sequencer may not write: entries wait for their place, and time goes on."""
    with target.unguarded() as sql:
        (id_,) = _one(sql, "SELECT id FROM entry WHERE account_id = 0 AND at < (SELECT max(at) FROM entry)"
                           " - interval '10 minutes' ORDER BY at DESC LIMIT 1")  # fmt: skip
        sql.execute("REVOKE DELETE ON pending FROM strongroom_worker")
        sql.execute("INSERT INTO pending (account_id, entry) VALUES (0, %s)", [id_])
        try:
            yield
        finally:
            sql.execute("DELETE FROM pending WHERE account_id = 0 AND entry = %s", [id_])
            sql.execute("GRANT DELETE ON pending TO strongroom_worker")


@contextlib.contextmanager
def places_dropped_early(target: Target) -> Iterator[None]:
    """Somebody signs in; the month's partition of where that was is dropped, long before its term."""
    rehearsal = target.rehearsal
    with contextlib.closing(Browser(rehearsal.running.address, rehearsal.folders.tls / "ca.pem")) as browser:
        browser.sign_in(rehearsal.people()["auditor"])
    with dropped_early(target):
        yield


@contextlib.contextmanager
def dropped_early(target: Target) -> Iterator[None]:
    """Every month's partition, rows and all; put back row by row."""
    with target.superuser() as sql:
        rows = sql.execute("SELECT session, at, agent, place FROM sign_in_detail").fetchall()
        months = sql.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'sign_in_detail'::regclass AND c.relkind = 'r'"
        ).fetchall()
        for (name,) in months:
            sql.execute(f"DROP TABLE {name}")
        try:
            yield
        finally:
            with target.as_role("owner") as owner:
                for row in rows:
                    owner.execute("SELECT note_sign_in(%s, %s, %s, %s)", list(row))


@contextlib.contextmanager
def calls_gone(target: Target) -> Iterator[None]:
    """A call that the journal names, deleted from the API log."""
    with target.unguarded() as sql:
        (id_,) = _one(
            sql, "SELECT c.id FROM entry e JOIN api_call c ON c.account_id = e.account_id"
            " AND position(uuid_send(c.id) IN e.payload) > 0"
            " WHERE e.kind = 40 AND e.account_id > 0 LIMIT 1",
        )  # fmt: skip
        sql.execute("CREATE TABLE call_aside AS SELECT * FROM api_call WHERE id = %s", [id_])
        sql.execute("DELETE FROM api_call WHERE id = %s", [id_])
        try:
            yield
        finally:
            sql.execute("INSERT INTO api_call SELECT * FROM call_aside")
            sql.execute("DROP TABLE call_aside")


@contextlib.contextmanager
def a_body_in_a_row(target: Target) -> Iterator[None]:
    """A piece of an answer in a column of the API log that is for Amazon's request id."""
    with target.unguarded() as sql:
        id_, was = _one(sql, "SELECT id, request_id FROM api_call WHERE account_id > 0 ORDER BY began_at LIMIT 1")
        sql.execute("UPDATE api_call SET request_id = %s WHERE id = %s", [BODY, id_])
        try:
            yield
        finally:
            sql.execute("UPDATE api_call SET request_id = %s WHERE id = %s", [was, id_])


@contextlib.contextmanager
def a_column_for_bodies(target: Target) -> Iterator[None]:
    """A new column of the API log for what was answered."""
    with target.as_role("owner") as sql:
        sql.execute("ALTER TABLE api_call ADD COLUMN body text")
        try:
            yield
        finally:
            sql.execute("ALTER TABLE api_call DROP COLUMN body")


@contextlib.contextmanager
def a_call_without_an_end(target: Target) -> Iterator[None]:
    """A call that began hours ago and never ended."""
    id_ = uuid.uuid4()
    with target.unguarded() as sql:
        sql.execute(
            "INSERT INTO api_call (account_id, id, operation, began_at, outcome) SELECT account_id, %s, 'getOrder',"
            " (SELECT max(at) FROM entry) - interval '3 hours', 'begun' FROM api_call WHERE account_id > 0 LIMIT 1",
            [id_],
        )
        try:
            yield
        finally:
            sql.execute("DELETE FROM api_call WHERE id = %s", [id_])


def _placed(sql: psycopg.Connection[Any]) -> tuple[str, tuple[Any, ...]]:
    """An entry that has its place for long, whole: the columns' names, and their values."""
    names = 'account_id, id, kind, outcome, at, subject, "by", payload, salt'
    row = _one(
        sql, f"SELECT {names} FROM entry e WHERE EXISTS (SELECT FROM leaf l WHERE l.account_id = e.account_id"  # noqa: S608
        " AND l.entry = e.id) AND octet_length(payload) > 80 ORDER BY at LIMIT 1",
    )  # fmt: skip
    return names, row


def _one(sql: psycopg.Connection[Any], query: str, *values: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = sql.execute(query, list(values)).fetchone()
    if row is None:
        raise LookupError("the rehearsal has nothing to break here yet")
    return row


SABOTAGE: Final[tuple[Sabotage, ...]] = (
    Sabotage("LM-2", "A bit of a tile of the tree is flipped", _flip(0)),
    Sabotage("LM-2", "A bit of a leaf is flipped", _flip("entries")),
    Sabotage("LM-2", "An entry is deleted", an_entry_gone),
    Sabotage("LM-2", "An entry is changed", an_entry_changed),
    Sabotage("LM-2", "An entry is put in that has no place", an_entry_put_in),
    Sabotage("LM-2", "The newest whole bundle of leaves is cut off", leaves_cut_off),
    Sabotage("LM-2", "The tree is signed anew with another key", signed_anew),
    Sabotage("LM-2", "Entries wait for their place", nobody_gives_places),
    Sabotage("LM-4", "Places of sign-ins are dropped early", places_dropped_early),
    Sabotage("LM-4", "A call that the journal names is deleted", calls_gone),
    Sabotage("LM-4", "An entry of the last year is deleted", an_entry_gone, checks=("LM-4.entries",)),
    Sabotage("LM-6", "A body stands in the log", a_body_in_a_row),
    Sabotage("LM-6", "The log gets a column for bodies", a_column_for_bodies),
    Sabotage("LM-6", "A call never ends", a_call_without_an_end),
)
