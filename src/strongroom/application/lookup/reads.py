"""What the order pages show, read without opening anything."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from strongroom.application.despatch.reads import by_code
from strongroom.application.despatch.rules import ScanKind, read_scan
from strongroom.formats.leaf import Kind, Outcome
from strongroom.formats.parts import OPENS, Part, Peer, Purpose
from strongroom.policy.definitions import OrderState
from strongroom.policy.encryption_and_storage.models import SealedPart
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import references
from strongroom.policy.logging_and_monitoring.models import Entry, Leaf
from strongroom.policy.retention_and_recovery import rules
from strongroom.policy.retention_and_recovery.actions import selling_accounts
from strongroom.policy.retention_and_recovery.models import Order

FILTERS = {
    "to-ship": (
        "To ship",
        Q(state__in=[OrderState.TO_SHIP, OrderState.PART_SHIPPED], fulfilled_by="MERCHANT", done_on__isnull=True),
    ),
    "absent": ("No address", Q(data_absent=True, done_on__isnull=True)),
    "done": ("Despatched or cancelled", Q(done_on__isnull=False, erased_at__isnull=True)),
    "forgotten": ("Forgotten", Q(erased_at__isnull=False)),
    "all": ("All", Q()),
}
WORDS = {
    Kind.OPENED: "Opened",
    Kind.OPENING_EXTENDED: "Shown a minute longer",
    Kind.EXPLANATION_ASKED: "Somebody asked why it was opened",
    Kind.EXPLANATION_GIVEN: "The reason was given",
    Kind.LABEL_QUEUED: "Label asked for",
    Kind.LABEL_SENT: "Label sent to its printer",
    Kind.LABEL_CONFIRMED: "Label printed",
    Kind.LABEL_UNKNOWN: "Printer lost sight of the label",
    Kind.LABEL_DECIDED: "A person decided on the label",
    Kind.LABEL_STOPPED: "Label not printed",
    Kind.SHIPMENT_RECORDED: "Parcel left",
    Kind.SHIPMENT_CORRECTED: "Tracking number corrected",
    Kind.SHIPMENT_CONFIRMED: "Amazon knows the parcel",
    Kind.SHIPMENT_REFUSED: "Amazon refuses the parcel",
    Kind.ORDER_HELD: "Put on hold",
    Kind.ORDER_RELEASED: "Let go",
    Kind.CARRIED: "Carried to another day's key",
    Kind.ORDER_FULFILLED: "Despatched",
    Kind.ORDER_CANCELLED: "Amazon says: cancelled",
    Kind.ORDER_ERASED: "Forgotten",
    Kind.PERSONAL_DATA_ABSENT: "Amazon sent no address",
    Kind.OBLIGATION_OPENED: "A deadline began",
    Kind.OBLIGATION_SATISFIED: "A deadline was met",
}


@dataclass(frozen=True)
class Happening:
    """A line of an order's history."""

    at: datetime
    what: str
    by: str
    leaf: int | None
    refused: bool = False


def orders(chosen: str, accounts: Sequence[int]) -> QuerySet[Order]:
    """The orders of a filter, newest first."""
    which = FILTERS.get(chosen, FILTERS["to-ship"])[1]
    return Order.objects.filter(which, account_id__in=accounts).order_by("-received_at")


def by_number(number: str) -> Order | None:
    """The living order with Amazon's number, or the one with our code; a forgotten one has no number any more."""
    scan = read_scan(number)
    if scan.kind is ScanKind.OUR_CODE:
        return by_code(scan.value)
    if scan.kind is not ScanKind.AMAZON_NUMBER:
        return None  # a name in the wrong field goes into no statement (RR-4)
    return Order.objects.filter(account_id__in=selling_accounts(), order_id=scan.value).first()


def counts(accounts: Sequence[int]) -> dict[str, int]:
    """How many orders each filter holds, counted in one pass."""
    wanted = {name: Count("ref", filter=which or None) for name, (_, which) in FILTERS.items()}
    found: dict[str, int] = Order.objects.filter(account_id__in=accounts).aggregate(**wanted)
    return found


def held_parts(order: Order) -> list[SealedPart]:
    """The parts of an order that can still be opened, by part."""
    return list(SealedPart.objects.filter(account_id=order.account_id, order_ref=order.ref).order_by("part"))


def deaths(orders: Sequence[Order]) -> dict[uuid.UUID, datetime]:
    """When each of these orders can no longer be opened, where it still can, in one query for a page of them."""
    days: dict[uuid.UUID, datetime] = {}
    accounts, refs = {order.account_id for order in orders}, [order.ref for order in orders]
    for part in SealedPart.objects.filter(account_id__in=accounts, order_ref__in=refs):
        dies = rules.dies_at(part.day)
        days[part.order_ref] = max(dies, days.get(part.order_ref, dies))
    return days


def dies_at(parts: list[SealedPart]) -> datetime | None:
    """When the last of these parts can no longer be opened."""
    return max((rules.dies_at(part.day) for part in parts), default=None)


def purposes(parts: list[SealedPart]) -> list[tuple[Purpose, str, str]]:
    """What a person may open these parts for: purpose, words, and the fields in words."""
    held = {Part(part.part) for part in parts}
    return [
        (purpose, opens.words, _fields(opens.fields))
        for purpose, opens in OPENS.items()
        if Peer.WEB in opens.peers and opens.part in held
    ]


def history(order: Order) -> list[Happening]:
    """What the journal says of an order, oldest first, with each entry's place in the tree."""
    entries = list(Entry.objects.filter(account_id=order.account_id, subject=order.ref).order_by("at", "id"))
    places = dict(
        Leaf.objects.filter(account_id=order.account_id, entry__in=[e.id for e in entries]).values_list(
            "entry", "index"
        )
    )
    names = who({entry.by for entry in entries})
    return [
        Happening(
            entry.at,
            WORDS.get(Kind(entry.kind), Kind(entry.kind).name.replace("_", " ").capitalize()),
            names[entry.by],
            places.get(entry.id),
            entry.outcome == Outcome.REFUSED,
        )
        for entry in entries
        if Kind(entry.kind) not in (Kind.OBLIGATION_OPENED, Kind.OBLIGATION_SATISFIED)
    ]


def who(found: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Names for references: of people while the mapping lives, of processes always."""
    people = references.people(found)
    names = dict(Person.objects.filter(pk__in=people.values()).values_list("pk", "name"))
    shown = {}
    for reference in found:
        process = references.process(reference)
        if process is not None:
            shown[reference] = process.name.replace("_", " ").lower()
        else:
            shown[reference] = names.get(people.get(reference, 0), f"person {str(reference)[:8]}")
    return shown


def openings_today(by: bytes, now: datetime) -> int:
    """How often this person opened something within 24 hours, for the page; the broker counts for itself."""
    since = now - timedelta(hours=24)
    return Entry.objects.filter(
        account_id__in=selling_accounts(), by=uuid.UUID(bytes=by), kind=Kind.OPENED, at__gt=since
    ).count()


def _fields(names: tuple[str, ...]) -> str:
    words: list[str] = [word for word in ("name", "phone", "email") if word in names]
    if "line1" in names:
        words.append("address")
    return ", ".join({"phone": "telephone", "email": "e-mail address"}.get(word, word) for word in words) or "parcel"
