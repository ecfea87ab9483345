"""What shows that a sealed row opens in its own place only: the probe, said to stand where it does not (ES-1)."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Final

from strongroom.formats.broker import Located, ToOpen
from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.parts import Part, Purpose
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown
from strongroom.policy.definitions import PROBES
from strongroom.policy.encryption_and_storage import actions as storage
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.connection import Forgotten
from strongroom.policy.encryption_and_storage.models import Sealed
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.retention_and_recovery import probe

WATCH: Final = Actor.WATCH.reference
DAY: Final = 1


def a_row_opens_in_its_place_only(look: Look) -> Verdict:  # noqa: ARG001 - it asks the key broker itself
    """The probe opens to what was sealed; as another order's, as another write, or as of another day, it does not."""
    standing = probe.probe_order()
    if standing is None:
        return unknown("There is no probe just now; the worker makes one within the hour.")
    told = _open(standing.ref)
    if not probe.shows(told, standing.ref, Part.TRACKING):
        return failed("What was sealed opens to something else.")
    row = next(r for r in storage.current(account=PROBES, order=standing.ref) if r.part == Part.TRACKING)
    true = storage.located(row)
    elsewhere = {
        "another order's": replace(true, place=replace(true.place, order=definitions.reference().bytes)),
        "another write": replace(true, place=replace(true.place, write=true.place.write ^ 1)),
        "of another day": replace(true, day=replace(true.day, born=true.day.born - DAY)),
    }
    opened = [what for what, where in elsewhere.items() if _opens(row, where)]
    if opened:
        return failed(f"A sealed row opens as {opened[0]}.", opened=len(opened))
    return passed("The probe opens to what was sealed, and nowhere but in its own place.", opened=0)


def _open(order: uuid.UUID) -> dict[str, Secret]:
    """What opens of the probe; tried twice, since a clock that is moved on between entry and opening refuses it."""
    try:
        return storage.open_for(account=PROBES, order=order, purpose=Purpose.TRACKING, by=WATCH).fields
    except Refused:
        return storage.open_for(account=PROBES, order=order, purpose=Purpose.TRACKING, by=WATCH).fields


def _opens(row: Sealed, where: Located) -> dict[str, Secret] | None:
    """What opens of a row that is said to be elsewhere, with an entry that says the same; nothing where it must not."""
    facts: dict[Fact, int | bytes] = {
        Fact.PART: where.place.part, Fact.WRITE: where.place.write, Fact.PURPOSE: Purpose.TRACKING,
    }  # fmt: skip
    entry = journal.record_committed(
        Kind.OPENED, by=WATCH, account=PROBES, subject=uuid.UUID(bytes=where.place.order).bytes, facts=facts
    )  # fmt: skip
    wanted = ToOpen(bytes(entry.payload), bytes(entry.salt), where, bytes(row.body))
    try:
        return broker.one(broker.open_parts(account=PROBES, purpose=Purpose.TRACKING, by=WATCH, parts=[wanted]))
    except Forgotten:
        return None


CHECKS: Final = (
    Check(
        "ES-1.place",
        "The key broker opens a sealed row in its own place only.",
        "A sealed row opens as another's.",
        a_row_opens_in_its_place_only,
        every=timedelta(hours=12),
    ),
)
