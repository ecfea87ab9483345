"""Sabotage of access: rights, sessions, factors, locks, leavers and alarms, by whoever holds the database."""

import contextlib
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from strongroom.formats import broker as wire
from strongroom.formats import leaf
from strongroom.formats.broker import Located, ToOpen, Verb
from strongroom.formats.grade import Role
from strongroom.formats.leaf import Fact, Kind, Outcome
from strongroom.formats.parts import OPENS, Part, Purpose
from strongroom.formats.sealed import Day, Place
from strongroom.formats.wire import i64, u8
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage.connection import PATIENCE, Connection, values_of
from strongroom.rehearsal.sabotage.breaking import Act, Sabotage, Target

PACKER: Final = "packer3@rehearsal.invalid"
LEAVER: Final = "packer9@rehearsal.invalid"
SESSION: Final = """
INSERT INTO signed_in (id, person_id, began_at, seen_at, factor)
SELECT %s, id, created_at, created_at, %s FROM person WHERE email = %s
"""
ENTRY: Final = """
INSERT INTO entry (account_id, id, kind, outcome, at, subject, by, payload, salt)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
GRANT: Final = """
INSERT INTO role_grant (person_id, role, reason, granted_at, approved_at)
SELECT id, %s, 1, created_at, created_at FROM person WHERE {} RETURNING id
"""
ALARM: Final = """
INSERT INTO alarm (account_id, id, kind, subject, count, level, raised_at, closed_at)
SELECT 0, %s, 'probe failed', %s, 1, 2, max(at) - interval '1 hour', CASE WHEN %s THEN max(at) END FROM entry
WHERE account_id = 0
"""

ASKS: Final = """
import socket, sys
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[1])
there.sendall(sys.stdin.buffer.read())
answer = there.makefile("rb")
sys.stdout.buffer.write(answer.read(int.from_bytes(answer.read(4), "big")))
"""
"""One frame to the key broker's socket, and its answer, by whoever runs this."""


def _by_sql(does: str, undoes: str) -> Act:
    """Statements of a superuser, guards aside, and those that put it back."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        with target.unguarded() as sql:
            sql.execute(does)
            try:
                yield
            finally:
                sql.execute(undoes)

    return act


def _set(table: str, column: str, value: str, where: str) -> Act:
    """A column of some rows, changed to what an expression says, and put back row by row."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        with target.unguarded() as sql:
            key = sql.execute(
                "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
                " WHERE indrelid = %s::regclass AND indisprimary", [table],
            ).fetchone()  # fmt: skip
            name = key[0]  # type: ignore[index]
            rows = sql.execute(f"SELECT {name}, {column} FROM {table} WHERE {where}").fetchall()  # noqa: S608
            assert rows  # noqa: S101 - a rehearsal has what is broken here
            sql.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}")  # noqa: S608
            try:
                yield
            finally:
                for id_, before in rows:
                    sql.execute(f"UPDATE {table} SET {column} = %s WHERE {name} = %s", [before, id_])  # noqa: S608

    return act


widen_a_role: Final = _by_sql(
    "GRANT SELECT ON sealed TO strongroom_auditor", "REVOKE SELECT ON sealed FROM strongroom_auditor"
)
become_the_owner: Final = _by_sql(
    "GRANT strongroom_owner TO strongroom_web", "REVOKE strongroom_owner FROM strongroom_web"
)
journal_refuses: Final = _by_sql(
    "REVOKE INSERT ON entry FROM strongroom_web", "GRANT INSERT ON entry TO strongroom_web"
)
forget_passwords: Final = _by_sql(
    "ALTER TABLE person DISABLE TRIGGER password_is_remembered",
    "ALTER TABLE person ENABLE TRIGGER password_is_remembered",
)
old_password: Final = _set("person", "password_set_at", "password_set_at - interval '2 years'", f"email = '{PACKER}'")
old_credential: Final = _set("credential", "since", "since - interval '2 years'", "name = 'amazon-client-secret'")
lock_without_a_case: Final = _set("person", "locked_at", "created_at", f"email = '{PACKER}'")
drop_the_counter: Final = _by_sql(
    "CREATE FUNCTION sabotage_forget() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN NEW.count := 0; RETURN NEW; END';"
    "CREATE TRIGGER sabotage_forget BEFORE INSERT OR UPDATE ON attempts"
    " FOR EACH ROW EXECUTE FUNCTION sabotage_forget()",
    "DROP FUNCTION sabotage_forget() CASCADE",
)
sessions_do_not_end: Final = _by_sql(
    "CREATE FUNCTION sabotage_live() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN NEW.ended_at := NULL; RETURN NEW; END';"
    "CREATE TRIGGER sabotage_live BEFORE UPDATE ON signed_in FOR EACH ROW EXECUTE FUNCTION sabotage_live()",
    "DROP FUNCTION sabotage_live() CASCADE",
)


def _session(whose: str, factor: int) -> Act:
    """A session that lives, of somebody who should have none."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        id_ = definitions.reference()
        with target.unguarded() as sql:
            sql.execute(SESSION, [id_, factor, whose])
            try:
                yield
            finally:
                sql.execute("DELETE FROM signed_in WHERE id = %s", [id_])

    return act


@contextlib.contextmanager
def two_at_once(target: Target) -> Iterator[None]:
    """What keeps it to one session a person is dropped, and somebody is signed in twice."""
    ids = [definitions.reference(), definitions.reference()]
    with target.unguarded() as sql:
        sql.execute("DROP INDEX signed_in_is_one_a_person")
        try:
            for id_ in ids:
                sql.execute(SESSION, [id_, 2, PACKER])
            yield
        finally:
            sql.execute("DELETE FROM signed_in WHERE id = ANY (%s)", [ids])
            sql.execute("CREATE UNIQUE INDEX signed_in_is_one_a_person ON signed_in (person_id) WHERE ended_at IS NULL")


def _grant(whose: str, role: str) -> Act:
    """A role, approved and in force, that nobody proposed."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        with target.unguarded() as sql:
            (id_,) = _one(sql, GRANT.format(whose), role)
            try:
                yield
            finally:
                sql.execute("DELETE FROM role_grant WHERE id = %s", [id_])

    return act


@contextlib.contextmanager
def one_factor(target: Target) -> Iterator[None]:
    """Somebody's app is removed; their password is an hour old."""
    with target.unguarded() as sql:
        rows = sql.execute(
            "DELETE FROM mfa_authenticator f USING person p WHERE p.id = f.user_id AND p.email = %s RETURNING f.id,"
            " f.type, f.data::text, f.user_id, f.created_at, f.last_used_at", [PACKER],
        ).fetchall()  # fmt: skip
        shift = "UPDATE person SET password_set_at = password_set_at {} interval '1 hour' WHERE email = %s"
        sql.execute(shift.format("-"), [PACKER])
        try:
            yield
        finally:
            sql.execute(shift.format("+"), [PACKER])
            for row in rows:
                sql.execute(
                    "INSERT INTO mfa_authenticator (id, type, data, user_id, created_at, last_used_at)"
                    " VALUES (%s, %s, %s::jsonb, %s, %s, %s)", row,
                )  # fmt: skip


@contextlib.contextmanager
def on_no_device(target: Target) -> Iterator[None]:
    """An address was opened in a session on no recorded device."""
    with target.unguarded() as sql:
        account, ref, by, at = _one(
            sql,
            "SELECT o.account_id, o.ref, r.reference, (SELECT max(at) FROM entry) FROM amazon_order o,"
            " person_reference r JOIN person p ON p.id = r.person WHERE o.account_id > 0 AND p.email = %s LIMIT 1",
            "support@rehearsal.invalid",
        )  # fmt: skip
        entry = _opening(account, ref.bytes, by.bytes, definitions.milliseconds(at), Purpose.CALL_BACK, 1)
        _write(sql, entry, os.urandom(leaf.SALT_BYTES))
        try:
            yield
        finally:
            sql.execute("DELETE FROM entry WHERE account_id = %s AND id = %s", [account, uuid.UUID(bytes=entry.id)])


@contextlib.contextmanager
def opened_without_an_entry(target: Target) -> Iterator[None]:
    """Whoever took the worker over opens by an entry that they write nowhere. Put back by writing it after all."""
    with target.unguarded() as sql:
        ref, write, day, born, generation, bundle, body = _one(
            sql,
            "SELECT s.order_ref, s.write, s.day, s.born, s.generation, s.bundle, s.body FROM sealed s JOIN part p"
            " ON p.account_id = s.account_id AND p.order_ref = s.order_ref AND p.part = s.part AND p.write = s.write"
            " JOIN amazon_order o ON o.account_id = s.account_id AND o.ref = s.order_ref AND o.done_on IS NULL"
            " WHERE s.account_id = -1 AND s.part = %s",
            int(Part.RECIPIENT),
        )  # fmt: skip
        now = round(target.rehearsal.clock.wall() * 1000)
        entry = _opening(-1, ref.bytes, leaf.Actor.DESPATCH.reference, now, Purpose.LABEL, write)
        located = Located(
            Place(-1, ref.bytes, Part.RECIPIENT, write),
            Day(definitions.day_number(born), definitions.day_number(day), generation), bytes(bundle),
        )  # fmt: skip
        salt = os.urandom(leaf.SALT_BYTES)
        _open(target, ToOpen(leaf.encode_entry(entry), salt, located, bytes(body)), entry.by)
        try:
            yield
        finally:
            _write(sql, entry, salt)
            sql.execute("INSERT INTO pending (account_id, entry) VALUES (-1, %s)", [uuid.UUID(bytes=entry.id)])


def _alarm(*, closed: bool) -> Act:
    """An alarm of an hour ago: closed without a case, or open while the worker may open none."""

    @contextlib.contextmanager
    def act(target: Target) -> Iterator[None]:
        id_ = definitions.reference()
        with target.unguarded() as sql:
            sql.execute("REVOKE INSERT ON incident_case FROM strongroom_worker")
            try:
                sql.execute(ALARM, [id_, id_, closed])
                yield
            finally:
                sql.execute("DELETE FROM alarm WHERE account_id = 0 AND id = %s", [id_])
                sql.execute("GRANT INSERT ON incident_case TO strongroom_worker")

    return act


def _opening(account: int, ref: bytes, by: bytes, at: int, purpose: Purpose, write: int) -> leaf.Entry:
    facts = {Fact.PART: OPENS[purpose].part, Fact.WRITE: write, Fact.PURPOSE: purpose}
    return leaf.Entry(definitions.reference().bytes, Kind.OPENED, Outcome.DONE, at, account, ref, by, facts)


def _write(sql: psycopg.Connection[Any], entry: leaf.Entry, salt: bytes) -> None:
    at = definitions.moment(entry.at)
    sql.execute(
        ENTRY,
        [entry.account, uuid.UUID(bytes=entry.id), entry.kind, entry.outcome, at, uuid.UUID(bytes=entry.subject),
         uuid.UUID(bytes=entry.by), leaf.encode_entry(entry), salt],
    )  # fmt: skip


def _open(target: Target, item: ToOpen, by: bytes) -> None:
    """As the worker: over its own channel to the broker, or under its own uid."""
    asked = (i64(item.located.place.account), u8(Purpose.LABEL), by, wire.to_open(item))
    if target.rehearsal.running.who.is_service:
        uid = target.rehearsal.running.who.roles[Role.WORKER].uid
        answer = subprocess.run(
            [sys.executable, "-c", ASKS, str(target.rehearsal.folders.peers_socket)],
            input=wire.frame(wire.request(Verb.OPEN, *asked)), user=uid, group=uid, extra_groups=(), check=True,
            capture_output=True, timeout=PATIENCE, cwd="/",
        ).stdout  # fmt: skip
        values_of(wire.parse_answer(answer))
        return
    peers = target.rehearsal.running.channels["worker"].peers
    with socket.socket(fileno=os.dup(peers.fileno())) as channel:
        asking = Connection(channel=channel)
        try:
            asking.ask(Verb.OPEN, *asked)
        finally:
            asking.close()


def _one(sql: psycopg.Connection[Any], query: str, *values: Any) -> tuple[Any, ...]:
    row = sql.execute(query, list(values)).fetchone()
    assert row is not None  # noqa: S101 - a rehearsal has what is broken here
    return tuple(row)


SABOTAGE: Final = (
    Sabotage("AM-1", "The auditor's role may read sealed data in the database", widen_a_role),
    Sabotage("AM-1", "A role is widened in the database: the probe reaches people", _grant("is_synthetic", "manager")),
    Sabotage("AM-2", "One login is signed in twice at once", two_at_once),
    Sabotage("AM-3", "The journal takes no entries from the website", journal_refuses),
    Sabotage("AM-3", "Something is opened by an entry that is never written", opened_without_an_entry),
    Sabotage("AM-5", "A session of somebody who left stays alive", _session(LEAVER, 2)),
    Sabotage("AM-6", "A customer is opened on no recorded device", on_no_device),
    Sabotage("AM-8", "The counter of wrong answers forgets", drop_the_counter),
    Sabotage("AM-9", "An account is locked without a case, and its roles go on", lock_without_a_case),
    Sabotage("AM-10", "Sessions that are ended go on", sessions_do_not_end),
    Sabotage("AZ-1", "Somebody's second factor is removed", one_factor),
    Sabotage("AZ-1", "A session begins without a factor", _session(PACKER, 0)),
    Sabotage("AZ-2", "A password is two years old", old_password),
    Sabotage("AZ-2", "The database forgets the passwords before", forget_passwords),
    Sabotage("AZ-5", "The client secret is two years old", old_credential),
    Sabotage("DF-4", "An alarm is closed without a case", _alarm(closed=True)),
    Sabotage("DF-4", "An alarm gets no case", _alarm(closed=False)),
    Sabotage("LP-1", "A role is granted by SQL", _grant(f"email = '{PACKER}'", "support")),
    Sabotage("LP-1", "A role of the database becomes the owner", become_the_owner),
)
