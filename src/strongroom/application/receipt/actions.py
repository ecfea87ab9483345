"""Receipt's verbs: ask Amazon, keep states, seal what must be shipped (DF-1, DF-3, RR-1, RR-2).

Exactly once in effect: every page is one transaction, windows overlap, the watermark is Amazon's own echo and moves
only with the last page of a window. A kill anywhere is followed by the same answers again, which change nothing.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from strongroom.application.receipt import rows, rules
from strongroom.application.receipt.rules import Known
from strongroom.formats.broker import ToSeal
from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.parts import Part
from strongroom.formats.secret import Secret
from strongroom.marketplace import Client, OrderRecord, Page, PageTokenExpired
from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.definitions import OrderState
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.actions import Written, know_keys, to_seal, write_rows
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.actions import ObligationKind, open_obligation, satisfy
from strongroom.policy.obligations.models import Obligation
from strongroom.policy.retention_and_recovery.actions import promise_to_forget
from strongroom.policy.retention_and_recovery.models import Order, OrderItem, Receiver, Stock

OVERLAP: Final = timedelta(minutes=10)
FIRST_WINDOW: Final = timedelta(days=30)
ONE_BY_ONE: Final = 5
"""Up to so many orders are asked for singly; more are fetched by search, which has a far smaller allowance."""
ASK_ABSENT_AGAIN: Final = timedelta(hours=1)


@dataclass
class Received:
    """What one round did."""

    seen: int = 0
    new: int = 0
    sealed: int = 0
    asked_again: int = 0
    absent: int = 0
    skipped: list[str] = field(default_factory=list)


def receive(*, account: int, client: Client) -> Received:
    """One round: states of everything changed, then PII of what must be shipped, then orders that carry waits for.

    Raises the client's typed errors; what was committed before stays, and the next round goes on from there.
    """
    done = Received()
    _read_states(account=account, client=client, done=done)
    _read_personal_data(account=account, client=client, done=done)
    _ask_again(account=account, client=client, done=done)
    return done


def _read_states(*, account: int, client: Client, done: Received) -> None:
    now = definitions.now()
    receiver, _ = Receiver.objects.get_or_create(account_id=account)
    after = (receiver.watermark or now - FIRST_WINDOW) - OVERLAP
    for page, last in _pages(client, after=after):
        with transaction.atomic(durable=True):
            _keep(account=account, records=page.orders, call=page.call, done=done).write(rows.STATE)
            if last and page.last_updated_before is not None:
                watermark = max(page.last_updated_before, receiver.watermark or page.last_updated_before)
                Receiver.objects.filter(account_id=account).update(
                    watermark=watermark, answered_at=definitions.now(), failure=None, failed_at=None
                )


def _pages(client: Client, *, after: datetime) -> Iterable[tuple[Page, bool]]:
    """Every page of a window with whether it is the last. A window that repeats or expires is left unfinished."""
    token: Secret | None = None
    seen: set[str] = set()
    while True:
        try:
            page = client.search_states(updated_after=after, page_token=token)
        except PageTokenExpired:
            return
        repeated = bool(page.orders) and page.fingerprint in seen
        if repeated:
            return
        seen.add(page.fingerprint)
        token = page.next_token
        yield page, token is None
        if token is None:
            return


@dataclass
class _Kept:
    """The orders of a page, living and tombstoned, by Amazon's id. What changed of known ones waits for `write`.

    Whoever marks them further does so before: each is one row written once a page.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    changed: list[Order] = field(default_factory=list)

    def write(self, names: Sequence[str]) -> None:
        rows.change(self.changed, names)


@transaction.atomic
def _keep(*, account: int, records: Sequence[OrderRecord], call: uuid.UUID, done: Received) -> _Kept:
    """Take what these records say of their orders, of one account; new ones are written, changed ones when told to."""
    records = list({record.order_id: record for record in sorted(records, key=lambda r: r.updated)}.values())
    if not records:
        return _Kept()
    version, hashes = broker.order_hashes(account=account, order_ids=[r.order_id for r in records])
    held = {
        bytes(order.order_hash): order
        for order in Order.objects.select_for_update().filter(account_id=account, order_hash__in=hashes).order_by("ref")
    }
    now, kept, new, news = definitions.now(), {}, [], []
    for record, hash_ in zip(records, hashes, strict=True):
        order = held.get(hash_)
        if order is None:
            order = _new_order(account, record, hash_, version, now)
            new.append((order, record))
        elif rules.is_news(known=_known(order), updated_at=record.updated):
            news.append((order, record))
        kept[record.order_id] = order
    _change(news, call, now)
    _insert(new, call, now)
    done.seen += len(records)
    done.new += len(new)
    if new:
        journal.record(
            Kind.PAGE_RECEIVED,
            by=Actor.RECEIPT.reference,
            account=account,
            facts={Fact.CALL: call.bytes, Fact.COUNT: len(new)},
        )
    return _Kept(kept, [order for order, _ in news])


def _new_order(account: int, record: OrderRecord, hash_: bytes, version: int, now: datetime) -> Order:
    return Order(
        account_id=account,
        ref=definitions.reference(),
        order_id=record.order_id,
        order_hash=hash_,
        hash_version=version,
        received_at=now,
        data_absent=False,
        left_confirmed=False,
        origin="amazon",
    )


def _insert(new: Sequence[tuple[Order, OrderRecord]], call: uuid.UUID, now: datetime) -> None:
    places = _places(new)
    for order, record in new:
        _set_state(order, record, None, call, now)
        order.warehouse = next((places[item.sku] for item in record.items if item.sku in places), "")
    rows.insert(Order, [order for order, _ in new])
    for order, _ in new:
        _journal_end(order, None)
    rows.insert(OrderItem, [item for order, record in new for item in _items(order, record)])


def _places(new: Sequence[tuple[Order, OrderRecord]]) -> dict[str | None, str]:
    """The warehouse of each SKU in these orders, as far as stock is known."""
    skus = {item.sku for _, record in new for item in record.items if item.sku}
    accounts = {order.account_id for order, _ in new}
    if len(accounts) != 1:
        return {}
    return dict(Stock.objects.filter(account_id=accounts.pop(), sku__in=skus).values_list("sku", "warehouse"))


def _change(news: Sequence[tuple[Order, OrderRecord]], call: uuid.UUID, now: datetime) -> None:
    """What Amazon says now of orders that are known; their lines only where it changed them since."""
    before = [_known(order) for order, _ in news]
    changed = [(o, record) for o, record in news if record.updated > o.updated_at and o.erased_at is None]
    for (order, record), known in zip(news, before, strict=True):
        _set_state(order, record, known, call, now)
    for (order, _), known in zip(news, before, strict=True):
        _journal_end(order, known)
    if changed:
        account, refs = changed[0][0].account_id, [order.ref for order, _ in changed]
        OrderItem.objects.filter(account_id=account, order_ref__in=refs).delete()
        rows.insert(OrderItem, [item for order, record in changed for item in _items(order, record)])


def _set_state(order: Order, record: OrderRecord, known: Known | None, call: uuid.UUID, now: datetime) -> None:
    state = rules.state_of(record.status)
    order.state, order.status, order.fulfilled_by = state, record.status, record.fulfilled_by
    order.marketplace, order.service = record.marketplace_id or "", record.service_level
    order.placed_at, order.updated_at = record.created, record.updated
    order.ship_by, order.deliver_by = record.ship_by, record.deliver_by
    order.country = record.country or order.country
    order.answered_at, order.call = now, call
    order.fulfilled_at = rules.fulfilled_at(known=known, state=state, updated_at=record.updated, now=now)
    order.cancelled_at = rules.cancelled_at(known=known, state=state, updated_at=record.updated, now=now)
    order.done_on = rules.done_on(known=known, state=state, now=now)
    order.lines, order.units = len(record.items), sum(item.quantity for item in record.items)
    order.priority = rules.priority_of(record.service_level)


def _journal_end(order: Order, before: Known | None) -> None:
    """The moment an order is first seen fulfilled or cancelled is journalled; a cancelled one gets its term (RR-3)."""
    if order.done_on is None or (before is not None and before.done_on is not None):
        return
    cancelled = order.state == OrderState.CANCELLED
    journal.record(
        Kind.ORDER_CANCELLED if cancelled else Kind.ORDER_FULFILLED,
        by=Actor.RECEIPT.reference,
        account=order.account_id,
        subject=order.ref.bytes,
        facts={Fact.CALL: order.call.bytes},
    )
    if order.cancelled_at is not None and cancelled:
        held = order.sealed_version is not None  # of what came already cancelled there was never anything to forget
        began = order.cancelled_at if held else definitions.now()
        open_obligation(
            account=order.account_id,
            kind=ObligationKind.FORGET_CANCELLED,
            subject=order.ref,
            due_at=began + terms.span("forget_cancelled_after"),
            by=Actor.RECEIPT,
            opened_at=began,
        )


def _read_personal_data(*, account: int, client: Client, done: Received) -> None:
    wanted = _wanting(account)
    if not wanted:
        return
    if len(wanted) <= ONE_BY_ONE:
        for order_id, _ in wanted:
            _seal_page(account=account, page=client.get_order_personal_data(order_id), done=done)
        return
    oldest = min(placed_at for _, placed_at in wanted) - OVERLAP
    token: Secret | None = None
    seen: set[str] = set()
    while True:
        try:
            page = client.search_personal_data(created_after=oldest, page_token=token)
        except PageTokenExpired:
            return
        _seal_page(account=account, page=page, done=done)
        token = page.next_token
        if token is None or page.fingerprint in seen:
            return
        seen.add(page.fingerprint)


def _wanting(account: int) -> list[tuple[str, datetime]]:
    """Orders the merchant must still ship whose PII is not held, or was changed since it was sealed (RR-1).

    Amazon's number and the moment it was placed, the oldest first.
    """
    tried = definitions.now() - ASK_ABSENT_AGAIN
    found = Order.objects.filter(
        Q(sealed_version__isnull=True) | Q(sealed_version__lt=F("updated_at")),
        Q(asked_at__isnull=True) | Q(asked_at__lt=tried) | Q(data_absent=False),
        account_id=account,
        state__in=list(rules.TO_SHIP),
        fulfilled_by=rules.MERCHANT,
        done_on__isnull=True,
        order_id__isnull=False,
    ).order_by("placed_at")
    return [(str(order_id), placed_at) for order_id, placed_at in found.values_list("order_id", "placed_at")]


def _seal_page(*, account: int, page: Page, done: Received) -> None:
    """One page: its states, then its PII sealed and written in the same transaction as what it belongs to."""
    if not page.orders:
        return
    with transaction.atomic(durable=True):
        kept = _keep(account=account, records=page.orders, call=page.call, done=done)
        due = [(kept.orders[r.order_id], r) for r in page.orders if _is_due(kept.orders[r.order_id], r)]
        due = list({order.ref: (order, record) for order, record in due}.values())
        _mark_sealed(due, done)
        known = {order.ref for order in kept.changed}
        kept.changed += [order for order, _ in due if order.ref not in known]
        kept.write((*rows.STATE, *rows.SEALED))
        parts = [part for order, record in due for part in _parts(order, record)]
        if parts:
            sealed, keys = broker.seal(account=account, by=Actor.RECEIPT.reference, parts=parts)
            written = [
                Written(uuid.UUID(bytes=part.order), part.part, part.write, done_)
                for part, done_ in zip(parts, sealed, strict=True)
            ]
            know_keys(account=account, keys=keys)
            done.sealed += write_rows(account=account, rows=written)
            promise_to_forget(account=account, keys=keys)


def _is_due(order: Order, record: OrderRecord) -> bool:
    return order.updated_at == record.updated and rules.wants_personal_data(
        state=OrderState(order.state),
        fulfilled_by=order.fulfilled_by,
        done_on=order.done_on,
        updated_at=order.updated_at,
        sealed_version=order.sealed_version,
    )


def _parts(order: Order, record: OrderRecord) -> list[ToSeal]:
    data = record.pii
    groups = ((Part.RECIPIENT, data.recipient), (Part.BUYER, data.buyer), (Part.GIFT, data.gift))
    return [to_seal(order=order.ref, part=part, fields=dict(fields)) for part, fields in groups if fields]


def _mark_sealed(due: Sequence[tuple[Order, OrderRecord]], done: Received) -> None:
    """What these orders' rows will say once this transaction has sealed them."""
    now = definitions.now()
    for order, record in due:
        absent, was_absent = record.recipient_absent, order.data_absent
        order.sealed_version = None if absent else record.updated
        order.asked_at, order.data_absent, order.country = now, absent, record.country
        done.absent += absent
        if absent and not was_absent:
            journal.record(
                Kind.PERSONAL_DATA_ABSENT,
                by=Actor.RECEIPT.reference,
                account=order.account_id,
                subject=order.ref.bytes,
                facts={Fact.CALL: order.call.bytes},
            )


def _ask_again(*, account: int, client: Client, done: Received) -> None:
    """Fetch Amazon's answer for orders that carry waits for; each answer satisfies its obligation."""
    waiting = Obligation.objects.filter(
        account_id=account, kind=ObligationKind.ASK_AGAIN, satisfied_at__isnull=True
    ).order_by("due_at")[:20]
    for obligation in waiting:
        order = Order.objects.filter(account_id=account, ref=obligation.subject, order_id__isnull=False).first()
        page = client.get_order_state(str(order.order_id)) if order is not None else None
        with transaction.atomic(durable=True):
            if page is not None:
                _keep(account=account, records=page.orders, call=page.call, done=done).write(rows.STATE)
            satisfy(account=account, kind=ObligationKind.ASK_AGAIN, subject=obligation.subject, by=Actor.RECEIPT)
        done.asked_again += 1


def _known(order: Order) -> Known:
    return Known(
        order.updated_at,
        order.fulfilled_at,
        order.cancelled_at,
        order.done_on,
        order.sealed_version,
        order.erased_at is not None,
    )


def _items(order: Order, record: OrderRecord) -> list[OrderItem]:
    return [
        OrderItem(
            account_id=order.account_id,
            order_ref=order.ref,
            line=line,
            order_item_id=item.order_item_id,
            sku=(item.sku or "")[:80],
            asin=(item.asin or "")[:20],
            title=(item.title or "")[:200],
            quantity=item.quantity,
            quantity_fulfilled=item.quantity_fulfilled,
        )
        for line, item in enumerate(record.items, 1)
    ]
