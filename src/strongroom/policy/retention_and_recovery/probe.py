"""The probe: a customer who does not exist, sealed like any other, for whoever must look whether promises hold.

One order of account -1 (DESIGN 12), never from Amazon and never told to it, never counted, listed or printed. It is
sealed by the same path as a real one and forgotten by the same rules; a new one takes its place each week. Its words
follow from its random reference alone: no file and no column holds them, so wherever they stand, they leaked.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from strongroom.formats import probe_words
from strongroom.formats.broker import ToSeal
from strongroom.formats.leaf import Actor, Kind
from strongroom.formats.parts import Part
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.definitions import PROBES, OrderState
from strongroom.policy.encryption_and_storage import actions as storage
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.actions import Written
from strongroom.policy.encryption_and_storage.models import SealedPart
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import ApiCall
from strongroom.policy.retention_and_recovery.actions import promise_to_forget
from strongroom.policy.retention_and_recovery.models import Order

RENEWED_AFTER: Final = timedelta(days=7)
TOO_SOON_DEAD: Final = timedelta(hours=2)
"""A probe whose key dies so soon is replaced, so that there is always one that opens."""
BY: Final = Actor.WATCH.reference


@dataclass(frozen=True)
class Probe:
    """The probe that opens now: our reference, and the day whose key wraps it."""

    ref: uuid.UUID
    day: date


def probe_order() -> Probe | None:
    """The newest probe whose every part is sealed under a living day; `None` where there is none just now."""
    living = _living()
    order = Order.objects.filter(account_id=PROBES, done_on__isnull=True).order_by("-received_at").first()
    if order is None:
        return None
    days = dict(SealedPart.objects.filter(account_id=PROBES, order_ref=order.ref).values_list("part", "day"))
    if set(days) != set(Part) or not set(days.values()) <= set(living):
        return None
    return Probe(order.ref, min(days.values()))


def fields(order: uuid.UUID) -> dict[Part, dict[str, Secret]]:
    """What was sealed of a probe: every field of every part."""
    return probe_words.fields(order)


def known() -> list[uuid.UUID]:
    """Every probe that was ever sealed here, the newest first. Forgotten ones too: their words are to be nowhere."""
    return list(Order.objects.filter(account_id=PROBES).order_by("-received_at").values_list("ref", flat=True))


def keep() -> bool:
    """See to it that a probe opens; true where a new one was made. The worker's part, after each run of retention.

    Raises `Unavailable` or `Refused` where the broker is silent, locked or in doubt of the time.
    """
    now = definitions.now()
    standing = probe_order()
    if standing is not None and not _is_old(standing):
        return False
    parts = _new_parts(ref := definitions.reference())
    with transaction.atomic(durable=True):
        Order.objects.filter(account_id=PROBES, done_on__isnull=True).update(
            state=OrderState.FULFILLED, fulfilled_at=now, done_on=now
        )
        _insert(ref)
        sealed, keys = broker.seal(account=PROBES, by=BY, parts=parts)
        storage.know_keys(account=PROBES, keys=keys)
        rows = [Written(ref, part.part, part.write, done) for part, done in zip(parts, sealed, strict=True)]
        storage.write_rows(account=PROBES, rows=rows)
        promise_to_forget(account=PROBES, keys=keys, by=Actor.WATCH)
        journal.record(Kind.PROBED, by=BY, account=PROBES, subject=ref.bytes)
    return True


def _is_old(probe: Probe) -> bool:
    now, dies_at = definitions.now(), _living().get(probe.day)
    if dies_at is None or now.date() - probe.day >= RENEWED_AFTER:
        return True
    return probe.day < now.date() and dies_at - now < TOO_SOON_DEAD


def _living() -> dict[date, datetime]:
    """The days of this account that still open, and when each dies."""
    keys = [key for key in broker.status().living if key.account == PROBES and not key.house]
    return {definitions.day_of_number(key.day): definitions.moment(key.dies_at) for key in keys}


def _new_parts(ref: uuid.UUID) -> list[ToSeal]:
    return [storage.to_seal(order=ref, part=part, fields=named) for part, named in fields(ref).items()]


def _insert(ref: uuid.UUID) -> None:
    """The row, with a call that was never made: what it traces to says so (DF-1)."""
    now = definitions.now()
    call = ApiCall(
        account_id=PROBES, id=definitions.reference(), operation="probe", began_at=now, ended_at=now, outcome="probe"
    )
    call.save(force_insert=True)
    version, (hash_,) = broker.order_hashes(account=PROBES, order_ids=[ref.hex])
    Order(
        account_id=PROBES, ref=ref, order_id=None, order_hash=hash_, hash_version=version, state=OrderState.TO_SHIP,
        status="PROBE", fulfilled_by="MERCHANT", marketplace="", placed_at=now, updated_at=now, received_at=now,
        answered_at=now, call=call.id, lines=0, units=0, sealed_version=now, data_absent=False, left_confirmed=False,
        origin="probe",
    ).save(force_insert=True)  # fmt: skip


def shows(told: Mapping[str, Secret], order: uuid.UUID, part: Part) -> bool:
    """Whether what was opened is what was sealed of this probe, field by field, and not nothing."""
    sealed = fields(order)[part]
    return bool(told) and all(sealed.get(name) == value for name, value in told.items())
