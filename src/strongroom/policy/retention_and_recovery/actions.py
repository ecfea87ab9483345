"""Retention's verbs: carry, forget a day, forget what was cancelled (RR-2, RR-3).

Forgetting itself needs none of this: the broker destroys a day's key by its own clock. What is done here removes the
rows that can no longer be opened, and writes down that they are gone.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from strongroom.formats.broker import Destroyed
from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.parts import Part
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.definitions import OrderState
from strongroom.policy.encryption_and_storage import actions as storage
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.broker import KeyOfDay
from strongroom.policy.encryption_and_storage.connection import Forgotten
from strongroom.policy.encryption_and_storage.models import DayKey, LabelPrint, PrintState, Sealed, SealedPart
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Alarm, SellingAccount
from strongroom.policy.obligations.actions import ObligationKind, of_day, open_obligation, satisfy
from strongroom.policy.obligations.models import Obligation
from strongroom.policy.retention_and_recovery import leaving, rules
from strongroom.policy.retention_and_recovery.models import Order, OrderItem, Parcel, ParcelItem

DAYS_AHEAD: Final = 7
CANCELLED_AHEAD: Final = timedelta(hours=3)
"""How long before its term a cancelled order goes: a round is an hour, and none is late when one of them fails."""
STATE_NUMBERS: Final = {OrderState.TO_SHIP: 1, OrderState.PART_SHIPPED: 2}


@dataclass
class Kept:
    """What one retention run did."""

    days_made: int = 0
    days_dropped: int = 0
    orders_erased: int = 0
    carried: int = 0
    waiting_for_answer: int = 0
    lost_to_carry: int = 0
    others_gone: int = 0


class Retention:
    """One run after another; remembers how far the broker's destroy leaves were read."""

    def __init__(self) -> None:
        self._read_to = 0
        self._destroyed: dict[date, list[Destroyed]] = defaultdict(list)

    def run(self) -> Kept:
        """Do all that is due now. Idempotent; safe to kill anywhere.

        What removes comes first and needs no unlocked broker; carrying comes last, since it alone may be refused.
        """
        kept = Kept()
        make_days(kept)
        self._forget_days(kept)
        for account in (*selling_accounts(), definitions.PROBES):
            forget_cancelled(account=account, kept=kept)
            tombstone_due(account=account, kept=kept)
            kept.others_gone += leaving.forget_other_data(account=account)
            leaving.forget_calls(account=account)
        leaving.forget_sign_ins()
        for account in selling_accounts():
            carry_due(account=account, kept=kept)
        return kept

    def _forget_days(self, kept: Kept) -> None:
        self._read_to, found = broker.destroyed(self._read_to)
        for leaf in found:
            self._destroyed[definitions.day_of_number(leaf.day)].append(leaf)
        for day in _days_to_drop():
            if day in self._destroyed:
                forget_day(day=day, destroyed=self._destroyed[day], kept=kept)
        for day in _idle_days():
            with connection.cursor() as cursor:
                cursor.execute("SELECT drop_day(%s, '{}', '{}', '{}')", [day])
            kept.days_dropped += 1


def selling_accounts() -> list[int]:
    return list(SellingAccount.objects.filter(id__gt=0).order_by("id").values_list("id", flat=True))


def accounts_for(person: Person) -> list[int]:
    """Whose orders a person may see: the selling accounts'; for the probe, the synthetic account's alone."""
    return [definitions.PROBES] if person.is_synthetic else selling_accounts()


def make_days(kept: Kept) -> None:
    """Make the partitions of today and the week ahead (named DDL)."""
    today = definitions.now().date()
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT make_day(day) FROM unnest(%s::date[]) AS day", [days])
        kept.days_made += sum(bool(made) for (made,) in cursor.fetchall())


def forget_day(*, day: date, destroyed: Sequence[Destroyed], kept: Kept) -> None:
    """Drop a dead day's partition, then close each account's obligation for it (RR-2).

    `drop_day` itself demands the token of every key of that day; without them it refuses and nothing changes.
    """
    keys = list(DayKey.objects.filter(day=day, dropped_at__isnull=True))  # sweep: one named day, all accounts
    known = {(leaf.account, leaf.generation): leaf.token for leaf in destroyed}
    if not all((key.account_id, key.generation) in known for key in keys):
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT drop_day(%s, %s::bigint[], %s::smallint[], %s::bytea[])",
            [day, [a for a, _ in known], [g for _, g in known], list(known.values())],
        )
        rows = int(cursor.fetchone()[0])
    kept.days_dropped += 1
    for account in sorted({key.account_id for key in keys}):
        kept.lost_to_carry += _close_day(account=account, day=day, rows=rows)


@transaction.atomic
def _close_day(*, account: int, day: date, rows: int) -> int:
    """Write down that a day is gone. Orders still to ship that died with it are to be fetched again; how many."""
    DayKey.objects.filter(account_id=account, day=day, dropped_at__isnull=True).update(dropped_at=definitions.now())
    journal.record(
        Kind.DAY_DROPPED,
        by=Actor.RETENTION.reference,
        account=account,
        facts={Fact.DAY: definitions.day_number(day), Fact.COUNT: rows},
    )
    satisfy(account=account, kind=ObligationKind.FORGET_DAY, subject=of_day(day), by=Actor.RETENTION)
    lost = Order.objects.filter(account_id=account, done_on__isnull=True, sealed_version__isnull=False)
    return lost.filter(~_held(account)).update(sealed_version=None)


def _held(account: int) -> Exists:
    """Whether any part of an order is held. Asked as EXISTS, which the database answers from an index for each order;
    `NOT IN` walks through all that is held for each, once that does not fit into a session's working memory.
    """
    return Exists(SealedPart.objects.filter(account_id=account, order_ref=OuterRef("ref")))


def forget_cancelled(*, account: int, kept: Kept) -> None:
    """Delete the live rows of orders whose term is nearly over; other copies die with their day (RR-3)."""
    due = Order.objects.filter(
        account_id=account,
        cancelled_at__lte=definitions.now() - terms.span("forget_cancelled_after") + CANCELLED_AHEAD,
        erased_at__isnull=True,
    )
    for order in due.order_by("cancelled_at")[:500]:
        with transaction.atomic():
            _erase(Order.objects.select_for_update().get(account_id=account, ref=order.ref), kept)


def tombstone_due(*, account: int, kept: Kept) -> None:
    """Orders whose PII is gone, or that never had any, lose item lines and Amazon's id (DF-3, RR-2)."""
    now, kept_for = definitions.now(), terms.span("item_lines_kept")
    candidates = Order.objects.filter(
        Q(done_on__isnull=False, sealed_version__isnull=False) | Q(received_at__lte=now - kept_for),
        account_id=account,
        erased_at__isnull=True,
    ).filter(~_held(account))
    for order in candidates.order_by("received_at")[:2_000]:
        if rules.is_tombstone_due(
            done=order.done_on is not None,
            to_ship=order.state in STATE_NUMBERS and order.fulfilled_by == "MERCHANT",
            had_data=order.sealed_version is not None,
            received_at=order.received_at,
            now=now,
            kept=kept_for,
            end=terms.span("end_of_carrying"),
        ):
            with transaction.atomic():
                _erase(Order.objects.select_for_update().get(account_id=account, ref=order.ref), kept)


def promise_to_forget(*, account: int, keys: Sequence[KeyOfDay], by: Actor = Actor.RECEIPT) -> None:
    """Every day that sealed has its obligation: gone within the term of the clause, counted from its start (RR-2)."""
    for key in keys:
        open_obligation(
            account=account,
            kind=ObligationKind.FORGET_DAY,
            subject=of_day(definitions.day_of_number(key.day)),
            due_at=definitions.moment(key.day * 86_400_000) + terms.span("remove_pii_after"),
            by=by,
        )


def carry_due(*, account: int, kept: Kept) -> None:
    """Carry what is still to ship and sealed under a day in its last 96 hours; ask Amazon where its answer is old."""
    now, window = definitions.now(), terms.span("carry_window")
    last = now.date() - rules.DAY_KEY_LIFE + window
    days = SealedPart.objects.filter(account_id=account, day__lte=last).values_list("day", flat=True).distinct()
    for day in sorted(d for d in days if rules.in_window(day=d, now=now, window=window)):
        left = 0
        for order, carriable in _to_carry(account, day):
            if (
                rules.why_not_carried(
                    carriable, now=now, answer_age=terms.span("answer_for_carry"), end=terms.span("end_of_carrying")
                )
                is None
            ):
                kept.carried += carry(account=account, order=order, day=day)
                continue
            if rules.waits_for_answer(carriable, now=now, answer_age=terms.span("answer_for_carry")):
                _ask_again(account=account, order=order, day=day)
                kept.waiting_for_answer += 1
            left += 1
        if left and now >= rules.dies_at(day) - terms.span("carry_alarm"):
            _raise_alarm(account=account, day=day, count=left)


def carry(*, account: int, order: Order, day: date) -> int:
    """Put one order's parts under today's key, on Amazon's answer; 1 where it was done (RR-2).

    The entry with the evidence is committed first; the broker writes its leaf before it wraps anything.
    """
    rows = [row for row in storage.current(account=account, order=order.ref) if row.day == day]
    if not rows:
        return 0
    with transaction.atomic(durable=True):
        entry = journal.record(
            Kind.CARRIED,
            by=Actor.RETENTION.reference,
            account=account,
            subject=order.ref.bytes,
            facts={
                Fact.CALL: order.call.bytes,
                Fact.STATE: STATE_NUMBERS[OrderState(order.state)],
                Fact.SECONDS: definitions.milliseconds(order.answered_at) // 1000,
                Fact.FROM_DAY: definitions.day_number(day),
            },
        )
    located = [storage.located(row) for row in rows]
    try:
        sealed, keys = broker.carry(
            entry=bytes(entry.payload), salt=bytes(entry.salt), account=account, order=order.ref.bytes, rows=located
        )
    except (Refused, Forgotten):
        return 0
    with transaction.atomic(durable=True):
        storage.know_keys(account=account, keys=keys)
        storage.move_rows(account=account, order=order.ref, rows=list(zip(located, sealed, strict=True)))
        promise_to_forget(account=account, keys=keys, by=Actor.RETENTION)
    return 1


def _to_carry(account: int, day: date) -> Iterable[tuple[Order, rules.Carriable]]:
    rows = Sealed.objects.filter(account_id=account, day=day).values_list("order_ref", "part", "born")
    parts: dict[uuid.UUID, list[tuple[int, date]]] = defaultdict(list)
    for ref, part, born in rows:
        parts[ref].append((part, born))
    orders = Order.objects.filter(
        account_id=account, ref__in=list(parts), done_on__isnull=True, state__in=list(STATE_NUMBERS)
    )
    gone = _left(account, list(parts))
    for order in orders:
        born = min(b for _, b in parts[order.ref])
        left = order.ref in gone or any(part == Part.TRACKING for part, _ in parts[order.ref])
        yield (
            order,
            rules.Carriable(
                day,
                born,
                OrderState(order.state),
                order.done_on is not None,
                order.answered_at,
                left,
                order.left_confirmed,
            ),
        )


def _left(account: int, refs: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Orders of which our own rows say that something left: a parcel, or a label printed longer ago than the term."""
    parcels = Parcel.objects.filter(account_id=account, order_ref__in=refs, left_at__isnull=False)
    long_ago = definitions.now() - terms.span("label_means_left")
    labels = LabelPrint.objects.filter(account_id=account, order_ref__in=refs, queued_at__lt=long_ago)
    labels = labels.exclude(state__in=[PrintState.STOPPED, PrintState.LOST])
    return {*parcels.values_list("order_ref", flat=True), *labels.values_list("order_ref", flat=True)}


def _ask_again(*, account: int, order: Order, day: date) -> None:
    open_obligation(
        account=account,
        kind=ObligationKind.ASK_AGAIN,
        subject=order.ref,
        due_at=rules.dies_at(day),
        by=Actor.RETENTION,
    )


def _raise_alarm(*, account: int, day: date, count: int) -> None:
    with transaction.atomic():
        _, new = Alarm.objects.get_or_create(
            account_id=account,
            kind="carry",
            subject=of_day(day),
            closed_at__isnull=True,
            defaults={"id": definitions.reference(), "count": count, "raised_at": definitions.now()},
        )
        if new:
            journal.record(
                Kind.CARRY_ALARM,
                by=Actor.RETENTION.reference,
                account=account,
                facts={Fact.DAY: definitions.day_number(day), Fact.COUNT: count},
            )


def _erase(order: Order, kept: Kept) -> None:
    """Rows, item lines and Amazon's id of one order; reference, hash, states, dates and counts stay."""
    now = definitions.now()
    if order.erased_at is not None:
        return
    if order.done_on is None:
        order.done_on = now
        order.save(update_fields=["done_on"])
    storage.erase_rows(account=order.account_id, order=order.ref)
    OrderItem.objects.filter(account_id=order.account_id, order_ref=order.ref).delete()
    ParcelItem.objects.filter(account_id=order.account_id, order_ref=order.ref).delete()
    order.order_id, order.erased_at = None, now
    order.save(update_fields=["order_id", "erased_at"])
    journal.record(
        Kind.ORDER_ERASED,
        by=Actor.RETENTION.reference,
        account=order.account_id,
        subject=order.ref.bytes,
        facts={Fact.COUNT: order.lines},
    )
    leaving.promise(order)
    satisfy(account=order.account_id, kind=ObligationKind.FORGET_CANCELLED, subject=order.ref, by=Actor.RETENTION)
    satisfy(account=order.account_id, kind=ObligationKind.ASK_AGAIN, subject=order.ref, by=Actor.RETENTION)
    kept.orders_erased += 1


def _days_to_drop() -> list[date]:
    """Sweep: days with a key that is not marked dropped."""
    return list(DayKey.objects.filter(dropped_at__isnull=True).order_by("day").values_list("day", flat=True).distinct())


def _idle_days() -> list[date]:
    """Sweep: days that are over, have a partition, and on which nothing was ever sealed: no key's death drops them."""
    over = f"sealed_{definitions.now().date() - rules.DAY_KEY_LIFE:%Y%m%d}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'sealed'::regclass AND c.relname < %s"
            " AND NOT EXISTS (SELECT FROM day_key k WHERE k.day = to_date(right(c.relname, 8), 'YYYYMMDD'))"
            " AND NOT EXISTS (SELECT FROM sealed s WHERE s.day = to_date(right(c.relname, 8), 'YYYYMMDD'))",
            [over],
        )
        return [day for (day,) in cursor.fetchall()]


def overdue() -> int:
    """Sweep: retention obligations past their due time and still open; must be 0 (RR-2, RR-3)."""
    return Obligation.objects.filter(
        kind__in=[ObligationKind.FORGET_DAY, ObligationKind.FORGET_CANCELLED],
        satisfied_at__isnull=True,
        due_at__lt=definitions.now(),
    ).count()
