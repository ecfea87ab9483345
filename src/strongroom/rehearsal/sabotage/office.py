"""Sabotage of the office's registers: what stands where, and what could happen to it (GS-1, GS-2)."""

import contextlib
from collections.abc import Iterator
from typing import Final

from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from strongroom.rehearsal.sabotage.data import dropped


@contextlib.contextmanager
def a_server_without_a_place(target: Target) -> Iterator[None]:
    """A second server, in a place that nobody recorded."""
    with target.unguarded() as sql:
        sql.execute(
            "INSERT INTO equipment (name, kind, place, added_at) SELECT 'host-under-a-desk', 'server', 'Under a desk',"
            " recorded_at FROM place LIMIT 1"
        )
        try:
            yield
        finally:
            sql.execute("DELETE FROM equipment WHERE name = 'host-under-a-desk'")


@contextlib.contextmanager
def a_place_without_a_lock(target: Target) -> Iterator[None]:
    """The place of this machine loses what keeps others out, past the constraint."""
    with target.unguarded() as sql:
        rows = sql.execute("SELECT name, controls FROM place").fetchall()
        sql.execute("UPDATE place SET controls = 'not recorded yet'")
        try:
            yield
        finally:
            for name, controls in rows:
                sql.execute("UPDATE place SET controls = %s WHERE name = %s", [controls, name])


@contextlib.contextmanager
def a_link_without_a_threat(target: Target) -> Iterator[None]:
    """A link goes live of which no threat speaks."""
    with target.unguarded() as sql:
        sql.execute(
            "INSERT INTO link (name, direction, peer, transport, carries, added_at, threat) SELECT 'carrier portal',"
            " 'in', 'portal.example.net:443', 'TLS 1.3', 'personal data', added_at,"
            " 'link:carrier portal' FROM link LIMIT 1"
        )
        try:
            yield
        finally:
            sql.execute("DELETE FROM link WHERE name = 'carrier portal'")


@contextlib.contextmanager
def a_threat_without_an_answer(target: Target) -> Iterator[None]:
    """What is done about the printer's link is struck out; a residual stands there that nobody accepted."""
    with dropped(target, "threat", "threat_is_answered"), target.unguarded() as sql:
        row = sql.execute("SELECT control, residual FROM threat WHERE subject = 'link:printer'").fetchone()
        change = "UPDATE threat SET control = %s, residual = %s WHERE subject = 'link:printer'"
        sql.execute(change, ["", "Somebody may read along"])
        try:
            yield
        finally:
            sql.execute(change, list(row or ()))


SABOTAGE: Final[tuple[Sabotage, ...]] = (
    Sabotage("GS-1", "A server stands in no recorded place", a_server_without_a_place),
    Sabotage("GS-1", "A place loses what keeps others out", a_place_without_a_lock),
    Sabotage("GS-2", "A link goes live of which no threat speaks", a_link_without_a_threat),
    Sabotage("GS-2", "What is done about a threat is struck out", a_threat_without_an_answer),
)
