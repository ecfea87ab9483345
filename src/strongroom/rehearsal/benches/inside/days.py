"""Days full of orders, and their end: sealed by the real broker, written by `seal_rows`, dropped by `drop_day`."""

import time
import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final

from strongroom.formats.broker import ToSeal
from strongroom.formats.leaf import Actor
from strongroom.formats.parts import Part
from strongroom.formats.secret import Secret
from strongroom.keybroker.listener import TICK
from strongroom.policy import definitions
from strongroom.policy.definitions import OrderState
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.actions import Written, know_keys, to_seal, write_rows
from strongroom.policy.encryption_and_storage.connection import Unavailable
from strongroom.policy.retention_and_recovery.actions import Kept, forget_day, make_days, promise_to_forget
from strongroom.policy.retention_and_recovery.models import Order
from strongroom.rehearsal.benches.inside.receiving import log_calls
from strongroom.rehearsal.people import person

AT_ONCE: Final = 500
"""Orders of two parts each: as much as one call of the broker seals."""
PATIENCE: Final = 600.0


def make() -> str:
    """The partitions of this day and the next ones; which day it is."""
    make_days(Kept())
    return definitions.now().date().isoformat()


def fill(account: int, orders: int, first: int) -> dict[str, Any]:
    """So many orders of today with a recipient and a buyer each; order n's buyer writes from `address(n)`."""
    day, refs, call = make(), [], definitions.reference()
    log_calls(account, [call])
    for at in range(0, orders, AT_ONCE):
        rows = [_order(account, call, first + n) for n in range(at, min(at + AT_ONCE, orders))]
        Order.objects.bulk_create(rows)
        parts = [part for n, row in enumerate(rows, first + at) for part in _parts(row.ref, n)]
        sealed, keys = broker.seal(account=account, by=Actor.RECEIPT.reference, parts=parts)
        know_keys(account=account, keys=keys)
        pairs = zip(parts, sealed, strict=True)
        write_rows(
            account=account,
            rows=[Written(uuid.UUID(bytes=part.order), part.part, part.write, done) for part, done in pairs],
        )
        promise_to_forget(account=account, keys=keys)
        refs += [str(row.ref) for row in rows[:20]]
    return {"day": day, "orders": refs, "call": str(call)}


def address(number: int) -> str:
    """The e-mail address of an order's buyer."""
    return f"buyer-{number}@marketplace.invalid"


def destroy(account: int, day: str) -> dict[str, float]:
    """Ask without a pause until a key is gone: the moment when the broker says so; somebody moves the clock meanwhile.

    Then leave it idle, so that it executes itself anew, and see how long that keeps others waiting.
    """
    wanted, until = (account, definitions.day_number(date.fromisoformat(day))), time.monotonic() + PATIENCE
    while any((key.account, key.day) == wanted for key in broker.status().living if not key.house):
        if time.monotonic() > until:
            raise TimeoutError("the key lives on")
    gone = time.monotonic()
    time.sleep(TICK + 0.05)
    while True:
        try:
            broker.time()
        except Unavailable:
            if time.monotonic() > until:
                raise
        else:
            return {"gone": gone, "rebirth": time.monotonic() - gone - TICK}


def drop(day: str) -> dict[str, float]:
    """Seconds of forgetting the rows that no key opens any more: the partition, what points to it, the duty."""
    _, found = broker.destroyed(0)
    which = date.fromisoformat(day)
    destroyed = [leaf for leaf in found if leaf.day == definitions.day_number(which)]
    kept, began = Kept(), time.perf_counter()
    forget_day(day=which, destroyed=destroyed, kept=kept)
    taken = time.perf_counter() - began
    assert kept.days_dropped == 1  # noqa: S101 - else nothing is measured
    return {"seconds": taken}


def _order(account: int, call: uuid.UUID, number: int) -> Order:
    now: datetime = definitions.now()
    ref = definitions.reference()
    return Order(
        account_id=account, ref=ref, order_id=f"{200 + number // 10**7}-{number % 10**7:07d}-0000001",
        order_hash=ref.bytes + ref.bytes, hash_version=1, state=OrderState.TO_SHIP, status="UNSHIPPED",
        fulfilled_by="MERCHANT", marketplace="A1F83G8C2ARO7P", country="GB", service="STANDARD", placed_at=now,
        updated_at=now, received_at=now, ship_by=now + timedelta(days=2), answered_at=now, call=call,
        lines=1, units=1, sealed_version=now, asked_at=now, data_absent=False, left_confirmed=False, origin="amazon",
    )  # fmt: skip


def _parts(ref: uuid.UUID, number: int) -> Sequence[ToSeal]:
    who = person(Random(number))  # noqa: S311 - invented people
    recipient = {
        "name": who.name, "line1": who.line1, "line2": who.line2, "city": who.city, "postcode": who.postcode,
        "phone": who.phone,
    }  # fmt: skip
    buyer = {"name": who.name, "email": address(number)}
    return [
        to_seal(order=ref, part=part, fields={name: Secret(text) for name, text in fields.items() if text})
        for part, fields in ((Part.RECIPIENT, recipient), (Part.BUYER, buyer))
    ]  # fmt: skip
