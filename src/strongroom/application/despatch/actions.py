"""Despatch's verbs at the bench and the desk: queue a label, decide on one, hand a parcel over, hold, make waves.

Printing itself and telling Amazon are the worker's (`prints.py`, `shipments.py`). No verb here opens an address.
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q

from strongroom.application.despatch import rules
from strongroom.application.despatch.rules import Hold, Printable
from strongroom.formats.leaf import Fact, Kind, Outcome
from strongroom.formats.parts import Part, Purpose
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.access_management import devices
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.definitions import OrderState
from strongroom.policy.encryption_and_storage import actions as storage
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.models import LabelPrint, Printer, PrintReason, PrintState, SealedPart
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.retention_and_recovery.actions import promise_to_forget
from strongroom.policy.retention_and_recovery.models import Order, OrderItem, Parcel, ParcelItem, ParcelState, Wave

LARGEST_WAVE = 100


class AlreadyPrinted(Exception):
    """This parcel has its label. Asked once: what became of it?"""

    def __init__(self, label: LabelPrint) -> None:
        super().__init__("this parcel has its label already")
        self.label = label


@dataclass(frozen=True)
class Queued:
    """A label on its way: the ledger's row and the parcel it is for."""

    label: LabelPrint
    parcel: Parcel


def queue_label(*, order: Order, printer: Printer, by: Person, lines: dict[int, int] | None = None) -> Queued:
    """The label of the next parcel: everything still here, or only `lines` (line: pieces) (ES-4, ES-5).

    Raises `AlreadyPrinted` where nothing is left to pack, `Refused` where the order may have no label now.
    """
    require(Permission.DESPATCH_PACK, of=by)
    with transaction.atomic():
        locked = _lock(order)
        _refuse_unless_printable(locked)
        parcel = _next_parcel(locked, lines, by) or _without_label(locked)
        if parcel is None:
            label = last_label(order=locked)
            if label is None:
                raise Refused("ES-5", "Amazon says that every piece of this order left. There is nothing to pack.")
            raise AlreadyPrinted(label)
        label = into_the_ledger(parcel, printer, PrintReason.FIRST, reference_of(by), devices.where(by))
        return Queued(label, parcel)


def reprint(*, order: Order, parcel: int, printer: Printer, reason: PrintReason, by: Person) -> Queued:
    """One more label of a parcel, for a stated reason; a lost one is told to security by the journal (ES-4)."""
    require(Permission.DESPATCH_PACK, of=by)
    if reason is PrintReason.FIRST:
        raise Refused("ES-4", "Say what became of the first label.")
    with transaction.atomic():
        locked = _lock(order)
        _refuse_unless_printable(locked)
        found = Parcel.objects.get(account_id=order.account_id, order_ref=order.ref, number=parcel)
        undecided = LabelPrint.objects.filter(
            account_id=order.account_id, order_ref=order.ref, parcel=parcel,
            state__in=[PrintState.QUEUED, PrintState.SENT, PrintState.UNKNOWN],
        )  # fmt: skip
        if undecided.exists():
            raise Refused("ES-4", "A label of this parcel is still on its way or undecided. Decide on that one first.")
        return Queued(into_the_ledger(found, printer, reason, reference_of(by), devices.where(by)), found)


def decide(*, label: LabelPrint, came_out: bool, by: Person) -> None:
    """What became of a label whose fate the printer did not tell. A person has looked; nothing prints by itself."""
    require(Permission.DESPATCH_DECIDE, of=by)
    state = PrintState.CONFIRMED if came_out else PrintState.LOST
    with transaction.atomic():
        changed = LabelPrint.objects.filter(
            account_id=label.account_id, id=label.id, state=PrintState.UNKNOWN
        ).update(state=state, since=definitions.now(), decided_by=uuid.UUID(bytes=reference_of(by)))  # fmt: skip
        if not changed:
            raise Refused("ES-4", "This label is decided already.")
        _journal_print(Kind.LABEL_DECIDED, label, reference_of(by), Outcome.DONE if came_out else Outcome.FAILED)


def hand_over(*, order: Order, parcel: int, carrier: str, tracking: Secret, by: Person) -> Parcel:
    """The parcel left with this carrier under this number, which is sealed with the order (ET-1, RR-2).

    Fulfilment is the moment the last piece left. Said again with another number, it is a correction; the moment stays.
    """
    require(Permission.DESPATCH_PACK, of=by)
    number = rules.pack_tracking(tracking.text())
    if carrier not in rules.carrier_names():
        raise Refused("RR-1", "Choose one of the carriers.")
    known = _tracking_of(order, by)
    me = reference_of(by)
    part = storage.to_seal(
        order=order.ref, part=Part.TRACKING, fields=tracking_fields({**known, parcel: (carrier, number)})
    )
    with transaction.atomic():
        locked = _lock(order)
        if locked.cancelled_at is not None:
            raise Refused("RR-3", "Cancelled. Put the goods back; nothing is told to Amazon.")
        found = Parcel.objects.select_for_update().get(
            account_id=order.account_id, order_ref=order.ref, number=parcel
        )  # fmt: skip
        (sealed,), keys = broker.seal(account=order.account_id, by=me, parts=[part])
        storage.know_keys(account=order.account_id, keys=keys)
        storage.write_tracking(
            account=order.account_id, row=storage.Written(order.ref, Part.TRACKING, part.write, sealed)
        )
        promise_to_forget(account=order.account_id, keys=keys)
        _leave(locked, found, me)
    return found


def hold(*, order: Order, reason: Hold | None, by: Person) -> None:
    """Keep an order back for a reason, or let it go (`None`). No label is printed while it is held."""
    require(Permission.DESPATCH_HOLD, of=by)
    with transaction.atomic():
        _lock(order)
        Order.objects.filter(account_id=order.account_id, ref=order.ref).update(
            held_for=reason, held_at=definitions.now() if reason else None
        )
        journal.record(
            Kind.ORDER_HELD if reason else Kind.ORDER_RELEASED,
            by=reference_of(by),
            account=order.account_id,
            subject=order.ref.bytes,
            facts={Fact.REASON: reason} if reason else {},
        )


def make_wave(*, account: int, orders: Iterable[uuid.UUID], warehouse: str, by: Person) -> Wave:
    """Orders picked together, at most 100; those already in a wave or gone stay out. Raises `Refused` for none."""
    require(Permission.DESPATCH_PICK, of=by)
    me = reference_of(by)
    with transaction.atomic():
        free = Order.objects.select_for_update().filter(
            account_id=account, ref__in=list(orders), wave__isnull=True, done_on__isnull=True, held_for__isnull=True
        )  # fmt: skip
        chosen = list(free.order_by("ref").values_list("ref", flat=True)[:LARGEST_WAVE])
        if not chosen:
            raise Refused("RR-1", "None of these orders is free for a wave.")
        last = Wave.objects.filter(account_id=account).order_by("-number").values_list("number", flat=True).first()
        wave = Wave(
            account_id=account, number=(last or 0) + 1, made_at=definitions.now(), by=uuid.UUID(bytes=me),
            warehouse=warehouse, orders=len(chosen),
        )  # fmt: skip
        wave.save(force_insert=True)
        Order.objects.filter(account_id=account, ref__in=chosen).update(wave=wave.number)
        journal.record(Kind.WAVE_MADE, by=me, account=account, facts={Fact.COUNT: len(chosen)})
    return wave


def confirm_still_here(*, order: Order, by: Person) -> None:
    """A person says that an order whose label was printed long ago did not leave; it may be carried again (RR-2)."""
    require(Permission.DESPATCH_HOLD, of=by)
    with transaction.atomic():
        _lock(order)
        Order.objects.filter(account_id=order.account_id, ref=order.ref).update(left_confirmed=True)
        journal.record(
            Kind.ORDER_RELEASED, by=reference_of(by), account=order.account_id, subject=order.ref.bytes
        )  # fmt: skip


def next_parcel(order: Order, by: Person) -> Parcel | None:
    """The next parcel with everything still here, in the caller's transaction; `None` where all is packed."""
    locked = _lock(order)
    _refuse_unless_printable(locked)
    return _next_parcel(locked, None, by)


def last_label(*, order: Order) -> LabelPrint | None:
    """The newest label of an order that was not stopped; `None` where it has none."""
    labels = LabelPrint.objects.filter(account_id=order.account_id, order_ref=order.ref)
    return labels.exclude(state=PrintState.STOPPED).order_by("-queued_at").first()


def printable(order: Order) -> Printable:
    """What decides on a label of this order, as its rows say."""
    held = SealedPart.objects.filter(account_id=order.account_id, order_ref=order.ref, part=Part.RECIPIENT)
    return Printable(
        OrderState(order.state), order.fulfilled_by, order.done_on is not None, order.cancelled_at is not None,
        order.held_for, held.exists(), order.data_absent,
    )  # fmt: skip


def _refuse_unless_printable(order: Order) -> None:
    why = rules.why_not_printed(printable(order))
    if why is not None:
        raise Refused("ES-5", why)


def _lock(order: Order) -> Order:
    return Order.objects.select_for_update().get(account_id=order.account_id, ref=order.ref)


def _next_parcel(order: Order, lines: dict[int, int] | None, by: Person) -> Parcel | None:
    """A new parcel with what is still here; `None` where everything is packed. Called with the order locked."""
    free = rules.left_over(pieces_of(order))
    wanted = free if lines is None else {line: n for line, n in lines.items() if n > 0}
    if not free:
        return None
    if any(n > free.get(line, 0) for line, n in wanted.items()) or not wanted:
        raise Refused("ES-5", "More pieces than are left of this order. Look at the lines again.")
    number = 1 + Parcel.objects.filter(account_id=order.account_id, order_ref=order.ref).count()
    parcel = Parcel(
        account_id=order.account_id, order_ref=order.ref, number=number, state=ParcelState.PACKING,
        made_at=definitions.now(), made_by=uuid.UUID(bytes=reference_of(by)), version=0, told_version=0, tries=0,
        asked=False,
    )  # fmt: skip
    parcel.save(force_insert=True)
    ParcelItem.objects.bulk_create(
        [
            ParcelItem(account_id=order.account_id, order_ref=order.ref, number=number, line=line, quantity=n)
            for line, n in sorted(wanted.items())
        ]
    )
    return parcel


def _without_label(order: Order) -> Parcel | None:
    """A parcel that is here and whose label was stopped before it came out."""
    labels = LabelPrint.objects.filter(
        account_id=order.account_id, order_ref=order.ref, parcel=OuterRef("number")
    ).exclude(state=PrintState.STOPPED)  # fmt: skip
    here = Parcel.objects.filter(account_id=order.account_id, order_ref=order.ref, left_at__isnull=True)
    return here.filter(~Exists(labels)).order_by("number").first()


def pieces_of(order: Order) -> rules.Pieces:
    """Where the pieces of an order are; a parcel whose label Amazon sold may be counted by Amazon while it is here."""
    items = list(OrderItem.objects.filter(account_id=order.account_id, order_ref=order.ref))
    parcels = Parcel.objects.filter(account_id=order.account_id, order_ref=order.ref)
    gone = set(parcels.filter(Q(left_at__isnull=False) | Q(purchase="bought")).values_list("number", flat=True))
    packed: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    for item in ParcelItem.objects.filter(account_id=order.account_id, order_ref=order.ref):
        packed[item.number in gone][item.line] += item.quantity
    return rules.Pieces(
        {item.line: item.quantity for item in items}, packed[False], packed[True],
        {item.line: item.quantity_fulfilled for item in items},
    )  # fmt: skip


def into_the_ledger(
    parcel: Parcel, printer: Printer, reason: PrintReason, me: bytes, device: int | None = None
) -> LabelPrint:
    """A label's row, in the caller's transaction. Raises `AlreadyPrinted` where the parcel has its first one.

    device: which of the company's devices it was asked for at; nothing where Amazon's answer asks for it.
    """
    now = definitions.now()
    label = LabelPrint(
        account_id=parcel.account_id, id=definitions.reference(), order_ref=parcel.order_ref, parcel=parcel.number,
        reason=reason, copies=1, printer=printer.pk, by=uuid.UUID(bytes=me), state=PrintState.QUEUED, queued_at=now,
        since=now, try_at=now, tries=0,
    )  # fmt: skip
    try:
        with transaction.atomic():
            label.save(force_insert=True)
    except IntegrityError:
        first = LabelPrint.objects.exclude(state__in=[PrintState.STOPPED, PrintState.LOST]).get(
            account_id=parcel.account_id, order_ref=parcel.order_ref, parcel=parcel.number, reason=PrintReason.FIRST
        )
        raise AlreadyPrinted(first) from None
    _journal_print(Kind.LABEL_QUEUED, label, me, device=device)
    return label


def _journal_print(
    kind: Kind, label: LabelPrint, by: bytes, outcome: Outcome = Outcome.DONE, device: int | None = None
) -> None:
    journal.record(
        kind,
        by=by,
        account=label.account_id,
        subject=label.order_ref.bytes,
        outcome=outcome,
        facts={
            Fact.PRINT: label.id.bytes,
            Fact.PARCEL: label.parcel,
            Fact.REASON: label.reason,
            Fact.COPIES: label.copies,
            Fact.PRINTER: label.printer,
            **({Fact.DEVICE: device} if device is not None else {}),
        },
    )


def _leave(order: Order, parcel: Parcel, by: bytes) -> None:
    """The parcel is gone; with the last piece the order is fulfilled, by the earliest proof (RR-2)."""
    now, first = definitions.now(), parcel.left_at is None
    bought = parcel.purchase == "bought"  # Amazon sold the label, and knows the number
    Parcel.objects.filter(account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number).update(
        state=ParcelState.TOLD if bought else ParcelState.LEFT,
        left_at=parcel.left_at or now,
        left_by=uuid.UUID(bytes=by), version=F("version") + 1,
        tries=0, try_at=now, problem=None,
    )  # fmt: skip
    journal.record(
        Kind.SHIPMENT_RECORDED if first else Kind.SHIPMENT_CORRECTED,
        by=by,
        account=order.account_id,
        subject=order.ref.bytes,
        facts={Fact.PARCEL: parcel.number},
    )
    if order.fulfilled_at is not None:
        return
    gone_already = Parcel.objects.filter(account_id=order.account_id, order_ref=order.ref, left_at__isnull=False)
    left = [(found.left_at, _pieces(found)) for found in gone_already if found.left_at is not None]
    gone = rules.fulfilled_at(ordered=pieces_of(order).ordered, left=left)
    if gone is not None:
        Order.objects.filter(account_id=order.account_id, ref=order.ref).update(
            fulfilled_at=gone, done_on=order.done_on or now
        )
        journal.record(Kind.ORDER_FULFILLED, by=by, account=order.account_id, subject=order.ref.bytes)


def _pieces(parcel: Parcel) -> dict[int, int]:
    rows = ParcelItem.objects.filter(
        account_id=parcel.account_id, order_ref=parcel.order_ref, number=parcel.number
    )  # fmt: skip
    return dict(rows.values_list("line", "quantity"))


def _tracking_of(order: Order, by: Person) -> dict[int, tuple[str, str]]:
    """Carriers and numbers of an order's other parcels: opened, and so journalled, only where there are some."""
    held = SealedPart.objects.filter(account_id=order.account_id, order_ref=order.ref, part=Part.TRACKING)
    if not held.exists():
        return {}
    opened = storage.open_for(
        account=order.account_id, order=order.ref, purpose=Purpose.TRACKING, by=reference_of(by),
        device=devices.where(by),
    )  # fmt: skip
    return read_tracking(opened.fields)


def tracking_fields(parcels: dict[int, tuple[str, str]]) -> dict[str, Secret]:
    """The sealed part's two fields: a line a parcel, `number of parcel: value`."""
    lines = sorted(parcels.items())
    return {
        "carrier": Secret("\n".join(f"{parcel}: {carrier}" for parcel, (carrier, _) in lines)),
        "number": Secret("\n".join(f"{parcel}: {number}" for parcel, (_, number) in lines)),
    }


def read_tracking(fields: dict[str, Secret]) -> dict[int, tuple[str, str]]:
    """Carrier and number by parcel, from an opened tracking part."""
    carriers, numbers = (dict(_lines(fields, name)) for name in ("carrier", "number"))
    return {parcel: (carriers.get(parcel, rules.OTHER), numbers[parcel]) for parcel in numbers}


def _lines(fields: dict[str, Secret], name: str) -> Iterable[tuple[int, str]]:
    for line in fields[name].text().splitlines() if name in fields else ():
        parcel, _, value = line.partition(": ")
        if parcel.isdigit():
            yield int(parcel), value
