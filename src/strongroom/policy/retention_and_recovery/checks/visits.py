"""The probe's visits, for checks: its order, its openings over HTTPS, and the entries that came of them."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import httpx

from strongroom.formats import leaf
from strongroom.formats.broker import ToOpen
from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import OPENS, Part, Purpose
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Look
from strongroom.policy.clauses.pages import Visitor
from strongroom.policy.definitions import PROBES
from strongroom.policy.encryption_and_storage import actions as storage
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.logging_and_monitoring import proving
from strongroom.policy.retention_and_recovery import probe

BY: Final = Actor.WATCH.reference
PLACED_WITHIN: Final = 6.0
"""Seconds in which an entry gets its place in the tree."""

Known = Mapping[Part, Mapping[str, str]]
"""What was sealed of the probe, in clear."""


class NoOrder(Exception):
    """No probe order opens just now; the worker makes one."""


def order() -> tuple[UUID, Known]:
    """The probe that opens now, and what was sealed of it. Raises `NoOrder`."""
    found = probe.probe_order()
    if found is None:
        raise NoOrder
    sealed = probe.fields(found.ref)
    return found.ref, {part: {name: word.text() for name, word in named.items()} for part, named in sealed.items()}


def reveal(visitor: Visitor, ref: UUID, purpose: Purpose) -> httpx.Response:
    """Open the probe's order for a purpose, as a person does: from its page."""
    path = f"/orders/{ref}/"
    return visitor.post(f"{path}reveal", visitor.get(path), purpose=str(int(purpose)))


def ask(ref: UUID, purpose: Purpose, *, claims: Purpose) -> object:
    """Ask the broker to open for a purpose, with an entry that claims one, and is written nowhere; what it answers."""
    rows = storage.current(account=PROBES, order=ref)
    row = next(each for each in rows if each.part == OPENS[purpose].part)
    entry = leaf.Entry(
        id=definitions.reference().bytes, kind=Kind.OPENED, outcome=Outcome.DONE,
        at=definitions.milliseconds(definitions.now()), account=PROBES, subject=ref.bytes, by=BY,
        facts={Fact.PART: OPENS[claims].part, Fact.WRITE: row.write, Fact.PURPOSE: claims},
    )  # fmt: skip
    item = ToOpen(leaf.encode_entry(entry), os.urandom(leaf.SALT_BYTES), storage.located(row), bytes(row.body))
    try:
        (told,) = broker.open_parts(account=PROBES, purpose=purpose, by=BY, parts=[item])
    except Refused as refused:
        return refused
    return told


def did(
    act: Callable[[], httpx.Response], kind: Kind, subject: UUID | None = None
) -> tuple[httpx.Response, UUID | None]:
    """What the website answered to an act of the probe's, and the entry of this kind that came of it, if one did."""
    before = _newest(kind, subject)
    answer = act()
    after = _newest(kind, subject)
    return answer, after if after != before else None


def is_placed(look: Look, entry: UUID) -> bool:
    """Whether an entry gets its place in the tree within seconds, and stands there under the signed head."""
    deadline = time.monotonic() + PLACED_WITHIN
    while time.monotonic() < deadline:
        row = asking.first(
            "SELECT l.index, e.payload, e.salt FROM leaf l JOIN entry e"
            " ON e.account_id = l.account_id AND e.id = l.entry WHERE l.account_id = %s AND l.entry = %s",
            PROBES, entry,
        )  # fmt: skip
        try:
            if row is not None:
                broker.checkpoint()  # signed once a second anyway
                index, payload, salt = row
                if proving.stands(proving.journal(look.data), index, bytes(payload), bytes(salt)):
                    return True
        except (Malformed, FileNotFoundError):
            return False
        time.sleep(0.1)
    return False


def _newest(kind: Kind, subject: UUID | None) -> UUID | None:
    """The probe's own newest entry of a kind."""
    return asking.value(  # type: ignore[no-any-return]
        "SELECT e.id FROM entry e JOIN person_reference r ON r.reference = e.by JOIN person p ON p.id = r.person"
        " WHERE e.account_id = %s AND e.kind = %s AND p.is_synthetic AND (%s::uuid IS NULL OR e.subject = %s)"
        " ORDER BY e.at DESC LIMIT 1",
        PROBES, kind, subject, subject,
    )  # fmt: skip
